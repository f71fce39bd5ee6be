# SPDX-License-Identifier: Apache-2.0
"""The interfaces of an endpoint on the real kernel: configured with a client, given back after."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from kvs_agent.wiring import linux_interface
from kvs_descriptors import linux
from kvs_descriptors.linux import keys as linux_keys
from kvs_descriptors.nsm import keys
from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint
from kvscheduler import Scheduler, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench
from tests.linux.conftest import bench, privileged
from tests.nsm.cables import Cables
from tests.nsm.hosting import ENDPOINT, Host, Hosted, ask, end, endpoint
from tests.nsm.mesh import Mesh
from tests.nsm.serving import until

__all__ = ["bench", "privileged"]

ADDRESS = "10.77.8.1/24"
MAC = "02:00:00:00:08:01"


class World:
    """A mesh, a kernel, and an agent with an endpoint, whose interface is a cable's end."""

    def __init__(self, mesh: Mesh, bench: Bench, prefix: str, folder: pathlib.Path) -> None:
        self.mesh, self.bench, self.prefix = mesh, bench, prefix
        self.cable = Cables(f"{prefix}0")
        self.host = Host.at(mesh, folder)

    @property
    def interface(self) -> str:
        return linux_keys.interface(self.cable.name)

    def endpoint(self, **others: Any) -> NetworkServiceEndpoint:
        return endpoint(interface_name_prefix=self.prefix, **others)

    def single(self) -> NetworkServiceEndpoint:
        return self.endpoint(single_client=True, ip_addresses=[ADDRESS], phys_address=MAC)

    def addresses(self) -> set[str]:
        return self.bench.texts("", self.cable.name)

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[Hosted]:
        self.bench.restart()
        kernel = linux.descriptors(kernel=self.bench.kernel, watch=True)
        async with self.host.running(linux_interface(kernel), kernel) as hosted:
            yield hosted

    async def until_up(self, scheduler: Scheduler) -> None:
        await until(lambda: scheduler.status(self.interface).state is ValueState.CONFIGURED)
        await scheduler.settle()


Story = Callable[[World], Coroutine[Any, Any, None]]


@pytest.fixture
def play(mesh: Mesh, bench: Bench, tmp_path: pathlib.Path) -> Iterator[Callable[[Story], None]]:
    """Lend what plays a story; the cable goes whatever happens."""
    world = World(mesh, bench, bench.host("e"), tmp_path)
    with world.cable.laid():
        yield lambda story: asyncio.run(story(world))


def test_the_interface_is_configured_with_its_client_and_given_back_after_it(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        async with world.agent() as hosted:
            await hosted.put(world.single())
            await hosted.until_registered()
            world.cable.plug_in()
            await hosted.scheduler.resync("full")
            # It is there, but nobody is connected: what it carries would lead nowhere.
            assert world.addresses() == set()
            unmet = hosted.scheduler.status(world.interface).unmet
            assert any("no client is connected" in one.cause for one in unmet)

            made = await ask(world.mesh)
            await world.until_up(hosted.scheduler)
            assert world.addresses() == {ADDRESS}
            assert world.bench.link("", world.cable.name)["address"] == MAC
            assert (await hosted.scheduler.resync("full")).operations == ()

            await end(world.mesh, made)
            await until(lambda: world.addresses() == set())
            await until(lambda: world.bench.link("", world.cable.name)["address"] != MAC)
            assert hosted.scheduler.status(ENDPOINT).state is ValueState.CONFIGURED

    play(story)


def test_a_restart_touches_nothing_of_it(play: Callable[[Story], None]) -> None:
    async def story(world: World) -> None:
        world.cable.plug_in()
        async with world.agent() as hosted:
            await hosted.put(world.single())
            await hosted.until_registered()
            await ask(world.mesh)
            await world.until_up(hosted.scheduler)

        async with world.agent() as hosted:
            await hosted.until_registered()
            assert hosted.scheduler.status(world.interface).state is ValueState.CONFIGURED
            assert [one for each in hosted.scheduler.history for one in each.operations] == []
            assert world.addresses() == {ADDRESS}

            await hosted.drop()
            await hosted.scheduler.settle()
            assert world.addresses() == set()

    play(story)


def test_one_of_many_is_configured_by_a_value_that_names_what_makes_it(
    play: Callable[[Story], None],
) -> None:
    async def story(world: World) -> None:
        name = world.cable.name
        by_user = Interface(
            name=name,
            type=Interface.EXISTING,
            enabled=True,
            ip_addresses=[ADDRESS],
            made_by=keys.served("web", name),
        )
        world.cable.plug_in()
        async with world.agent() as hosted:
            await hosted.put(world.endpoint())
            async with hosted.scheduler.transaction() as txn:
                txn.set(world.interface, by_user)
            await hosted.until_registered()
            assert hosted.scheduler.status(world.interface).state is ValueState.PENDING

            first, _ = await ask(world.mesh, "c-1"), await ask(world.mesh, "c-2")
            await world.until_up(hosted.scheduler)
            assert world.addresses() == {ADDRESS}

            await end(world.mesh, first)
            await until(lambda: world.addresses() == set())

    play(story)
