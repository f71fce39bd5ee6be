# SPDX-License-Identifier: Apache-2.0
"""Our forwarder in the real mesh: cables between real namespaces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from kvs_descriptors.nsm import connections, mechanisms
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.networkservice.connectioncontext_pb2 import Route
from tests.nsm.forwarder import Bay, Forwarder
from tests.nsm.places import Place
from tests.nsm.serving import ANYWHERE, asked, linked, registered

__all__ = ["Ends", "play"]


class Ends:
    """A client's way to the manager, and the endpoints."""

    def __init__(self, client: Links, server: EndpointServer, here: Place) -> None:
        self.client, self.server, self.here = client, server, here

    async def request(
        self, connection: Connection | None = None, name: str = "nsm-1", timeout_s: float = 15
    ) -> Connection:
        wanted = asked() if connection is None else connection
        offered = [mechanisms.kernel(name, self.here.path)]
        return await connections.request(self.client, wanted, offered, timeout_s=timeout_s)

    async def close(self, connection: Connection) -> None:
        await connections.close(self.client, connection)


Story = Callable[[Ends], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def ends(manager: str, here: Place, **bays: Bay) -> AsyncIterator[Ends]:
    """Lend a client and endpoints in a mesh that checks nothing."""
    async with (
        linked(manager, None) as links,
        linked(manager, None) as ours,
        EndpointServer(ANYWHERE, None) as server,
    ):
        for name, bay in bays.items():
            server.add(name, bay)
        await registered(ours, server, *bays)
        yield Ends(links, server, here)


def play(forwarder: Forwarder, here: Place, story: Story, **bays: Bay) -> None:
    async def whole() -> None:
        async with ends(forwarder.manager, here, **bays) as made:
            await story(made)

    asyncio.run(whole())


def ids(connection: Connection) -> list[str]:
    return [segment.id for segment in connection.path.path_segments]


def test_a_client_gets_a_cable_to_its_endpoint(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    bay = Bay(there)
    bay.mtu = 1400
    bay.more = [Route(prefix="10.99.0.0/16"), Route(prefix="10.98.0.0/16", nextHop="10.60.100.1")]

    async def story(ends: Ends) -> None:
        made = await ends.request()

        assert [one.name for one in made.path.path_segments][2:] == ["cables", "one"]
        assert mechanisms.read_kernel(made.mechanism).name == "nsm-1"
        assert mechanisms.read_kernel(made.mechanism).namespace == here.path.as_uri()
        assert (here.names(), there.names()) == ({"nsm-1"}, {"bay0"})
        assert here.addresses("nsm-1") == {"10.60.0.1/32"}
        assert there.addresses("bay0") == {"10.60.100.1/32"}
        (link,) = here.ip("link", "show", "dev", "nsm-1")
        assert (link["mtu"], link["operstate"]) == (1400, "UP")
        routes = {one["dst"]: one.get("gateway") for one in here.ip("route", "show")}
        assert routes == {
            "10.60.100.1": None,
            "10.99.0.0/16": "10.60.100.1",
            "10.98.0.0/16": "10.60.100.1",
        }
        assert here.pings("10.60.100.1")
        assert len(forwarder.kept) == 2

        await ends.close(made)

        assert (here.names(), there.names()) == (set(), set())
        assert ends.server.book.connections == {}
        assert forwarder.kept == []

    play(forwarder, here, story, one=bay)


def test_a_refresh_that_changes_nothing_does_nothing(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        first = await ends.request()
        before = here.indexes()
        done = forwarder.transactions()

        second = await ends.request(first)

        assert ids(second) == ids(first)
        assert here.indexes() == before
        assert forwarder.transactions() == done

    play(forwarder, here, story, one=Bay(there))


def test_of_a_refresh_the_difference_alone_is_applied(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    bay = Bay(there)

    async def story(ends: Ends) -> None:
        first = await ends.request()
        before = here.indexes()
        bay.more = [Route(prefix="10.99.0.0/16")]
        bay.mtu = 1300

        await ends.request(first)

        assert here.indexes() == before
        (link,) = here.ip("link", "show", "dev", "nsm-1")
        assert link["mtu"] == 1300
        assert {"10.60.100.1", "10.99.0.0/16"} == {one["dst"] for one in here.ip("route", "show")}

    play(forwarder, here, story, one=bay)
