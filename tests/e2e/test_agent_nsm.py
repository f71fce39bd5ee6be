# SPDX-License-Identifier: Apache-2.0
"""nsm-agent-linux as a process in a real mesh: a file in the predecessor's form is enough."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kvs_descriptors.nsm import keys
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.standing.presence import Presence
from tests.e2e.agents import AgentProcess, eventually, running
from tests.machine import Machine
from tests.nsm.authority import Authority
from tests.nsm.conftest import authority, built, mesh, open_mesh
from tests.nsm.mesh import Mesh
from tests.nsm.serving import Pool, linked, served, until
from tests.nsm.serving import endpoint as ours
from tests.nsm.serving import running as kept_running
from tests.nsm.workload import Workload

__all__ = ["authority", "built", "mesh", "open_mesh"]

SERVICE = "nat"
CLIENT = """\
---
# What the cluster is told: a configuration, and the pod that it is for.
apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata:
  name: client
spec:
  microservice: client
  configItems:
    - module: cnf.nsm
      version: v1
      type: client
      data: |-
        name: to-nat
        network_service: nat
        outgoing_labels:
          - key: app
            value: client
        interface_name: tap0
        interface_type: KERNEL_INTERFACE
        ipAddresses:
          - "192.168.7.10/24"
    - module: linux.l3
      type: route
      data: |-
        outgoing_interface: tap0
        scope: GLOBAL
        dst_network: 80.7.0.0/24
        gw_addr: 192.168.7.1
---
apiVersion: v1
kind: Pod
metadata:
  name: client
spec:
  containers: [{name: client, image: agent}]
"""
INTERFACE = "config/linux/interfaces/v2/interface/tap0"


class Site:
    """An agent's machine, and how it reaches a mesh that is outside."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine, self.folder = machine, folder
        self.file = folder / "conf" / "config.d" / "client.yaml"
        self.file.parent.mkdir(parents=True)
        self.manager = folder / "manager.sock"
        self.workload = Workload(folder / "spire.sock")

    def settle_in(self, *lines: str) -> None:
        lines = (f"connect-to: unix://{self.manager}", "name: client", *lines)
        (self.folder / "conf" / "nsm.conf").write_text("\n".join(lines), encoding="utf-8")

    def plug_in(self) -> None:
        for command in (
            "ip link add tap0 type veth peer name far",
            "ip link set lo up",
            "ip link set far up",
            "ip link set tap0 up",
        ):
            assert self.machine.run(*command.split()).returncode == 0

    def kvsctl(self, *words: str) -> str:
        agent = f"unix:{self.folder / 'run' / 'agent.sock'}"
        done = self.machine.kvsctl("--agent", agent, *words)
        return done.stdout + done.stderr

    def has(self, text: str) -> bool:
        shown = self.machine.run("sh", "-c", "ip -o address show; ip route show").stdout
        return text in shown

    @contextlib.asynccontextmanager
    async def reaching(self, mesh: Mesh) -> AsyncIterator[None]:
        """Have the manager's port at a path, which leads into the machine."""

        async def relay(theirs: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", mesh.manager.port)
            except OSError:
                back.close()
                return
            await asyncio.gather(_copy(theirs, writer), _copy(reader, back))

        async with await asyncio.start_unix_server(relay, self.manager):
            yield


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def endpoint(mesh: Mesh) -> AsyncIterator[EndpointServer]:
    source = Fixed(mesh.authority.identity("endpoint")) if mesh.authority is not None else None
    async with (
        linked(mesh.manager.url, source) as links,
        served(source, one=Pool()) as server,
    ):
        presence = Presence(links, ours(server, "one", SERVICE))
        async with kept_running(presence.run()):
            await until(lambda: presence.state.until is not None)
            yield server


async def soon(holds: Callable[[], object], agent: AgentProcess) -> None:
    await asyncio.to_thread(eventually, holds, agent)


@contextlib.asynccontextmanager
async def living(site: Site) -> AsyncIterator[AgentProcess]:
    with running(site.machine, site.folder) as agent:
        yield agent


@pytest.fixture
def site(machine: Machine, tmp_path: Path) -> Site:
    return Site(machine, tmp_path)


def test_a_file_is_all_it_takes_and_a_kill_changes_nothing(
    site: Site, mesh: Mesh, authority: Authority
) -> None:
    site.settle_in(f"spiffe-endpoint-socket: {site.workload.url}")
    site.file.write_text(CLIENT, encoding="utf-8")
    ids: list[list[str]] = []

    async def story() -> None:
        async with site.workload.serving(), site.reaching(mesh):
            site.workload.give(authority.identity("agent"))
            async with living(site) as agent:
                site.plug_in()
                explained = functools.partial(site.kvsctl, "explain", INTERFACE)
                await soon(lambda: "connecting since" in explained(), agent)
                await soon(lambda: f"refused: network service {SERVICE}" in explained(), agent)
                assert not site.has("192.168.7.10/24")
                async with endpoint(mesh) as server:
                    await soon(lambda: site.has("80.7.0.0/24 via 192.168.7.1"), agent)
                    assert site.has("192.168.7.10/24")
                    (held,) = server.book.connections.values()
                    assert dict(held.labels) == {"app": "client"}
                    ids.append([one.id for one in held.path.path_segments])
                    agent.end(signal.SIGKILL)

                    async with living(site) as again:
                        await soon(lambda: "CONFIGURED" in explained(), again)
                        assert site.has("192.168.7.10/24")
                        (held,) = server.book.connections.values()
                        assert [one.id for one in held.path.path_segments] == ids[0]
                        assert "as before: 0 operations" in again.told()

                        site.file.unlink()
                        await soon(lambda: not site.has("192.168.7.10/24"), again)
                        await until(lambda: not server.book.connections)
                        assert again.end() == 0

    asyncio.run(story())


def test_without_an_identity_a_manager_is_talked_to_on_this_machine_alone(
    site: Site, open_mesh: Mesh
) -> None:
    site.settle_in("insecure: true")
    site.file.write_text(CLIENT, encoding="utf-8")

    async def story() -> None:
        async with site.reaching(open_mesh), living(site) as agent:
            site.plug_in()
            async with endpoint(open_mesh):
                await soon(lambda: site.has("80.7.0.0/24 via 192.168.7.1"), agent)
                key = keys.connection("to-nat", SERVICE)
                assert "OBTAINED" in await asyncio.to_thread(site.kvsctl, "explain", key)
                assert agent.end() == 0

    asyncio.run(story())
