# SPDX-License-Identifier: Apache-2.0
"""The interface of a client, on the real kernel: it waits for its connection, and goes before."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from kvs_agent.wiring import linux_interface
from kvs_descriptors import linux
from kvs_descriptors.linux import keys as linux_keys
from kvs_descriptors.nsm import keys
from kvs_descriptors.nsm.clients.descriptor import ClientDescriptor, ConnectionDescriptor, Place
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.standing.presence import Presence
from kvs_proto.cnf.nsm.nsm_pb2 import ConnectionLabel, NetworkServiceClient
from kvscheduler import RetryPolicy, Scheduler, TransactionResult, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route
from tests.linux.bench import Bench
from tests.linux.conftest import bench, privileged
from tests.nsm.cables import Cables
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, Pool, linked, running, served, until
from tests.nsm.serving import endpoint as ours

__all__ = ["bench", "privileged"]

RETRY = RetryPolicy(first_delay=0.1, max_delay=0.1)
PLACE = Place(name="agent", namespace=OURS, sockets=pathlib.Path("/run/memif"))
CLIENT = keys.client("c")
CONNECTION = keys.connection("c", NS)
ADDRESS = "10.77.9.10/24"
MAC = "02:00:00:00:09:0a"


@pytest.fixture
def cable(bench: Bench) -> Iterator[Cables]:
    """Lend a cable that is not plugged in; its name is the interface's."""
    with Cables(bench.host("n")).laid() as laid:
        yield laid


class World:
    """A mesh, a kernel, and engines that come and go; the journal stays."""

    def __init__(self, mesh: Mesh, bench: Bench, cable: Cables, folder: pathlib.Path) -> None:
        self.mesh, self.bench, self.cable = mesh, bench, cable
        self.journal = folder / "journal.db"
        self.scheduler: Scheduler
        self.server: EndpointServer
        self.pool: Pool

    @property
    def interface(self) -> str:
        return linux_keys.interface(self.cable.name)

    @property
    def up(self) -> str:
        return linux_keys.state(self.cable.name)

    @property
    def address(self) -> str:
        return linux_keys.address(self.cable.name, ADDRESS)

    def client(self, **others: Any) -> NetworkServiceClient:
        fields = {"name": "c", "network_service": NS, "interface_name": self.cable.name, **others}
        return NetworkServiceClient(**{"ip_addresses": [ADDRESS], **fields})

    def state(self, key: str) -> ValueState:
        return self.scheduler.status(key).state

    def ids(self) -> list[str]:
        """Return the ids of all that the connection goes through, as its endpoint knows them."""
        (held,) = self.server.book.connections.values()
        return [one.id for one in held.path.path_segments]

    def labels(self) -> list[dict[str, str]]:
        return [dict(one.labels) for one in self.server.book.connections.values()]

    def addresses(self) -> set[str]:
        return self.bench.texts("", self.cable.name)

    async def put(self, *values: NetworkServiceClient | None) -> TransactionResult:
        txn = self.scheduler.transaction(retry=RETRY)
        for value in values or (None,):
            txn.delete(CLIENT) if value is None else txn.set(CLIENT, value)
        return await txn.commit()

    async def until_up(self) -> None:
        await until(lambda: self.state(self.interface) is ValueState.CONFIGURED)
        await self.scheduler.settle()

    @contextlib.asynccontextmanager
    async def engine(self) -> AsyncIterator[Scheduler]:
        """Lend an engine as an agent has it after a start."""
        assert self.mesh.authority is not None
        self.bench.restart()
        kernel = linux.descriptors(kernel=self.bench.kernel, watch=True)
        identity = Fixed(self.mesh.authority.identity("agent"))
        async with linked(self.mesh.manager.url, identity) as links:
            clients = ClientDescriptor(links, PLACE, linux_interface(kernel))
            each = [*kernel, clients, ConnectionDescriptor(clients)]
            async with Scheduler(each, journal=self.journal, retry=RETRY) as self.scheduler:
                yield self.scheduler

    @contextlib.asynccontextmanager
    async def endpoint(self, name: str = "one", service: str = NS) -> AsyncIterator[None]:
        assert self.mesh.authority is not None
        source = Fixed(self.mesh.authority.identity("endpoint"))
        self.pool = Pool()
        async with (
            linked(self.mesh.manager.url, source) as links,
            served(source, **{name: self.pool}) as self.server,
        ):
            presence = Presence(links, ours(self.server, name, service))
            async with running(presence.run()):
                await until(lambda: presence.state.until is not None)
                yield


Story = Callable[[World], Coroutine[Any, Any, None]]


@pytest.fixture
def play(
    mesh: Mesh, bench: Bench, cable: Cables, tmp_path: pathlib.Path
) -> Callable[[Story], None]:
    """Return what plays a story, and leaves the interface as it was."""
    world = World(mesh, bench, cable, tmp_path)
    return lambda story: asyncio.run(story(world))


