# SPDX-License-Identifier: Apache-2.0
"""What lasts of a forwarder's connections, whoever dies in between."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import random
from collections.abc import AsyncIterator

import pytest

from kvs_descriptors.nsm import connections, mechanisms, path
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.standing.presence import Presence
from kvs_descriptors.nsm.standing.session import Session, Wanted
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import Connection
from tests.nsm.forwarder import Bay, Forwarder
from tests.nsm.places import Place
from tests.nsm.serving import ANYWHERE, NS, asked, endpoint, linked, running, until
from tests.nsm.test_forwarder import Ends, ids, is_clean, play

# How often each point is passed by a request, counted from the start of the forwarder.
POINTS = [f"netlink.send:{number}=kill" for number in range(2, 15)]
POINTS += ["journal.write:3=kill-before", "journal.write:3=kill"]
FEW = POINTS if os.environ.get("KVS_CRASH_POINTS") == "all" else POINTS[1::3]


async def made_in_the_end(ends: Ends, connection: Connection | None = None) -> Connection:
    """Ask until it is there, as clients do."""
    while True:
        with contextlib.suppress(MeshError):
            return await ends.request(connection, timeout_s=5)
        await asyncio.sleep(0.1)


def test_a_killed_forwarder_takes_up_what_it_has_made(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        first = await ends.request()
        before = here.indexes()

        forwarder.kill()
        assert here.pings("10.60.100.1")
        forwarder.start()
        assert here.indexes() == before
        second = await made_in_the_end(ends, first)

        assert ids(second) == ids(first)
        assert here.indexes() == before
        assert len(ends.server.book.connections) == 1
        assert here.pings("10.60.100.1")
        await ends.close(second)
        assert is_clean(forwarder, here, there)
        assert ends.server.book.connections == {}

    play(forwarder, here, story, one=Bay(there))


def test_a_forwarder_that_is_stopped_leaves_its_cables(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        made = await ends.request()

        assert forwarder.stop() == 0
        assert here.pings("10.60.100.1")
        forwarder.start()
        await made_in_the_end(ends, made)

        assert (here.names(), there.names()) == ({"nsm-1"}, {"bay0"})

    play(forwarder, here, story, one=Bay(there))


@pytest.mark.parametrize("point", FEW)
def test_killed_at_any_moment_it_ends_with_one_cable(
    forwarder: Forwarder, here: Place, there: Place, point: str
) -> None:
    async def story(ends: Ends) -> None:
        with contextlib.suppress(MeshError):
            await ends.request(timeout_s=5)
        forwarder.kill()
        forwarder.start()

        made = await made_in_the_end(ends)

        assert here.names() == {"nsm-1"}
        assert len(there.names()) == 1
        # What was asked for right before the end, and is known to the endpoint alone, is closed.
        await until(lambda: len(ends.server.book.connections) == 1)
        assert here.pings(made.context.ip_context.dst_ip_addrs[0].partition("/")[0])
        await ends.close(made)
        assert is_clean(forwarder, here, there)
        assert ends.server.book.connections == {}

    forwarder.kill()
    forwarder.start(KVS_FAILPOINT=point)
    bay = Bay(there)
    bay.is_for_one = True
    play(forwarder, here, story, one=bay)


def test_killed_over_and_over_while_clients_come_each_ends_with_one_cable(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    chance, count = random.Random(7), 8
    names = {f"nsm-{number}" for number in range(count)}

    async def story() -> None:
        manager = forwarder.manager
        async with (
            linked(manager, None) as client,
            serving(manager, "one", Bay(there)) as server,
            contextlib.AsyncExitStack() as stack,
        ):
            sessions = [Session(client, wanted(here, number)) for number in range(count)]
            for session in sessions:
                await stack.enter_async_context(running(session.run()))
            for _ in range(4):
                await asyncio.sleep(chance.uniform(0.02, 0.5))
                await asyncio.to_thread(forwarder.restart)

            await until(lambda: all(one.standing.connection is not None for one in sessions))
            await until(lambda: here.names() == names and len(there.names()) == count)
            await until(lambda: len(server.book.connections) == count)

    asyncio.run(story())


def wanted(here: Place, number: int) -> Wanted:
    return Wanted(
        client="client",
        identity=f"c-{number}",
        connection=Connection(network_service=NS),
        preferences=(mechanisms.kernel(f"nsm-{number}", here.path),),
    )


def test_what_somebody_removes_is_put_back(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        await ends.request()

        here.ip("link", "delete", "nsm-1")
        await until(lambda: (here.names(), there.names()) == ({"nsm-1"}, {"bay0"}))
        await until(lambda: here.pings("10.60.100.1"))

    play(forwarder, here, story, one=Bay(there))


def test_what_others_set_on_its_interfaces_stays(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        made = await ends.request()
        # As an agent of ours marks what it sets, if it is a route.
        here.ip("address", "add", "10.1.1.1/24", "dev", "nsm-1")
        here.ip("route", "add", "10.2.0.0/16", "dev", "nsm-1", "proto", "107")

        forwarder.restart()
        await made_in_the_end(ends, made)

        assert here.addresses("nsm-1") == {"10.60.0.1/32", "10.1.1.1/24"}
        assert "10.2.0.0/16" in {one["dst"] for one in here.ip("route", "show")}

    play(forwarder, here, story, one=Bay(there))


@contextlib.asynccontextmanager
async def serving(manager: str, name: str, bay: Bay) -> AsyncIterator[EndpointServer]:
    """Have one endpoint on a server of its own, registered."""
    async with EndpointServer(ANYWHERE, None) as server, linked(manager, None) as links:
        server.add(name, bay)
        presence = Presence(links, endpoint(server, name))
        async with running(presence.run()):
            await until(lambda: presence.state.until is not None)
            yield server
        await presence.withdraw()


def test_a_client_hears_of_the_end_of_its_endpoint(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story() -> None:
        async with linked(forwarder.manager, None) as client:
            async with serving(forwarder.manager, "one", Bay(there)) as server:
                offered = [mechanisms.kernel("nsm-1", here.path)]
                await connections.request(client, asked(), offered)
                events = connections.monitor(client, "client", "c-1")
                first = await anext(events)
                await until(lambda: server.book.watchers.count > 0)
            then = await anext(events)

            assert [one.state for one in first.connections.values()] == [connection_pb2.UP]
            mine = [one for one in then.connections.values() if path.is_mine(one, 0, "c-1")]
            assert [one.state for one in mine] == [connection_pb2.DOWN]
            await events.aclose()

    asyncio.run(story())


def test_a_client_moves_on_and_leaves_no_cable_behind(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(elsewhere: Place) -> None:
        manager = forwarder.manager
        async with linked(manager, None) as client, contextlib.AsyncExitStack() as stack:
            session = Session(client, wanted(here, 1))
            async with serving(manager, "one", Bay(there)) as one:
                await stack.enter_async_context(running(session.run()))
                await until(lambda: session.standing.connection is not None)
                await until(lambda: one.book.watchers.count > 0)
                bay = Bay(elsewhere, 61)
                other = await stack.enter_async_context(serving(manager, "other", bay))
            await until(lambda: bool(other.book.connections) and elsewhere.names() == {"bay0"})

            assert (here.names(), there.names()) == ({"nsm-1"}, set())
            assert len(forwarder.kept) == 2
            assert here.pings("10.61.100.1")

    with Place() as elsewhere:
        asyncio.run(story(elsewhere))


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_connection_that_nobody_asks_for_again_ends(
    forwarder: Forwarder, here: Place, there: Place, is_restarted: bool
) -> None:
    async def story(ends: Ends) -> None:
        life = datetime.timedelta(seconds=3)
        offered = [mechanisms.kernel("nsm-1", here.path)]
        links = Links(Address.parse(forwarder.url), None, token_life=life)
        await connections.request(links, asked(), offered)
        await links.close()
        assert here.names() == {"nsm-1"}
        if is_restarted:
            forwarder.restart()

        await until(lambda: is_clean(forwarder, here, there))
        await until(lambda: not ends.server.book.connections)

    play(forwarder, here, story, one=Bay(there))
