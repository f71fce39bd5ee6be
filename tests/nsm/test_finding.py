# SPDX-License-Identifier: Apache-2.0
"""Endpoints that there are in the mesh, as properties, and values that wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm import keys
from kvs_descriptors.nsm.finding import FoundDescriptor, SoughtDescriptor, descriptors
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.standing.presence import Presence
from kvs_proto.nsm.v1.endpoint_pb2 import FoundEndpoint
from kvscheduler import Depends, DependsOnAny, Descriptor, Scheduler, ValueState
from tests.nsm.hosting import Host, endpoint, labels
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, Pool, linked, running, served, until
from tests.nsm.serving import endpoint as plain

ONE = keys.found(NS, "one")


class Dependent(Descriptor[str, None]):
    """Values that wait for an endpoint, or for any of a network service."""

    name = "dependent"
    key_prefix = "dependent/"

    def dependencies(self, key: str, value: str) -> Iterable[Depends | DependsOnAny]:
        return [DependsOnAny((value,)) if value.endswith("/") else Depends(value)]

    def create(self, key: str, value: str) -> None:
        """Be there."""

    def delete(self, key: str, value: str, metadata: None) -> None:
        """Be gone."""


def source(mesh: Mesh, name: str) -> Fixed:
    assert mesh.authority is not None
    return Fixed(mesh.authority.identity(name))


def state(scheduler: Scheduler, key: str) -> ValueState:
    return scheduler.status(key).state


def why(scheduler: Scheduler) -> str:
    (unmet,) = scheduler.status("dependent/one").unmet
    return unmet.cause


async def want(scheduler: Scheduler, **wanted: str) -> None:
    async with scheduler.transaction() as txn:
        for name, value in wanted.items():
            txn.set(f"dependent/{name}", value)


def test_values_may_wait_for_an_endpoint_that_comes_and_goes(mesh: Mesh) -> None:
    async def story() -> None:
        async with (
            linked(mesh.manager.url, source(mesh, "ours")) as links,
            served(source(mesh, "theirs"), one=Pool()) as server,
            Scheduler([*descriptors(links, [NS]), Dependent()]) as scheduler,
        ):
            await want(scheduler, one=ONE, any=f"{keys.FOUND}{NS}/endpoint/")
            assert state(scheduler, "dependent/one") is ValueState.PENDING
            assert state(scheduler, "dependent/any") is ValueState.PENDING
            await until(lambda: "no such endpoint is registered" in why(scheduler))

            presence = Presence(links, plain(server, "one"))
            async with running(presence.run()):
                await until(lambda: state(scheduler, "dependent/one") is ValueState.CONFIGURED)
                assert state(scheduler, "dependent/any") is ValueState.CONFIGURED
            await presence.withdraw()

            await until(lambda: state(scheduler, "dependent/one") is ValueState.PENDING)
            assert state(scheduler, "dependent/any") is ValueState.PENDING

    asyncio.run(story())


def test_what_is_found_says_what_it_advertises_and_changes_with_it(
    mesh: Mesh, tmp_path: Path
) -> None:
    key = keys.found(NS, "agent-web")

    async def story() -> None:
        async with Host.at(mesh, tmp_path).running(more=[Dependent()]) as hosted:

            def found() -> FoundEndpoint:
                there = hosted.scheduler.values(key, view="configured")
                made: FoundEndpoint = there.get(key, FoundEndpoint())
                return made

            # Nobody has asked for the network service but the endpoint itself.
            await hosted.put(endpoint(advertised_labels=labels(app="web")))
            await want(hosted.scheduler, one=key)
            await until(lambda: dict(found().labels) == {"app": "web"})
            assert (found().name, found().network_service) == ("agent-web", NS)
            assert found().url

            await hosted.put(endpoint(advertised_labels=labels(app="db")))
            await until(lambda: dict(found().labels) == {"app": "db"})
            assert state(hosted.scheduler, "dependent/one") is ValueState.CONFIGURED

            await hosted.drop()
            await until(lambda: state(hosted.scheduler, "dependent/one") is ValueState.PENDING)
            assert list(hosted.scheduler.values(keys.SOUGHT, view="configured")) == []

    asyncio.run(story())


def test_what_is_found_stays_while_the_manager_is_away_and_is_looked_at_again(
    mesh: Mesh,
) -> None:
    async def story() -> None:
        sought: SoughtDescriptor
        async with (
            linked(mesh.manager.url, source(mesh, "ours")) as links,
            linked(mesh.manager.url, source(mesh, "theirs")) as theirs,
            served(source(mesh, "theirs"), one=Pool()) as server,
        ):
            sought = SoughtDescriptor(links, [NS])
            every: list[Descriptor[Any, Any]] = [sought, FoundDescriptor(sought), Dependent()]
            async with Scheduler(every) as scheduler:
                presence = Presence(theirs, plain(server, "one"))
                async with running(presence.run()):
                    await until(lambda: state(scheduler, ONE) is ValueState.OBTAINED)
                    mesh.manager.kill()
                    await until(lambda: "no such" not in sought.why_not_found(ONE))
                    assert state(scheduler, ONE) is ValueState.OBTAINED
                    await scheduler.resync("full")
                    assert state(scheduler, ONE) is ValueState.OBTAINED
                mesh.manager.start()
                await presence.withdraw()

                await until(lambda: state(scheduler, ONE) is not ValueState.OBTAINED)
                assert sought.why_not_found(ONE) == "no such endpoint is registered"

    asyncio.run(story())


def test_who_waits_for_what_nobody_looks_for_is_told_so() -> None:
    async def story() -> str:
        async with linked("tcp://127.0.0.1:1", None) as links:
            return SoughtDescriptor(links).why_not_found(keys.found("ns/odd", "x"))

    assert asyncio.run(story()) == "nobody here looks for the network service ns/odd"


@given(st.text(), st.text())
def test_a_key_says_of_which_network_service_an_endpoint_is(service: str, name: str) -> None:
    key = keys.found(service, name)

    assert keys.found_of(key) == service
    assert key.count("/") == 4


@pytest.mark.parametrize("key", ["nsm/service/x", "nsm/connection/a/endpoint/b", ""])
def test_other_keys_are_of_none(key: str) -> None:
    assert keys.found_of(key) == ""