def test_the_interface_waits_for_the_connection_which_says_what_it_waits_for(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.engine() as scheduler:
            world.cable.plug_in()
            txn = scheduler.transaction()
            txn.set(CLIENT, world.client())
            plan = txn.plan()
            assert [one.key for one in plan.operations] == [CLIENT]
            assert {world.interface, world.address, world.up} == plan.pending.keys()

            assert (await txn.commit()).ok
            unmet = {one.label: one for one in scheduler.status(world.interface).unmet}
            assert unmet["maker-exists"].key == CONNECTION
            await until(lambda: "refused" in str(scheduler.status(world.interface).unmet[-1]))

            cause = scheduler.status(world.interface).unmet[-1].cause
            why = rf"connecting since \d\d:\d\d:\d\d; refused: network service {NS} is not found"
            assert re.search(why, cause), cause
            derived = scheduler.status(CLIENT).derived
            waiting = {one.key for one in derived if one.state is ValueState.PENDING}
            assert waiting == plan.pending.keys()
            assert world.addresses() == set()

    play(story)


def test_it_is_configured_with_its_connection_and_given_back_before_that_is_closed(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint(), world.engine() as scheduler:
            await world.put(world.client(phys_address=MAC))
            route = Route(outgoing_interface=world.cable.name, dst_network="10.78.0.0/24")
            route.gw_addr = "10.77.9.1"
            way = linux_keys.route(route.dst_network, route.outgoing_interface)
            async with scheduler.transaction() as txn:
                txn.set(way, route)
            await until(lambda: world.state(CONNECTION) is ValueState.OBTAINED)
            assert world.state(way) is ValueState.PENDING
            world.cable.plug_in()
            await world.until_up()

            assert world.bench.link("", world.cable.name)["address"] == MAC
            assert world.addresses() == {ADDRESS}
            assert world.state(way) is ValueState.CONFIGURED
            assert (await scheduler.resync("full")).operations == ()

            done = await world.put()

            went = [one.operation.key for one in done.operations]
            assert went.index(way) < went.index(world.address) < went.index(world.interface)
            assert set(went) == {way, world.up, world.address, world.interface, CLIENT}
            assert went[-2:] == [world.interface, CLIENT]
            assert world.addresses() == set()
            assert world.bench.link("", world.cable.name)["address"] != MAC
            assert world.server.book.connections == {}

    play(story)


def test_other_labels_are_told_to_the_same_connection(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        async with world.endpoint(), world.engine():
            world.cable.plug_in()
            await world.put(world.client())
            await world.until_up()
            before = world.ids()

            labels = [ConnectionLabel(key="app", value="web")]
            done = await world.put(world.client(outgoing_labels=labels))

            assert [(one.operation.kind, one.operation.key) for one in done.operations] == [
                ("update", CLIENT)
            ]
            await until(lambda: world.labels() != [{}])
            assert world.labels() == [{"app": "web"}]
            assert world.ids() == before
            assert world.addresses() == {ADDRESS}
            await world.put()

    play(story)


def test_another_address_is_none_of_the_connections_business(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint(), world.engine() as scheduler:
            world.cable.plug_in()
            await world.put(world.client())
            await world.until_up()
            before, requests = world.ids(), world.pool.requests

            done = await world.put(world.client(ip_addresses=["10.77.9.11/24"]))

            new = linux_keys.address(world.cable.name, "10.77.9.11/24")
            assert done.ok
            changed = {one.operation.key for one in done.operations}
            assert changed == {CLIENT, world.address, world.interface, new}
            assert world.addresses() == {"10.77.9.11/24"}
            assert world.ids() == before
            assert world.pool.requests == requests
            assert (await scheduler.resync("full")).operations == ()
            await world.put()

    play(story)


def test_another_network_service_is_another_connection(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        async with world.endpoint("two", "ns-other"), world.endpoint():
            first = world.server
            async with world.engine() as scheduler:
                world.cable.plug_in()
                await world.put(world.client())
                await world.until_up()

                done = await world.put(world.client(network_service="ns-other"))

                steps = [(one.operation.kind, one.operation.key) for one in done.operations]
                assert set(steps[:2]) == {("delete", world.address), ("delete", world.up)}
                assert steps[2:] == [
                    ("delete", world.interface),
                    ("delete", CLIENT),
                    ("create", CLIENT),
                ]
                assert done.ok
                assert first.book.connections == {}
                await world.until_up()
                assert scheduler.status(keys.connection("c", "ns-other")).state.name == "OBTAINED"
                assert scheduler.status(CONNECTION).state is ValueState.NONEXISTENT
                assert world.addresses() == {ADDRESS}
                await world.put()

    play(story)


def test_a_restart_goes_on_with_the_connection_and_touches_nothing(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint():
            async with world.engine():
                world.cable.plug_in()
                await world.put(world.client())
                await world.until_up()
                before = world.ids()

            async with world.engine() as scheduler:
                assert world.state(world.interface) is ValueState.CONFIGURED
                assert world.state(world.address) is ValueState.CONFIGURED
                assert [one for each in scheduler.history for one in each.operations] == []
                assert world.addresses() == {ADDRESS}
                assert world.ids() == before
                await world.put()
                assert world.server.book.connections == {}

    play(story)


@pytest.mark.parametrize("has_manager", [True, False])
def test_who_has_lost_his_journal_asks_the_mesh(
    play: Callable[[Story], None],
    *,
    has_manager: bool,
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint():
            async with world.engine():
                world.cable.plug_in()
                await world.put(world.client())
                await world.until_up()
                before = world.ids()
            world.journal = world.journal.with_name("new.db")
            if not has_manager:
                world.mesh.manager.kill()

            async with world.engine() as scheduler:
                txn = scheduler.transaction(resync="full", retry=RETRY)
                txn.set(CLIENT, world.client())
                done = await txn.commit()

                made = [
                    one.operation.kind for one in done.operations if one.operation.key == CLIENT
                ]
                assert made == ([] if has_manager else ["create"])
                if not has_manager:
                    world.mesh.manager.start()
                await world.until_up()
                if has_manager:  # else nobody knows the old one any more, which expires
                    assert world.ids() == before
                assert world.addresses() == {ADDRESS}
                await world.put()

    play(story)


def test_a_restart_without_a_manager_leaves_the_interface_until_there_is_one(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint():
            async with world.engine():
                world.cable.plug_in()
                await world.put(world.client())
                await world.until_up()
                before = world.ids()
            world.mesh.manager.kill()

            async with world.engine() as scheduler:
                assert world.state(world.interface) is ValueState.CONFIGURED
                assert world.addresses() == {ADDRESS}
                assert world.state(CONNECTION) is ValueState.OBTAINED
                requests = world.pool.requests

                world.mesh.manager.start()

                await until(lambda: world.pool.requests > requests)
                await scheduler.settle()
                assert world.ids() == before
                assert [one for each in scheduler.history for one in each.operations] == []
                assert world.addresses() == {ADDRESS}
                await world.put()

    play(story)


def test_what_could_not_be_closed_is_closed_by_the_next_engine(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint():
            async with world.engine():
                world.cable.plug_in()
                await world.put(world.client())
                await world.until_up()
                world.mesh.manager.kill()
                done = await world.put()
                assert list(done.errors) == [CLIENT]
                assert world.addresses() == set()
            assert len(world.server.book.connections) == 1

            async with world.engine() as scheduler:
                assert len(world.server.book.connections) == 1
                world.mesh.manager.start()

                await until(lambda: not world.server.book.connections)
                await until(lambda: world.state(CLIENT) is ValueState.NONEXISTENT)
                assert scheduler.values(view="desired") == {}

    play(story)


def test_who_is_wanted_again_before_it_could_be_closed_keeps_its_connection(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint(), world.engine() as scheduler:
            world.cable.plug_in()
            await world.put(world.client())
            await world.until_up()
            before = world.ids()
            world.mesh.manager.kill()
            assert list((await world.put()).errors) == [CLIENT]

            assert (await world.put(world.client())).ok
            world.mesh.manager.start()
            requests = world.pool.requests

            await until(lambda: world.pool.requests > requests)
            await world.until_up()
            await scheduler.settle()
            assert world.ids() == before
            assert world.state(CLIENT) is ValueState.CONFIGURED
            assert world.addresses() == {ADDRESS}
            assert (await scheduler.resync("full")).operations == ()
            await world.put()
            assert world.server.book.connections == {}

    play(story)


def test_what_needs_no_address_waits_for_the_interface_all_the_same(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.endpoint(), world.engine() as scheduler:
            await world.put(world.client())
            route = Route(outgoing_interface=world.cable.name, dst_network="fd78::/64")
            route.gw_addr = "fe80::1"
            way = linux_keys.route(route.dst_network, route.outgoing_interface)
            async with scheduler.transaction() as txn:
                txn.set(way, route)
            assert world.state(way) is ValueState.PENDING

            world.cable.plug_in()
            await until(lambda: world.state(way) is ValueState.CONFIGURED)

            world.cable.pull_out()
            await until(lambda: world.state(way) is ValueState.PENDING)
            assert world.state(world.up) is ValueState.PENDING
            await world.put()

    play(story)


def test_an_interface_that_a_client_brings_along_is_nobody_elses(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.engine() as scheduler:
            txn = scheduler.transaction()
            txn.set(CLIENT, world.client())
            value = Interface(name=world.cable.name, type=Interface.DUMMY)
            txn.set(world.interface, value)

            with pytest.raises(Exception, match="is wanted twice") as refused:
                txn.plan()

            assert set(getattr(refused.value, "keys", ())) == {CLIENT, world.interface}

    play(story)
