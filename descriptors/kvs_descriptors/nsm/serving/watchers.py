# SPDX-License-Identifier: Apache-2.0
"""Who follows what becomes of the connections; a slow one skips to the latest of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import (
    Connection,
    ConnectionEvent,
    ConnectionEventType,
    MonitorScopeSelector,
)

__all__ = ["Watchers", "is_selected"]


class _Watcher:
    """What one of them has not been told yet; at most one entry for each connection."""

    def __init__(self, selector: MonitorScopeSelector) -> None:
        self.selector = selector
        self.pending: dict[str, tuple[ConnectionEventType, Connection]] = {}
        self.has_news = asyncio.Event()


class Watchers:
    """All of them."""

    def __init__(self) -> None:
        self._watchers: set[_Watcher] = set()

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self._watchers)

    def tell(self, kind: ConnectionEventType, connection: Connection) -> None:
        """Tell what has become of a connection; never waits."""
        for watcher in self._watchers:
            if is_selected(connection, watcher.selector):
                watcher.pending[connection.id] = (kind, connection)
                watcher.has_news.set()

    async def follow(
        self, selector: MonitorScopeSelector, present: Mapping[str, Connection]
    ) -> AsyncGenerator[ConnectionEvent, None]:
        """Yield the connections that there are, then what becomes of them."""
        watcher = _Watcher(selector)
        self._watchers.add(watcher)
        try:
            first = {one.id: one for one in present.values() if is_selected(one, selector)}
            kind = connection_pb2.INITIAL_STATE_TRANSFER
            yield ConnectionEvent(type=kind, connections=first)
            while True:
                await watcher.has_news.wait()
                watcher.has_news.clear()
                news, watcher.pending = watcher.pending, {}
                for kind, connection in news.values():
                    yield ConnectionEvent(type=kind, connections={connection.id: connection})
        finally:
            self._watchers.discard(watcher)


def is_selected(connection: Connection, selector: MonitorScopeSelector) -> bool:
    """Tell whether a connection is meant: its path holds the selector's segments, in a row."""
    services, wanted = selector.network_services, selector.path_segments
    if services and connection.network_service not in services:
        return False
    segments = connection.path.path_segments
    return any(
        all(
            (not want.name or want.name == segments[first + i].name)
            and (not want.id or want.id == segments[first + i].id)
            for i, want in enumerate(wanted)
        )
        for first in range(len(segments) - len(wanted) + 1)
    )
