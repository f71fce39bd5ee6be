# SPDX-License-Identifier: Apache-2.0
"""Connections, asked of a manager: made, refreshed, ended, followed and found again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable

from kvs_proto.networkservice.connection_pb2 import (
    DOWN,
    Connection,
    ConnectionEvent,
    Mechanism,
    MonitorScopeSelector,
    PathSegment,
)
from kvs_proto.networkservice.networkservice_pb2 import NetworkServiceRequest

from .wire import methods
from .wire.links import Links

__all__ = ["REQUEST_TIMEOUT_S", "close", "find_mine", "monitor", "request"]

REQUEST_TIMEOUT_S = 15.0


async def request(
    links: Links,
    connection: Connection,
    preferences: Iterable[Mechanism],
    *,
    timeout_s: float = REQUEST_TIMEOUT_S,
) -> Connection:
    """Ask for a connection, or for the same one again."""
    wanted = NetworkServiceRequest(connection=connection, mechanism_preferences=preferences)
    answer, _ = await links.call(methods.REQUEST, wanted, timeout_s=timeout_s)
    return answer


async def close(
    links: Links, connection: Connection, *, timeout_s: float = REQUEST_TIMEOUT_S
) -> None:
    """End a connection; one that is not known there is ended already."""
    await links.call(methods.CLOSE, connection, timeout_s=timeout_s)


def monitor(links: Links, name: str, identity: str) -> AsyncGenerator[ConnectionEvent, None]:
    """Yield what happens to the connection that is known so in our segment of its path."""
    mine = MonitorScopeSelector(path_segments=[PathSegment(name=name, id=identity)])
    return links.stream(methods.MONITOR, mine)


async def find_mine(links: Links, name: str, identity: str) -> Connection | None:
    """Return the connection as the manager has it, for who has lost it; None if there is none.

    Older ones of the same name may be there too, and down.
    """
    events = monitor(links, name, identity)
    async with contextlib.aclosing(events):
        async for event in events:
            mine = [one for one in event.connections.values() if _is_of(one, name, identity)]
            return min(mine, key=lambda one: one.state == DOWN, default=None)
    return None


def _is_of(connection: Connection, name: str, identity: str) -> bool:
    segments = connection.path.path_segments
    return bool(segments) and (segments[0].name, segments[0].id) == (name, identity)
