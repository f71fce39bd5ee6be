# SPDX-License-Identifier: Apache-2.0
"""Network services that are looked for, as values; who serves them, as properties."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from kvs_proto.nsm.v1.endpoint_pb2 import FoundEndpoint
from kvscheduler import Descriptor, Origin, Retrieved, Southbound

from .. import keys
from ..wire.links import Links
from .search import Search

__all__ = ["FoundDescriptor", "SoughtDescriptor"]


class SoughtDescriptor(Descriptor[str, str]):
    """Who wants which network service to be looked for: clients and endpoints derive it.

    The metadata, which is the value, says after a restart that it has been looked for before.
    """

    name = "nsm-sought"
    key_prefix = keys.SOUGHT

    def __init__(self, links: Links, services: Iterable[str] = ()) -> None:
        self._links = links
        self._always = frozenset(services)
        self._sought: dict[str, str] = {}
        self._searches: dict[str, Search] = {}
        self._has_news = asyncio.Event()
        self._southbound: Southbound | None = None

    def attach(self, southbound: Southbound) -> None:
        """Remember whom endpoints are told to."""
        self._southbound = southbound

    def create(self, key: str, value: str) -> str:
        """Look for a network service."""
        self._sought[key] = value
        self._has_news.set()
        return value

    def delete(self, key: str, value: str, metadata: str | None) -> None:
        """Look no more, where nobody else wants to know."""
        self._sought.pop(key, None)
        self._has_news.set()

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what is looked for; what was before a restart is from now on."""
        for one in expected:
            if one.key not in self._sought and one.metadata is not None:
                self.create(one.key, one.value)
        for key, service in self._sought.items():
            if keys is None or key in keys:
                yield Retrieved(key, service, service, Origin.NORTHBOUND)

    async def watch(self) -> None:
        """Look, for each network service once."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self._has_news.clear()
                wanted = self._always.union(self._sought.values())
                for service in running.keys() - wanted:
                    running.pop(service).cancel()
                    self._end(service)
                for service in sorted(wanted - running.keys()):
                    running[service] = group.create_task(self._search(service).run())
                await self._has_news.wait()

    def found(self) -> Iterator[FoundEndpoint]:
        """Yield the endpoints that there are."""
        for search in self._searches.values():
            yield from search.found.values()

    def why_not_found(self, key: str) -> str:
        """Say why an endpoint is not there, "" for what is no endpoint's key."""
        service = keys.found_of(key)
        search = self._searches.get(service)
        if not service:
            return ""
        if search is None:
            return f"nobody here looks for the network service {service}"
        return search.failure or "no such endpoint is registered"

    def _search(self, service: str) -> Search:
        if service not in self._searches:
            self._searches[service] = Search(
                self._links, service, lambda name, found: self._tell(service, name, found)
            )
        return self._searches[service]

    def _end(self, service: str) -> None:
        for name in self._searches.pop(service).found:
            self._tell(service, name, None)

    def _tell(self, service: str, name: str, found: FoundEndpoint | None) -> None:
        assert self._southbound is not None
        self._southbound.notify({keys.found(service, name): found})


class FoundDescriptor(Descriptor[FoundEndpoint, None]):
    """Endpoints of anybody's: properties, which the mesh's registry has."""

    name = "nsm-found"
    key_prefix = keys.FOUND
    retrieve_after = (SoughtDescriptor.name,)

    def __init__(self, sought: SoughtDescriptor) -> None:
        self._sought = sought

    def why_absent(self, key: str) -> str:
        """Say why an endpoint is not there."""
        return self._sought.why_not_found(key)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the endpoints that there are."""
        for one in self._sought.found():
            key = _key(one)
            if keys is None or key in keys:
                yield Retrieved(key, one, None, Origin.SOUTHBOUND)


def _key(one: FoundEndpoint) -> str:
    return keys.found(one.network_service, one.name)
