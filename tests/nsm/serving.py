# SPDX-License-Identifier: Apache-2.0
"""An endpoint for tests that hands out addresses, and what both ends of a test need."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from kvs_descriptors.nsm import mechanisms, path
from kvs_descriptors.nsm.errors import Declined
from kvs_descriptors.nsm.identity.source import Source
from kvs_descriptors.nsm.registry import Registration
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint

__all__ = [
    "ANYWHERE",
    "NS",
    "OURS",
    "Pool",
    "asked",
    "endpoint",
    "linked",
    "registered",
    "running",
    "served",
    "until",
]

ANYWHERE = Address(host="127.0.0.1")
# The manager opens it: it has to be there.
OURS = Path(f"/proc/{os.getpid()}/ns/net")
NS = "ns-test"


class Pool:
    """Gives each client the next address; takes it back with the connection."""

    def __init__(self, kind: str = mechanisms.KERNEL, network: str = "10.60.0.0/24") -> None:
        self.kind = kind
        self.requests = 0
        self.closed: list[str] = []
        self.is_full = False
        self._free = list(ipaddress.ip_network(network).hosts())[::-1]
        self.given: dict[str, str] = {}

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        self.requests += 1
        if self.is_full and held is None:
            raise Declined("the pool is empty")
        made = Connection()
        made.CopyFrom(connection)
        made.mechanism.CopyFrom(mechanisms.chosen(connection, preferences, self.kind))
        if connection.id not in self.given:
            self.given[connection.id] = f"{self._free.pop()}/32"
        made.context.ip_context.src_ip_addrs[:] = [self.given[connection.id]]
        return made

    async def close(self, connection: Connection) -> None:
        self.closed.append(connection.id)
        self.given.pop(connection.id, None)


@contextlib.asynccontextmanager
async def linked(url: str, source: Source | None) -> AsyncIterator[Links]:
    """Lend a way to a manager."""
    links = Links(Address.parse(url), source)
    try:
        yield links
    finally:
        await links.close()


@contextlib.asynccontextmanager
async def served(source: Source | None, **pools: Pool) -> AsyncIterator[EndpointServer]:
    """Serve endpoints by their names."""
    async with EndpointServer(ANYWHERE, source) as server:
        for name, pool in pools.items():
            server.add(name, pool)
        yield server


def endpoint(server: EndpointServer, name: str, service: str = NS) -> NetworkServiceEndpoint:
    """Return how an endpoint is registered."""
    return NetworkServiceEndpoint(
        name=name, network_service_names=[service], url=str(server.address)
    )


async def registered(links: Links, server: EndpointServer, *names: str) -> None:
    """Have endpoints known for a minute."""
    for name in names:
        await Registration(links, endpoint(server, name)).register()


def asked(identity: str = "c-1", service: str = NS, to: str = "") -> Connection:
    """Return what a client asks for first."""
    wanted = Connection(network_service=service, network_service_endpoint_name=to)
    return path.begin(wanted, "client", identity)


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Have something run meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what others do; a test that waits in vain ends by its own timeout."""
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)
