# SPDX-License-Identifier: Apache-2.0
"""Our forwarder where everybody proves who they are, with the sdk's policies on the way."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvs_descriptors.nsm import connections, mechanisms
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.serving.server import EndpointServer
from tests.machine import environment
from tests.nsm.authority import Authority
from tests.nsm.forwarder import Bay, Forwarder
from tests.nsm.mesh import Mesh
from tests.nsm.places import Place
from tests.nsm.serving import ANYWHERE, asked, linked, registered
from tests.nsm.test_forwarder import ids, is_clean
from tests.nsm.workload import Workload


@pytest.fixture
def strict_mesh(built: None, tmp_path: Path, authority: Authority) -> Iterator[Mesh]:
    """Return a mesh that checks everything, without a forwarder, running."""
    made = Mesh(tmp_path / "mesh", authority)
    made.parts = (made.registry, made.manager)
    try:
        made.start()
        yield made
    finally:
        made.kill()


def test_a_cable_in_a_mesh_that_checks_everything(
    strict_mesh: Mesh, authority: Authority, here: Place, there: Place, tmp_path: Path
) -> None:
    async def story() -> None:
        workload = Workload(tmp_path / "workload.sock")
        workload.give(authority.identity("cables"))
        manager, ours = strict_mesh.manager.url, Fixed(authority.identity("endpoint"))
        forwarder = Forwarder(tmp_path / "forwarder", manager, workload=workload.url)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(forwarder.clean)
            await stack.enter_async_context(workload.serving())
            await asyncio.to_thread(forwarder.start)
            client = Fixed(authority.identity("client"))
            links = await stack.enter_async_context(linked(manager, client))
            way = await stack.enter_async_context(linked(manager, ours))
            server = await stack.enter_async_context(EndpointServer(ANYWHERE, ours))
            server.add("one", Bay(there))
            await registered(way, server, "one")
            offered = [mechanisms.kernel("nsm-1", here.path)]

            first = await connections.request(links, asked(), offered)
            assert here.pings("10.60.100.1")
            await asyncio.sleep(1.1)  # tokens are told apart by whole seconds
            second = await connections.request(links, first, offered)
            await asyncio.to_thread(forwarder.restart)
            third = await connections.request(links, second, offered)

            assert ids(first) == ids(second) == ids(third)
            await connections.close(links, third)
            assert is_clean(forwarder, here, there)
            assert server.book.connections == {}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({}, "there is no Workload API: SPIFFE_ENDPOINT_SOCKET is not set"),
        (
            {"NSM_INSECURE": "true", "NSM_LISTEN_ON": "tcp://192.0.2.1:5000"},
            "insecure: only this machine is talked to, not tcp://192.0.2.1:5000",
        ),
        (
            {"NSM_INSECURE": "true", "NSM_CONNECT_TO": "tcp://manager:5000"},
            "insecure: only this machine is talked to, not tcp://manager:5000",
        ),
        ({"NSM_INSECURE": "true", "NSM_NAME": "a/b"}, "a forwarder's name is"),
        ({"NSM_MAX_TOKEN_LIFETIME": "soon"}, "is not a duration such as"),
        ({"NSM_CONNECT_TO": "manager"}, "not tcp://<host>:<port> or unix:///<path>: 'manager'"),
    ],
)
def test_what_it_is_told_wrong_it_says(told: dict[str, str], text: str, tmp_path: Path) -> None:
    places = {"NSM_FORWARDER_STATE": str(tmp_path), "NSM_FORWARDER_RUNTIME": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "kvs_agent.forwarder"],
        env=environment({**places, **told}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
