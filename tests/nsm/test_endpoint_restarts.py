# SPDX-License-Identifier: Apache-2.0
"""Endpoints over the death of their agent: the same clients, under the same names."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kvs_descriptors.nsm import keys, mechanisms, path
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.registry import find_endpoints
from kvs_descriptors.nsm.standing.session import Session, Wanted
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.registry import registry_pb2
from kvscheduler import ValueState
from tests.etcd.server import free_ports
from tests.nsm.hosting import ENDPOINT, Host, Hosted, Interfaces, ask, end, endpoint, refused
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, linked, running, until

Story = Callable[[Hosted], Awaitable[None]]


@pytest.fixture
def host(mesh: Mesh, tmp_path: Path) -> Host:
    return Host.at(mesh, tmp_path)


def play(host: Host, *lives: Story) -> None:
    """Have an agent live several times, one after another."""

    async def whole() -> None:
        for life in lives:
            async with host.running() as hosted:
                await life(hosted)

    asyncio.run(whole())


async def again(mesh: Mesh, connection: Connection) -> Connection:
    """Refresh as a client does, until the mesh is through with what has broken meanwhile."""
    while True:
        try:
            return await ask(mesh, again=connection)
        except MeshError:
            await asyncio.sleep(0.05)


def without_mechanism(made: Connection) -> Connection:
    asked = path.resume(made)
    asked.ClearField("mechanism")
    return asked


def test_clients_keep_their_interfaces_over_a_restart(mesh: Mesh, host: Host) -> None:
    made: dict[str, Connection] = {}

    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        for identity in ("c-0", "c-1", "c-2"):
            made[identity] = await ask(mesh, identity)
        await end(mesh, made.pop("c-0"))
        await until(lambda: sorted(hosted.served()) == ["nsm1", "nsm2"])
        await hosted.scheduler.settle()

    async def second(hosted: Hosted) -> None:
        assert sorted(hosted.served()) == ["nsm1", "nsm2"]
        assert hosted.scheduler.status(ENDPOINT).state is ValueState.CONFIGURED
        before = {name: one.id for name, one in hosted.served().items()}
        await hosted.until_registered()

        # A new one comes first, and one that the mesh made forget how it is connected.
        await again(mesh, path.begin(Connection(network_service=NS), "client", "c-3"))
        await again(mesh, without_mechanism(made["c-2"]))
        await again(mesh, made["c-1"])

        held = {name: one.id for name, one in hosted.served().items()}
        assert held.pop("nsm0") not in before.values()
        assert held == before
        assert len(hosted.server.book.connections) == 3

    play(host, first, second)


def test_without_a_journal_a_client_says_what_it_was_called(mesh: Mesh, host: Host) -> None:
    made: list[Connection] = []

    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        made.extend([await ask(mesh, "c-1"), await ask(mesh, "c-2")])

    async def second(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()

        await again(mesh, made[1])
        await until(lambda: bool(hosted.served()))

        assert list(hosted.served()) == ["nsm1"]
        held = list(hosted.server.book.connections)
        assert held == [made[1].path.path_segments[3].id]

    async def whole() -> None:
        async with host.running() as hosted:
            await first(hosted)
        host.journal = host.journal.with_name("another.db")
        async with host.running() as hosted:
            await second(hosted)

    asyncio.run(whole())


def test_the_one_client_of_an_endpoint_keeps_its_place_over_a_restart(
    mesh: Mesh, host: Host
) -> None:
    made: list[Connection] = []

    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint(single_client=True))
        await hosted.until_registered()
        made.append(await ask(mesh, "c-1"))
        await until(lambda: bool(hosted.served()))
        await hosted.scheduler.settle()

    async def second(hosted: Hosted) -> None:
        await hosted.until_registered()

        assert "has its one client already" in await refused(mesh, "c-2")
        await again(mesh, made[0])
        await end(mesh, made[0])

        assert (await ask(mesh, "c-2")).mechanism.parameters["name"] == "nsm0"

    play(host, first, second)


def test_what_was_made_of_an_interface_stays_over_a_restart(mesh: Mesh, host: Host) -> None:
    async def whole() -> None:
        interfaces = Interfaces()
        async with host.running(interfaces.derived_for, [interfaces]) as hosted:
            await hosted.put(endpoint(single_client=True))
            await hosted.until_registered()
            await ask(mesh)
            await until(lambda: interfaces.operations == 1)
            await hosted.scheduler.settle()

        async with host.running(interfaces.derived_for, [interfaces]) as hosted:
            await hosted.until_registered()
            await hosted.scheduler.resync("full")

            assert hosted.scheduler.status("interface/nsm0").state is ValueState.CONFIGURED
            assert interfaces.operations == 1

    asyncio.run(whole())


def test_what_nobody_refreshes_after_a_restart_ends(mesh: Mesh, host: Host) -> None:
    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        await ask(mesh)
        await until(lambda: bool(hosted.served()))
        await hosted.scheduler.settle()

    async def second(hosted: Hosted) -> None:
        (held,) = hosted.server.book.connections.values()
        (kept,) = hosted.scheduler.metadata("nsm-endpoint")["web"].held
        assert 0 < kept.life_s <= 600
        assert all(not segment.token for segment in kept.connection.path.path_segments)

        await hosted.server.book.close(held.id)

        await until(lambda: not hosted.served())
        await hosted.scheduler.settle()
        assert not hosted.scheduler.metadata("nsm-endpoint")["web"].held

    async def third(hosted: Hosted) -> None:
        assert hosted.served() == {}

    play(host, first, second, third)


def test_an_endpoint_is_withdrawn_by_another_life_than_registered_it(
    mesh: Mesh, host: Host
) -> None:
    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        await ask(mesh)
        await until(lambda: bool(hosted.served()))
        mesh.manager.kill()
        assert list(await hosted.drop()) == [ENDPOINT]

    async def second(hosted: Hosted) -> None:
        await until(lambda: "cannot be withdrawn" in hosted.registration().failure)
        mesh.manager.start()
        wanted = registry_pb2.NetworkServiceEndpoint(name="agent-web")
        await until(lambda: hosted.registration().failure == "not there")
        assert await find_endpoints(hosted.links, wanted) == []
        assert hosted.served() == {}

    play(host, first, second)


def test_a_client_that_lives_on_is_served_again_under_the_same_name(
    mesh: Mesh, host: Host
) -> None:
    async def whole() -> None:
        assert mesh.authority is not None
        wanted = Wanted(
            client="client",
            identity="c-1",
            connection=Connection(network_service=NS),
            preferences=(mechanisms.kernel("mine", OURS),),
        )
        source = Fixed(mesh.authority.identity("client"))
        async with linked(mesh.manager.url, source) as links:
            session = Session(links, wanted)
            async with host.running() as hosted:
                await hosted.put(endpoint(), endpoint(name="x", network_service="ns-x"))
                await hosted.until_registered()
                async with running(session.run()):
                    await until(lambda: session.standing.connection is not None)
                    await hosted.scheduler.settle()
                    before = hosted.served()

            async with running(session.run()), host.running() as hosted:
                await hosted.until_registered()
                await until(lambda: session.standing.failure == "")
                await until(lambda: session.standing.connection is not None)
                assert session.standing.connection is not None
                made = await again(mesh, session.standing.connection)

                assert made.mechanism.parameters["name"] == "nsm0"
                assert hosted.served().keys() == before.keys()
                assert len(hosted.server.book.connections) == 1

    asyncio.run(whole())


class Process:
    """An agent of its own process, that dies of SIGKILL."""

    def __init__(self, mesh: Mesh, folder: Path, port: int) -> None:
        told = [mesh.manager.url, str(port), str(folder)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nsm.living", *told], stdout=subprocess.PIPE, text=True
        )

    def until(self, *interfaces: str) -> dict[str, str]:
        """Wait until it is registered and has just these; return their connections."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            registered, there = json.loads(line)
            if registered and sorted(there) == sorted(interfaces):
                return dict(there)
        raise AssertionError("it has ended")

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_after_kill_9_the_same_clients_have_the_same_interfaces(
    open_mesh: Mesh, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    first = Process(open_mesh, tmp_path, port)
    try:
        first.until()
        for identity in ("c-0", "c-1", "c-2"):
            made = asyncio.run(ask(open_mesh, identity))
        before = first.until("nsm0", "nsm1", "nsm2")
    finally:
        first.kill()

    second = Process(open_mesh, tmp_path, port)
    try:
        assert second.until("nsm0", "nsm1", "nsm2") == before
        asyncio.run(again(open_mesh, without_mechanism(made)))
        asyncio.run(again(open_mesh, path.begin(Connection(network_service=NS), "new", "c-9")))

        after = second.until("nsm0", "nsm1", "nsm2", "nsm3")
        assert after.pop("nsm3") not in before.values()
        assert after == before
    finally:
        second.kill()


def test_keys_of_what_is_served_are_told_apart() -> None:
    assert keys.served("web", "nsm0") == "nsm/endpoint/web/connection/nsm0"
    assert keys.registered("web") == "nsm/endpoint/web/registered"


def test_many_connections_are_written_down_together(mesh: Mesh, host: Host) -> None:
    async def first(hosted: Hosted) -> None:
        await hosted.put(endpoint())
        await hosted.until_registered()
        for number in range(0, 48, 8):
            await asyncio.gather(*(ask(mesh, f"c-{number + one}") for one in range(8)))
        await until(lambda: len(hosted.scheduler.metadata("nsm-endpoint")["web"].held) == 48)

    async def second(hosted: Hosted) -> None:
        assert len(hosted.served()) == 48

    play(host, first, second)
