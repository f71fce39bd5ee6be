# SPDX-License-Identifier: Apache-2.0
"""The predecessor's service for single values of any model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed

from kvs_agent.orchestrator import Item
from kvs_descriptors.linux import keys
from kvscheduler import Unreadable
from ligato.generic import manager_pb2 as pb
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.northbound.grpc.stage import Stage, interface, play, refused, route, shelves

INTERFACE = "linux.interfaces.interface"
ROUTE = "linux.l3.route"


def item(value: Any, model: str = "", name: str = "", prefix: str = "models.ligato.io") -> pb.Item:
    made = pb.Item()
    made.data.any.Pack(value, prefix)
    if model:
        made.id.model, made.id.name = model, name
    return made


def named(model: str, name: str = "") -> pb.Item:
    return pb.Item(id=pb.Item.ID(model=model, name=name))


def setting(*items: pb.Item, **more: Any) -> pb.SetConfigRequest:
    updates = [pb.UpdateItem(item=one) for one in items]
    return pb.SetConfigRequest(updates=updates, **more)


async def wanted(stage: Stage, **request: Any) -> list[str]:
    answer = await stage.manager.GetConfig(pb.GetConfigRequest(**request))
    return [one.item.id.name for one in answer.items]


def test_values_are_set_and_results_say_how_they_are(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        first = item(interface("a"), INTERFACE, "a")
        other = item(route("10.0.0.7/24", "b"), ROUTE, "whatever", "type.googleapis.com")

        answer = await stage.manager.SetConfig(setting(first, other))

        number, made, waiting = answer.results
        assert (number.key, number.status.status) == ("seqnum", "NONEXISTENT")
        assert int(number.status.message) == stage.core.scheduler.history[-1].number
        assert (made.key, made.status.status) == (keys.interface("a"), "CONFIGURED")
        assert made.op == pb.UpdateResult.CREATE
        assert (waiting.id.model, waiting.id.name) == (ROUTE, "10.0.0.0/24/b")
        assert waiting.status.status == "PENDING"
        assert keys.interface("b") in waiting.status.message

    play(tmp_path, story)


def test_a_value_without_data_is_wanted_no_more(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.manager.SetConfig(setting(item(interface("a")), item(interface("b"))))

        answer = await stage.manager.SetConfig(
            setting(named(INTERFACE, "a"), named(INTERFACE, "never-there"))
        )

        assert [one.op for one in answer.results[1:]] == [pb.UpdateResult.DELETE] * 2
        assert {one.status.status for one in answer.results[1:]} <= {"NONEXISTENT", "REMOVED"}
        assert await wanted(stage) == ["b"]

    play(tmp_path, story)


def test_overwriting_all_leaves_nothing_else_of_the_source(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.manager.SetConfig(setting(item(interface("a")), item(interface("b"))))

        await stage.manager.SetConfig(setting(item(interface("c")), overwrite_all=True))

        assert await wanted(stage) == ["c"]

    play(tmp_path, story)


def test_values_are_found_by_name_and_by_label(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        labelled = [("a", {"app": "x"}), ("b", {"app": "y", "team": "1"}), ("c", {})]
        updates = [
            pb.UpdateItem(item=item(interface(name)), labels=labels) for name, labels in labelled
        ]
        await stage.manager.SetConfig(pb.SetConfigRequest(updates=updates))

        id_of_b = pb.Item.ID(model=INTERFACE, name="b")
        assert await wanted(stage, ids=[id_of_b]) == ["b"]
        assert await wanted(stage, labels={"app": "x"}) == ["a"]
        assert await wanted(stage, labels={"app": ""}) == ["a", "b"]
        assert await wanted(stage, labels={"!app": ""}) == ["c"]
        assert await wanted(stage, labels={"app": "", "!team": "1"}) == ["a"]
        both = pb.GetConfigRequest(ids=[id_of_b], labels={"app": "x"})
        error = await refused(stage.manager.GetConfig(both))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT

    play(tmp_path, story)


def test_a_wish_that_could_not_be_read_is_shown_without_data(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        wish = Item(Unreadable("not JSON"))
        await stage.core.orchestrator.change("etcd", {keys.interface("a"): wish})

        (found,) = (await stage.manager.GetConfig(pb.GetConfigRequest())).items

        assert not found.item.HasField("data")
        assert (found.item.id.name, found.status.status) == ("a", "INVALID")
        assert "not JSON" in found.status.message

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (pb.Item(), "neither a value nor a name"),
        (named("no.such", "a"), "no.such is no model"),
        (item(interface("a"), "no.such"), "no.such is no model"),
        (item(interface("a"), ROUTE), f"is a {INTERFACE}"),
        (item(interface("")), "needs name"),
        (pb.Item(data=pb.Data(any=Packed(type_url="x/ligato.None"))), "ligato.None is no model"),
        (
            pb.Item(
                data=pb.Data(
                    any=Packed(type_url=f"x/{Interface.DESCRIPTOR.full_name}", value=b"\xff")
                )
            ),
            "not a ligato",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused_whole(
    tmp_path: Path, broken: pb.Item, text: str
) -> None:
    async def story(stage: Stage) -> None:
        error = await refused(stage.manager.SetConfig(setting(item(interface("b")), broken)))

        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert text in (error.details() or "")
        assert "updates[1]" in (error.details() or "")
        assert await wanted(stage) == []

    play(tmp_path, story)


def test_a_value_that_stands_twice_is_refused(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        error = await refused(stage.manager.SetConfig(setting(*[item(interface("a"))] * 2)))

        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT

    play(tmp_path, story)


def test_what_fails_is_an_error_of_the_call(tmp_path: Path) -> None:
    interfaces, routes = shelves()
    interfaces.fails.add(keys.interface("a"))

    async def story(stage: Stage) -> None:
        error = await refused(stage.manager.SetConfig(setting(item(interface("a")))))

        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "no room on the shelf" in (error.details() or "")

    play(tmp_path, story, interfaces, routes)


def test_the_state_is_what_is_known_to_be_there(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.manager.SetConfig(
            setting(item(interface("a")), item(interface("b")), item(route("10.0.0.0/8", "none")))
        )

        everything = await stage.manager.DumpState(pb.DumpStateRequest())
        some = await stage.manager.DumpState(
            pb.DumpStateRequest(ids=[pb.Item.ID(model=INTERFACE, name="b")])
        )
        routes = await stage.manager.DumpState(pb.DumpStateRequest(ids=[pb.Item.ID(model=ROUTE)]))

        assert [one.item.id.name for one in everything.items] == ["a", "b"]
        assert [one.item.id.name for one in some.items] == ["b"]
        assert not routes.items
        assert everything.items[0].item.data.any.type_url == (
            "models.ligato.io/ligato.linux.interfaces.Interface"
        )

    play(tmp_path, story)


def test_a_subscriber_is_told_of_what_is_and_what_changes(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.manager.SetConfig(setting(item(interface("a")), item(interface("other"))))
        ids = [pb.Item.ID(model=INTERFACE, name="a"), pb.Item.ID(model=ROUTE)]
        subscriptions = [pb.Subscription(id=one) for one in ids]
        call = stage.manager.Subscribe(pb.SubscribeRequest(subscriptions=subscriptions))

        (present,) = (await call.read()).notifications
        await stage.manager.SetConfig(setting(item(route("10.0.0.0/8", "a"))))
        (made,) = (await call.read()).notifications
        await stage.manager.SetConfig(setting(named(INTERFACE, "a")))
        gone: dict[str, pb.Notification] = {}
        while len(gone) < 2:
            (one,) = (await call.read()).notifications
            if one.status.status != "CONFIGURED":
                gone[one.item.id.model] = one
        call.cancel()

        assert (present.item.id.name, present.status.status) == ("a", "CONFIGURED")
        assert (made.item.id.name, made.status.status) == ("10.0.0.0/8/a", "CONFIGURED")
        assert gone[ROUTE].status.status == "PENDING"
        assert not gone[INTERFACE].item.HasField("data")

    play(tmp_path, story)
