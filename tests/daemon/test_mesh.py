# SPDX-License-Identifier: Apache-2.0
"""The mesh as a part of an agent, against the real one: identity, manager, and its health."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

from kvs_agent.core.health import Component, Health, State
from kvs_agent.daemon.mesh import Mesh as Part
from kvs_agent.daemon.settings import NsmSettings
from kvs_descriptors.nsm.interfaces import unconfigured
from tests.nsm.authority import Authority
from tests.nsm.conftest import authority, built, mesh
from tests.nsm.mesh import Mesh
from tests.nsm.serving import running, until
from tests.nsm.workload import Workload

__all__ = ["authority", "built", "mesh"]


def is_as(health: Health, state: State, *words: str) -> bool:
    part: Component = health.components["nsm"]
    assert not part.needed
    return part.state is state and all(word in part.error for word in words)


def test_its_health_is_that_of_the_way_to_the_manager(
    mesh: Mesh, authority: Authority, tmp_path: Path
) -> None:
    workload = Workload(tmp_path / "spire.sock")
    settings = NsmSettings(connect_to=mesh.manager.url, spiffe_socket=workload.url)
    health = Health()
    shows = functools.partial(is_as, health)

    async def story() -> None:
        part = Part(settings, "agent", unconfigured).part(health)
        assert shows(State.INIT)
        async with running(part.run()):
            await until(lambda: shows(State.ERROR, "no identity yet", "UNAVAILABLE"))

            async with workload.serving():
                workload.give(authority.identity("agent"))
                await until(lambda: shows(State.OK))

                mesh.manager.kill()
                await until(lambda: shows(State.ERROR, mesh.manager.url))
                mesh.manager.start()
                await until(lambda: shows(State.OK))

    asyncio.run(story())


def test_endpoints_are_served_where_that_is_said() -> None:
    here = NsmSettings(connect_to="tcp://127.0.0.1:1", insecure=True)
    there = NsmSettings(
        connect_to="tcp://127.0.0.1:1", insecure=True, listen_on="tcp://127.0.0.1:0"
    )

    async def names(settings: NsmSettings) -> set[str]:
        return {one.name for one in Part(settings, "agent", unconfigured).descriptors}

    clients = asyncio.run(names(here))
    assert {"nsm-client", "nsm-connection"} <= clients
    assert asyncio.run(names(there)) - clients == {"nsm-endpoint", "nsm-endpoint-served"}
