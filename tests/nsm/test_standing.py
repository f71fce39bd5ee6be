# SPDX-License-Identifier: Apache-2.0
"""What lasts: connections and registrations, whoever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kvs_descriptors.nsm import connections, mechanisms
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.registry import find_endpoints
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.standing.presence import Presence
from kvs_descriptors.nsm.standing.session import Session, Wanted
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice.connection_pb2 import Connection
from tests.nsm.mesh import Mesh, Part
from tests.nsm.serving import NS, OURS, Pool, endpoint, linked, running, served, until

Story = Callable[["Ends"], Coroutine[Any, Any, None]]
LONG_S = 60.0


class Ends:
    """A client that keeps its connection, and endpoints that keep their registrations."""

    def __init__(self, client: Links, ours: Links, server: EndpointServer) -> None:
        self.client, self.ours, self.server = client, ours, server
        self.session = self.anew()

    def anew(self, patience_s: float = LONG_S, to: str = "") -> Session:
        """Return a client that remembers nothing."""
        wanted = Wanted(
            client="client",
            identity="c-1",
            connection=Connection(network_service=NS, network_service_endpoint_name=to),
            preferences=(mechanisms.kernel("nsm-1", OURS),),
        )
        self.session = Session(self.client, wanted, patience_s=patience_s)
        return self.session

    @property
    def ids(self) -> list[str]:
        connection = self.session.standing.connection
        segments = connection.path.path_segments if connection is not None else []
        return [segment.id for segment in segments]

    async def until_up(self, *, beyond: list[str] | None = None) -> list[str]:
        await until(lambda: bool(self.ids) and self.ids != beyond)
        return self.ids


def is_registered(presence: Presence) -> bool:
    return presence.state.until is not None


def play(mesh: Mesh, story: Story, *names: str, patience_s: float = LONG_S) -> None:
    async def whole() -> None:
        assert mesh.authority is not None
        client, ours = (Fixed(mesh.authority.identity(name)) for name in ("client", "ours"))
        async with contextlib.AsyncExitStack() as stack:
            links = await stack.enter_async_context(linked(mesh.manager.url, client))
            way = await stack.enter_async_context(linked(mesh.manager.url, ours))
            pools = {name: Pool() for name in names}
            server = await stack.enter_async_context(served(ours, **pools))
            for name in names:
                presence = Presence(way, endpoint(server, name))
                await stack.enter_async_context(running(presence.run()))
                await until(functools.partial(is_registered, presence))
            ends = Ends(links, way, server)
            ends.anew(patience_s)
            await stack.enter_async_context(running(ends.session.run()))
            await ends.until_up()
            await story(ends)

    asyncio.run(whole())


@pytest.mark.parametrize("kind", ["manager", "registry", "forwarder"])
def test_a_connection_keeps_its_ids_over_the_death_of(mesh: Mesh, kind: str) -> None:
    part: Part = getattr(mesh, kind)
    held = []

    async def story(ends: Ends) -> None:
        before = ends.ids

        part.kill()
        part.start()
        await connections_work(ends)
        after = await ends.until_up()

        assert (after[0], after[3]) == (before[0], before[3])
        held.append(len(ends.server.book.connections))

    play(mesh, story, "one")

    assert held == [1]


async def connections_work(ends: Ends) -> None:
    """Wait until the client's connection can be refreshed through the whole mesh."""
    while True:
        connection = ends.session.standing.connection
        if connection is not None:
            with contextlib.suppress(MeshError):
                offered = [mechanisms.kernel("nsm-1", OURS)]
                await connections.request(ends.client, connection, offered, timeout_s=5)
                return
        await asyncio.sleep(0.05)


def test_a_client_moves_on_when_its_endpoint_is_removed(mesh: Mesh) -> None:
    async def story(ends: Ends) -> None:
        connection = ends.session.standing.connection
        assert connection is not None
        first = connection.network_service_endpoint_name
        before = ends.ids
        # A forwarder that does not follow yet would notice by the next refresh only.
        await until(lambda: ends.server.book.watchers.count > 0)

        await ends.server.remove(first)
        await ends.until_up(beyond=before)

        connection = ends.session.standing.connection
        assert connection is not None
        assert connection.network_service_endpoint_name == ({"one", "other"} - {first}).pop()
        assert ends.ids[:2] == before[:2]
        assert len(ends.server.book.connections) == 1

    play(mesh, story, "one", "other")


def test_a_restarted_client_takes_its_connection_up_again(mesh: Mesh) -> None:
    async def story(ends: Ends) -> None:
        before = ends.ids
        again = ends.anew()

        async with running(again.run()):
            await ends.until_up()

            assert ends.ids == before
            assert len(ends.server.book.connections) == 1

    play(mesh, story, "one")


def test_a_restarted_client_closes_what_it_does_not_want_any_more(mesh: Mesh) -> None:
    async def story(ends: Ends) -> None:
        again = ends.anew()

        await again.close()

        assert ends.server.book.connections == {}

    play(mesh, story, "one")


def test_a_client_waits_for_an_endpoint_and_says_what_for(mesh: Mesh) -> None:
    async def whole() -> None:
        assert mesh.authority is not None
        source = Fixed(mesh.authority.identity("all"))
        async with linked(mesh.manager.url, source) as links, served(source, one=Pool()) as server:
            ends = Ends(links, links, server)
            async with running(ends.session.run()):
                await until(lambda: "not asked" not in ends.session.standing.failure)
                assert f"network service {NS} is not found" in ends.session.standing.failure

                async with running(Presence(links, endpoint(server, "one")).run()):
                    await ends.until_up()

    asyncio.run(whole())


def test_a_withdrawn_endpoint_is_not_found(mesh: Mesh) -> None:
    async def whole() -> None:
        assert mesh.authority is not None
        source = Fixed(mesh.authority.identity("all"))
        async with linked(mesh.manager.url, source) as links, served(source, one=Pool()) as server:
            presence = Presence(links, endpoint(server, "one"))
            async with running(presence.run()):
                await until(lambda: presence.state.until is not None)

            await presence.withdraw()

            assert await find_endpoints(links, endpoint(server, "one")) == []
            assert presence.state.until is None

    asyncio.run(whole())
