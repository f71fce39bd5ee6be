# SPDX-License-Identifier: Apache-2.0
"""The predecessor's service for whole configurations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from kvs_agent.orchestrator import Item
from kvs_descriptors.linux import keys
from kvscheduler import Depends, Derived, ValueState
from ligato.configurator import configurator_pb2 as pb
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.netalloc.netalloc_pb2 import IPAllocation
from tests.northbound.grpc.stage import (
    Interfaces,
    Routes,
    Stage,
    config,
    interface,
    play,
    refused,
    route,
    seen,
    shelves,
)

NEVER = "10.9.0.0/24"


def update(*values: Any, **more: Any) -> pb.UpdateRequest:
    return pb.UpdateRequest(update=config(*values), **more)


def delete(*values: Any, **more: Any) -> pb.DeleteRequest:
    return pb.DeleteRequest(delete=config(*values), **more)


async def names(stage: Stage) -> list[str]:
    answer = await stage.configurator.Get(pb.GetRequest())
    return [one.name for one in answer.config.linux_config.interfaces]


def test_an_update_adds_to_what_was_wanted(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))

        await stage.configurator.Update(update(interface("b"), route("10.0.0.7/24", "b")))

        wanted = (await stage.configurator.Get(pb.GetRequest())).config
        assert [one.name for one in wanted.linux_config.interfaces] == ["a", "b"]
        assert wanted.linux_config.routes == [route("10.0.0.7/24", "b")]
        assert wanted.HasField("netalloc_config")

    play(tmp_path, story)


def test_what_it_is_asked_for_is_counted(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        await stage.configurator.Update(update(interface("b")))
        await stage.configurator.Delete(delete(interface("a")))
        await names(stage)
        await stage.configurator.Dump(pb.DumpRequest())

        counted = stage.server.operations.data()
        assert counted["AllOperations"]["count"] == 5
        assert {one["name"]: one["count"] for one in counted["Operations"]} == {
            "Update": 2,
            "Delete": 1,
            "Get": 1,
            "Dump": 1,
        }

    play(tmp_path, story)


def test_a_full_resync_replaces_what_the_source_wanted_and_mends_drift(tmp_path: Path) -> None:
    interfaces, routes = shelves()

    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a"), interface("b")))
        await stage.core.orchestrator.change("etcd", {keys.interface("e"): Item(interface("e"))})
        del interfaces.held[keys.interface("b")]

        await stage.configurator.Update(update(interface("b"), interface("c"), full_resync=True))

        assert await names(stage) == ["b", "c", "e"]
        assert sorted(interfaces.held) == [keys.interface(name) for name in "bce"]

    play(tmp_path, story, interfaces, routes)


def test_each_answer_bears_the_number_of_its_transaction(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        call = stage.configurator.Update(update(interface("a")))
        (header,) = await call.initial_metadata()
        await call

        again = stage.configurator.Update(update(interface("a")))

        assert header == ("seqnum", str(stage.core.scheduler.history[-1].number))
        assert tuple(await again.initial_metadata()) == (header,)

    play(tmp_path, story)


def test_a_source_of_another_name_has_values_of_its_own(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        mine = (("datasrc", "mine"),)
        await stage.configurator.Update(update(interface("a", mtu=1400)), metadata=mine)
        await stage.configurator.Update(update(interface("a", mtu=1500)))

        holders = stage.core.orchestrator.holdings.holders(keys.interface("a"))
        await stage.configurator.Delete(delete(interface("a")), metadata=mine)

        assert holders == ("mine", "grpc")
        assert stage.core.scheduler.values()[keys.interface("a")].mtu == 1500

    play(tmp_path, story)


@pytest.mark.parametrize("name", ["etcd", "file", "x" * 65])
def test_a_source_cannot_pass_for_the_agents_own(tmp_path: Path, name: str) -> None:
    async def story(stage: Stage) -> None:
        call = stage.configurator.Update(update(interface("a")), metadata=(("datasrc", name),))

        error = await refused(call)

        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await names(stage) == []

    play(tmp_path, story)


def test_what_fails_is_told_of_and_still_wanted(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(keys.interface("a"))

    async def story(stage: Stage) -> None:
        call = stage.configurator.Update(update(interface("a"), interface("b")))
        header = await call.initial_metadata()
        error = await refused(call)

        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert keys.interface("a") in (error.details() or "")
        assert "no room on the shelf" in (error.details() or "")
        assert [key for key, _ in header] == ["seqnum"]
        assert await names(stage) == ["a", "b"]

    play(tmp_path, story, interfaces, routes)


def test_waiting_lasts_until_what_failed_is_mended(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(keys.interface("a"))

    async def story(stage: Stage) -> None:
        call = stage.configurator.Update(update(interface("a"), wait_done=True))
        await seen(stage, keys.interface("a"), ValueState.RETRYING)
        interfaces.fails.clear()

        await call

        assert stage.core.scheduler.status(keys.interface("a")).state is ValueState.CONFIGURED

    play(tmp_path, story, interfaces, routes)


def test_waiting_lasts_until_what_was_missing_comes(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        waiting = stage.configurator.Update(update(route(NEVER, "a"), wait_done=True))
        await seen(stage, keys.route(NEVER, "a"), ValueState.PENDING)
        assert not waiting.done()

        await stage.configurator.Update(update(interface("a")))

        await waiting
        key = keys.route(NEVER, "a")
        assert stage.core.scheduler.status(key).state is ValueState.CONFIGURED

    play(tmp_path, story)


def test_whoever_waits_in_vain_hears_for_what(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        request = update(route(NEVER, "a"), wait_done=True)

        error = await refused(stage.configurator.Update(request, timeout=1.0))

        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert keys.interface("a") in (error.details() or "")

    play(tmp_path, story)


def test_waiting_covers_derived_values(tmp_path: Path) -> None:
    class Deriving(Interfaces):
        def derived(self, key: str, value: Any) -> list[Derived]:
            return [Derived(f"{keys.ROUTE}{value.name}-own", value)]

    class Owned(Routes):
        def dependencies(self, key: str, value: Any) -> list[Depends]:
            return [Depends(keys.interface("later"))] if key.endswith("-own") else []

    async def story(stage: Stage) -> None:
        waiting = stage.configurator.Update(update(interface("a"), wait_done=True))
        await seen(stage, f"{keys.ROUTE}a-own", ValueState.PENDING)
        assert not waiting.done()

        await stage.configurator.Update(update(interface("later")))

        await waiting

    play(tmp_path, story, Deriving(), Owned())


def test_a_delete_takes_what_names_a_value(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a", mtu=1400), interface("b")))
        allocated = IPAllocation(network_name="n", interface_name="a", address="10.0.0.1/24")
        request = pb.UpdateRequest()
        request.update.netalloc_config.ip_addresses.append(allocated)
        await stage.configurator.Update(request)

        gone = delete(Interface(name="a"), wait_done=True)
        gone.delete.netalloc_config.ip_addresses.add(network_name="n", interface_name="a")
        await stage.configurator.Delete(gone)

        assert await names(stage) == ["b"]
        assert list(stage.core.orchestrator.holdings.of_source("grpc")) == [keys.interface("b")]

    play(tmp_path, story)


def test_what_has_no_key_or_two_values_is_refused_whole(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        nameless = await refused(stage.configurator.Update(update(interface(""), interface("a"))))
        twice = await refused(stage.configurator.Update(update(interface("a"), interface("a"))))

        assert nameless.code() is twice.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "interfaces[0]: needs name" in (nameless.details() or "")
        assert "stands twice" in (twice.details() or "")
        assert await names(stage) == []

    play(tmp_path, story)


def test_a_dump_is_what_the_southbound_says(tmp_path: Path) -> None:
    interfaces, routes = shelves()

    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a")))
        interfaces.held[keys.interface("other")] = interface("other")
        del interfaces.held[keys.interface("a")]

        found = (await stage.configurator.Dump(pb.DumpRequest())).dump

        assert [one.name for one in found.linux_config.interfaces] == ["other"]
        assert await names(stage) == ["a"]

    play(tmp_path, story, interfaces, routes)


async def told(stage: Stage, count: int, **request: Any) -> list[pb.NotifyResponse]:
    call = stage.configurator.Notify(pb.NotifyRequest(**request))
    found = [await call.read() for _ in range(count)]
    call.cancel()
    return found


def of_interface(name: str) -> pb.Notification:
    made = pb.Notification()
    made.linux_notification.interface.state.name = name
    return made


def test_notifications_are_numbered_and_read_from_anywhere(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.configurator.Update(update(interface("a"), interface("b")))
        await stage.configurator.Update(update(interface("a", mtu=1400)))
        await stage.configurator.Delete(delete(interface("a")))

        everything = await told(stage, 4)
        late = await told(stage, 2, idx=2)

        assert [one.next_idx for one in everything] == [1, 2, 3, 4]
        states = [one.notification.linux_notification.interface.state for one in everything]
        assert [one.name for one in states] == ["a", "b", "a", "a"]
        assert [one.mtu for one in states[2:]] == [1400, 1400]
        assert states[3].admin_status == states[3].DELETED
        assert late == everything[2:]

    play(tmp_path, story)


def test_notifications_come_as_things_happen_and_only_those_asked_for(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        listening = asyncio.create_task(told(stage, 2, filters=[of_interface("b")]))
        await stage.configurator.Update(update(interface("a"), interface("b")))

        await stage.configurator.Delete(delete(interface("b")))

        found = [one.notification.linux_notification.interface.state for one in await listening]
        assert [one.name for one in found] == ["b", "b"]
        assert found[-1].oper_status == found[-1].DELETED

    play(tmp_path, story)
