# SPDX-License-Identifier: Apache-2.0
"""Network services: what a request costs us, and how soon a hundred clients have their cables."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from pathlib import Path

from kvs_descriptors.nsm import connections, keys, mechanisms
from kvs_descriptors.nsm.clients.descriptor import ClientDescriptor, ConnectionDescriptor
from kvs_descriptors.nsm.clients.descriptor import Place as Agent
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvscheduler import Scheduler
from tests.linux.bench import may_make_namespaces
from tests.nsm.forwarder import Bay, Forwarder
from tests.nsm.mesh import Mesh, program, why_not
from tests.nsm.places import Place
from tests.nsm.serving import ANYWHERE, NS, asked, linked, registered

from .measure import yardstick
from .table import Row, seconds

__all__ = ["rows"]

WAIT_S = 120.0
POLL_S = 0.005


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure, or say why not."""
    why = why_not()
    if not why and not may_make_namespaces():
        why = "no network namespaces can be made here"
    if why:
        yield Row("network services: not measured", why)
        return
    program()
    # Each connection that begins or ends would be told, and be part of what is measured.
    logging.getLogger("kvs_descriptors.nsm").setLevel(logging.ERROR)
    yard_s = min(yardstick() for _ in range(10))
    requests, clients = (50, 10) if quick else (500, 100)
    with tempfile.TemporaryDirectory() as name:
        yield from asyncio.run(_all(Path(name), requests, clients, yard_s))


async def _all(folder: Path, requests: int, clients: int, yard_s: float) -> list[Row]:
    mesh = Mesh(folder / "mesh")
    mesh.parts = (mesh.registry, mesh.manager)
    forwarder = Forwarder(folder / "forwarder", mesh.manager.url)
    try:
        mesh.start()
        forwarder.start()
        with Place() as here, Place() as there:
            async with _endpoint(mesh.manager.url, there) as server:
                found = await _shares(server, forwarder, here, requests, yard_s)
                found += await _many(mesh, forwarder, here, clients, yard_s)
        return found
    finally:
        forwarder.clean()
        mesh.kill()


@contextlib.asynccontextmanager
async def _endpoint(manager: str, there: Place) -> AsyncIterator[EndpointServer]:
    async with linked(manager, None) as links, EndpointServer(ANYWHERE, None) as server:
        server.add("one", Bay(there))
        await registered(links, server, "one")
        yield server


# What is ours of a request.


async def _shares(
    server: EndpointServer, forwarder: Forwarder, here: Place, count: int, yard_s: float
) -> list[Row]:
    offered = mechanisms.kernel("bench", here.path)
    # The endpoint itself, and the endpoint behind the forwarder; nobody else is asked.
    direct = await _refreshes(str(server.address), offered, count)
    through = await _refreshes(forwarder.url, offered, count)
    between = [two - one for one, two in zip(sorted(direct), sorted(through), strict=True)]
    what = "a client's request, answered by an endpoint of the same process"
    return [
        _row(what, direct, yard_s, "5 ms (median)"),
        _row("the same, our forwarder's share of it", between, yard_s, "5 ms (median)"),
    ]


async def _refreshes(url: str, offered: Mechanism, count: int) -> list[float]:
    samples = []
    async with linked(url, None) as links:
        made = await _request(links, asked("bench", to="one"), offered)
        for _ in range(count):
            started = time.perf_counter()
            made = await _request(links, made, offered)
            samples.append(time.perf_counter() - started)
        await connections.close(links, made)
    return samples


async def _request(links: Links, connection: Connection, offered: Mechanism) -> Connection:
    return await connections.request(links, connection, [offered])


# Many of them.


async def _many(
    mesh: Mesh, forwarder: Forwarder, here: Place, count: int, yard_s: float
) -> list[Row]:
    async with linked(mesh.manager.url, None) as links:
        async with _agent(links, here) as engine:
            made_s = await _timed(_connect(engine, count))
        async with _agent(links, here) as engine:
            again_s = await _timed(_connect(engine, count))
            closed_s = await _timed(_disconnect(engine))
        restarted_s = await _restarted(links, forwarder, here, count)
    many = f"{count} clients of an agent, by the test mesh with our forwarder"
    return [
        _row(f"{many}: connected", [made_s], yard_s, "3 s", of=count),
        _row("the same, the agent started anew: taken up", [again_s], yard_s, "3 s", of=count),
        _row("the same: disconnected", [closed_s], yard_s, of=count),
        _row(
            f"our forwarder killed and started: {count} taken up, and asked for again",
            [restarted_s],
            yard_s,
            "3 s",
            of=count,
        ),
    ]


async def _restarted(links: Links, forwarder: Forwarder, here: Place, count: int) -> float:
    offered = [mechanisms.kernel(f"bench{number}", here.path) for number in range(count)]
    asks = [_request(links, asked(f"c{number}"), one) for number, one in enumerate(offered)]
    made = await asyncio.gather(*asks)
    forwarder.kill()
    started = time.perf_counter()
    await asyncio.to_thread(forwarder.start)
    pairs = zip(made, offered, strict=True)
    again = await asyncio.gather(*(_in_the_end(links, one, way) for one, way in pairs))
    took_s = time.perf_counter() - started
    await asyncio.gather(*(connections.close(links, one) for one in again))
    return took_s


async def _in_the_end(links: Links, made: Connection, offered: Mechanism) -> Connection:
    """Ask until there is an answer, as clients do."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(MeshError):
                return await _request(links, made, offered)
            await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def _agent(links: Links, here: Place) -> AsyncIterator[Scheduler]:
    place = Agent(name="bench", namespace=here.path, sockets=Path("/run/memif"))
    clients = ClientDescriptor(links, place)
    async with Scheduler([clients, ConnectionDescriptor(clients)]) as engine:
        yield engine


async def _connect(engine: Scheduler, count: int) -> None:
    async with engine.transaction() as txn:
        for number in range(count):
            value = NetworkServiceClient(
                name=f"c{number}", network_service=NS, interface_name=f"bench{number}"
            )
            txn.set(keys.client(value.name), value)
    async with asyncio.timeout(WAIT_S):
        while len(engine.values(keys.CONNECTION, view="configured")) < count:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def _disconnect(engine: Scheduler) -> None:
    async with engine.transaction() as txn:
        for key in engine.values(keys.CLIENT):
            txn.delete(key)


async def _timed(work: Awaitable[None]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _row(
    what: str, samples: Sequence[float], yard_s: float, reach: str = "", *, of: int = 0
) -> Row:
    best_s = min(samples)
    each = seconds(best_s / of) if of else ""
    median = seconds(statistics.median(samples)) if len(samples) > 1 else ""
    return Row(what, seconds(best_s), median, each, f"{best_s / yard_s:.3g}", reach)
