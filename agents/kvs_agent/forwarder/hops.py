# SPDX-License-Identifier: Apache-2.0
"""The next hop: found by the registry, asked for connections, told when they end."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from kvs_descriptors.nsm import connections, labels, pace
from kvs_descriptors.nsm.errors import MeshError, Refused, Unavailable
from kvs_descriptors.nsm.identity.source import Source
from kvs_descriptors.nsm.registry import find_endpoints, find_services
from kvs_descriptors.nsm.standing.retrying import Retrying
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links, now
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.registry.registry_pb2 import NetworkService, NetworkServiceEndpoint

from .ends import placeless

__all__ = ["Finder", "Hops"]

logger = logging.getLogger(__name__)

# Nobody waits for an endpoint to take note of the end of its connection for longer than that.
_CLOSE_S: Final = 2.0


class Hops:
    """Ways to endpoints, by their URLs; each is open as long as somebody uses it."""

    def __init__(
        self,
        source: Source | None,
        *,
        token_life: datetime.timedelta,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self._source = source
        self._token_life = token_life
        self._clock = clock
        self._links: dict[str, Links] = {}
        self._users: collections.Counter[str] = collections.Counter()

    @contextlib.asynccontextmanager
    async def to(self, url: str) -> AsyncIterator[Links]:
        """Lend the way to an endpoint."""
        links = self._links.get(url)
        if links is None:
            try:
                address = Address.parse(url)
                links = Links(address, self._source, token_life=self._token_life)
            except ValueError as error:
                raise Unavailable(f"the endpoint is nowhere to be found: {error}") from error
            self._links[url] = links
        self._users[url] += 1
        try:
            yield links
        finally:
            self._users[url] -= 1
            if not self._users[url]:
                del self._users[url], self._links[url]
                await links.close()

    async def end(self, url: str, connection: Connection) -> bool:
        """Tell an endpoint of the end of a connection; return whether it has heard."""
        closed = Connection()
        closed.CopyFrom(connection)
        closed.mechanism.CopyFrom(placeless(connection.mechanism))
        try:
            async with asyncio.timeout(_CLOSE_S), self.to(url) as links:
                await connections.close(links, closed, timeout_s=_CLOSE_S)
        except (MeshError, TimeoutError) as error:
            logger.info("forwarder: %s: the endpoint is not told: %s", connection.id, error)
            # Whoever refuses to hear of it does not get to know more by being told again.
            return isinstance(error, Refused)
        return True

    async def end_some_time(self, url: str, connection: Connection) -> None:
        """Tell it until it has heard, or the connection has expired there."""
        retrying = Retrying()
        end = pace.expires(connection)
        while not await self.end(url, connection):
            if end is None or end <= self._clock():
                return
            await asyncio.sleep(retrying.next_s())


class Finder:
    """Finds the endpoints that a connection may get, and remembers whose turn it is."""

    def __init__(self, manager: Links) -> None:
        self._manager = manager
        self._turns: collections.defaultdict[str, itertools.count[int]] = collections.defaultdict(
            itertools.count
        )

    async def find(
        self, connection: Connection
    ) -> tuple[NetworkService, list[NetworkServiceEndpoint]]:
        """Return the network service, and its endpoints, the one whose turn it is first.

        Raises ``Refused`` where there is none.
        """
        name = connection.network_service
        services = await find_services(self._manager, name)
        service = next((one for one in services if one.name == name), None)
        if service is None:
            raise Refused("NOT_FOUND", f"network service {name} is not found")
        wanted = connection.network_service_endpoint_name
        if wanted:
            return service, [await self.named(wanted)]
        like = NetworkServiceEndpoint(network_service_names=[name])
        offered = await find_endpoints(self._manager, like)
        found = labels.candidates(service, connection.labels, offered)
        if not found:
            text = f"network service endpoint candidates not found: {name}, with these labels"
            raise Refused("NOT_FOUND", text)
        first = next(self._turns[name]) % len(found)
        return service, found[first:] + found[:first]

    async def named(self, name: str) -> NetworkServiceEndpoint:
        """Return the endpoint of a name; raise ``Refused`` where there is none."""
        like = NetworkServiceEndpoint(name=name)
        for one in await find_endpoints(self._manager, like):
            if one.name == name:
                return one
        raise Refused("NOT_FOUND", f"network service endpoint {name} is not found")
