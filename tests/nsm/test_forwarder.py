# SPDX-License-Identifier: Apache-2.0
"""Our forwarder in the real mesh: cables between real namespaces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from kvs_descriptors.nsm import connections, mechanisms
from kvs_descriptors.nsm.errors import MeshError, Refused
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.networkservice.connectioncontext_pb2 import Route
from tests.nsm.forwarder import Bay, Forwarder
from tests.nsm.places import Place
from tests.nsm.serving import ANYWHERE, asked, linked, registered, until

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


def kernel(url: str, name: str = "nsm-1") -> Mechanism:
    return Mechanism(type=mechanisms.KERNEL, parameters={"inodeURL": url, "name": name})


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


def is_clean(forwarder: Forwarder, *places: Place) -> bool:
    return forwarder.kept == [] and not any(place.names() for place in places)


def test_what_cannot_be_laid_whole_is_not_laid_at_all(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    there.ip("link", "add", "taken", "type", "bridge")

    async def story(ends: Ends) -> None:
        with pytest.raises(Refused) as refused:
            await ends.request()

        assert "another's interface has the name taken" in refused.value.reason
        assert (here.names(), there.names()) == (set(), {"taken"})
        assert ends.server.book.connections == {}
        assert forwarder.kept == []

        there.ip("link", "delete", "taken")
        await ends.request()

        assert (here.names(), there.names()) == ({"nsm-1"}, {"taken"})

    play(forwarder, here, story, one=Bay(there, name="taken"))


def _without_place(made: Connection) -> None:
    del made.mechanism.parameters["inodeURL"]


def _nowhere(made: Connection) -> None:
    made.mechanism.parameters["inodeURL"] = "inode://4/1"


def _called(name: str) -> Callable[[Connection], None]:
    return lambda made: made.mechanism.parameters.update(name=name)


def _by_memif(made: Connection) -> None:
    made.mechanism.CopyFrom(mechanisms.memif())


def _mtu(made: Connection) -> None:
    made.context.MTU = 70_000


def _addressed(text: str) -> Callable[[Connection], None]:
    return lambda made: made.context.ip_context.dst_ip_addrs.append(text)


def _beyond_reach(made: Connection) -> None:
    made.context.ip_context.dst_routes.append(Route(prefix="10.9.0.0/16", nextHop="172.16.0.1"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_without_place, "does not say where its interface is"),
        (_nowhere, "there is no network namespace 4-1 to be seen here"),
        (_called("x" * 16), "1 to 15 bytes"),
        (_by_memif, "the mechanism is MEMIF, not KERNEL"),
        (_mtu, "70000"),
        (_addressed("ten"), "not <address>/<prefix length>: 'ten'"),
        (_beyond_reach, "gw-reachable"),
    ],
)
def test_what_an_endpoint_answers_wrong_ends_with_nothing(
    forwarder: Forwarder,
    here: Place,
    there: Place,
    spoil: Callable[[Connection], None],
    words: str,
) -> None:
    bay = Bay(there)
    bay.spoil = spoil

    async def story(ends: Ends) -> None:
        async with linked(forwarder.url, None) as direct:
            offered = [mechanisms.kernel("nsm-1", here.path)]
            with pytest.raises(Refused) as refused:
                await connections.request(direct, asked(), offered)

        assert words in refused.value.reason
        assert ends.server.book.connections == {}
        assert is_clean(forwarder, here, there)

    play(forwarder, here, story, one=bay)


def test_a_refresh_that_fails_leaves_what_was_there(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    bay = Bay(there)

    async def story(ends: Ends) -> None:
        made = await ends.request()
        before = here.indexes()
        bay.more = [Route(prefix="10.77.0.0/16", nextHop="172.16.0.1")]

        with pytest.raises(Refused) as refused:
            await ends.request(made)

        assert "10.77.0.0/16" in refused.value.reason
        assert here.indexes() == before
        assert len(ends.server.book.connections) == 1
        assert here.pings("10.60.100.1")

    play(forwarder, here, story, one=bay)


def test_an_endpoint_that_declines_is_passed_over(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    full = Bay(there)
    full.is_full = True

    async def story(ends: Ends) -> None:
        for number in range(3):
            made = await ends.request(asked(f"c-{number}"), f"nsm-{number}")
            assert made.network_service_endpoint_name == "other"

        assert full.requests > 0

    play(forwarder, here, story, one=full, other=Bay(there, 61))


def test_endpoints_take_turns(forwarder: Forwarder, here: Place, there: Place) -> None:
    bays = {"one": Bay(there, 61, name="a"), "other": Bay(there, 62, name="b")}

    async def story(ends: Ends) -> None:
        for number in range(2):
            await ends.request(asked(f"c-{number}"), f"nsm-{number}")

        assert there.names() == {"a", "b"}

    play(forwarder, here, story, **bays)


def test_an_endpoint_that_keeps_silent_is_not_waited_for(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    class Silent(Bay):
        async def request(self, *arguments: Any) -> Connection:
            await asyncio.sleep(3)
            return await super().request(*arguments)

    async def story(ends: Ends) -> None:
        with pytest.raises(MeshError):
            await ends.request(timeout_s=2)
        await until(lambda: not ends.server.book.connections)

        assert is_clean(forwarder, here, there)

    play(forwarder, here, story, one=Silent(there))


def test_who_does_not_wait_leaves_nothing_behind(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    bay = Bay(there)

    async def story(ends: Ends) -> None:
        for pause_s in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
            task = asyncio.ensure_future(ends.request())
            await asyncio.sleep(pause_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled():
                await ends.close(task.result())
        # The manager may have been too late to cancel: then it has a connection, and so have we.
        await until(lambda: is_clean(forwarder, here, there) or bool(here.names()))
        made = await ends.request()

        assert (len(here.names()), len(there.names())) == (1, 1)
        await ends.close(made)
        await until(lambda: is_clean(forwarder, here, there))

    play(forwarder, here, story, one=bay)


def test_a_client_that_has_forgotten_its_connection_gets_one_in_its_place(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        first = await ends.request()

        second = await ends.request()

        assert ids(second)[2] != ids(first)[2]
        assert (len(here.names()), len(there.names())) == (1, 1)
        await until(lambda: len(ends.server.book.connections) == 1)
        await ends.close(second)
        assert is_clean(forwarder, here, there)

    play(forwarder, here, story, one=Bay(there))


def test_another_client_does_not_get_a_name_that_is_taken(
    forwarder: Forwarder, here: Place, there: Place
) -> None:
    async def story(ends: Ends) -> None:
        await ends.request()
        before = here.indexes()

        with pytest.raises(Refused) as refused:
            await ends.request(asked("c-2"))

        assert "called nsm-1 already" in refused.value.reason
        assert here.indexes() == before
        assert len(ends.server.book.connections) == 1

    play(forwarder, here, story, one=Bay(there))


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (mechanisms.memif(), "the mechanism here is KERNEL; offered: MEMIF"),
        (kernel("inode://4/1"), "there is no network namespace 4-1 to be seen here"),
        (kernel("file:///dev/null"), "/dev/null is no network namespace"),
        (kernel("file:///proc/self/ns/net"), "another one for each who opens it"),
        (kernel("file:///proc/1/ns/net", "a/b"), "an interface's name is printable"),
    ],
)
def test_what_nobody_could_lay_a_cable_to_is_refused_at_once(
    forwarder: Forwarder, there: Place, offered: Mechanism, words: str
) -> None:
    bay = Bay(there)

    async def story(ends: Ends) -> None:
        # The manager would change the URL, or wait for it.
        async with linked(forwarder.url, None) as direct:
            with pytest.raises(Refused) as refused:
                await connections.request(direct, asked(), [offered])

        assert words in refused.value.reason
        assert bay.requests == 0
        assert forwarder.kept == []

    with Place() as here:
        play(forwarder, here, story, one=bay)


def test_twenty_clients_at_once(forwarder: Forwarder, there: Place) -> None:
    async def story(ends: Ends) -> None:
        async with asyncio.TaskGroup() as tasks:
            made = [
                tasks.create_task(ends.request(asked(f"c-{number}"), f"nsm-{number}"))
                for number in range(20)
            ]
        places = (ends.here, there)

        assert [len(place.names()) for place in places] == [20, 20]
        assert len(ends.server.book.connections) == 20
        for one in made:
            assert ends.here.pings(one.result().context.ip_context.dst_ip_addrs[0][:-3])
        async with asyncio.TaskGroup() as tasks:
            for one in made:
                tasks.create_task(ends.close(one.result()))
        assert is_clean(forwarder, *places)

    with Place() as here:
        play(forwarder, here, story, one=Bay(there))
