# SPDX-License-Identifier: Apache-2.0
"""Follows what endpoints tell of the connections that are made through us.

One stream for each endpoint, whatever the number of its connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from kvs_descriptors.nsm import connections
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.standing.retrying import Retrying
from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import Connection, ConnectionEvent, State

from .hops import Hops
from .tasks import Tasks

__all__ = ["Followers"]


class Followers:
    """Tells of connections that go down, by the id that they have with us."""

    def __init__(self, hops: Hops, name: str, tell: Callable[[str, State], None]) -> None:
        self._hops = hops
        self._name = name
        self._tell = tell
        self._followed: dict[str, set[str]] = {}
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    def follow(self, url: str, identity: str) -> None:
        """Follow a connection that an endpoint has."""
        self._followed.setdefault(url, set()).add(identity)
        if url not in self._streams:
            self._streams[url] = self._tasks.spawn(self._run(url))

    def leave(self, url: str, identity: str) -> None:
        """Follow a connection no more."""
        followed = self._followed.get(url, set())
        followed.discard(identity)
        if not followed:
            self._followed.pop(url, None)
            stream = self._streams.pop(url, None)
            if stream is not None:
                stream.cancel()

    async def close(self) -> None:
        """Follow nobody any more."""
        await self._tasks.close(0.0)

    async def _run(self, url: str) -> None:
        retrying = Retrying()
        while True:
            if await self._listen(url):
                # It was there, and may be there still: a stream that breaks is no endpoint's end.
                retrying.reset()
                continue
            self._lose(url, self._followed.get(url, ()))
            await asyncio.sleep(retrying.next_s())

    async def _listen(self, url: str) -> bool:
        """Follow until the stream ends; tell whether anything has come by it."""
        has_come = False
        asked = frozenset(self._followed.get(url, ()))
        with contextlib.suppress(MeshError):
            async with self._hops.to(url) as links:
                events = connections.monitor(links, self._name, "")
                async with contextlib.aclosing(events):
                    async for event in events:
                        self._take(url, event, () if has_come else asked)
                        has_come = True
        return has_come

    def _take(self, url: str, event: ConnectionEvent, asked: Iterable[str]) -> None:
        told = {self._ours(one): one for one in event.connections.values()}
        if event.type == connection_pb2.INITIAL_STATE_TRANSFER:
            # Those that have come while we were asking are in it or not.
            self._lose(url, [one for one in asked if one not in told])
        for identity, connection in told.items():
            if identity in self._followed.get(url, ()):
                state = connection.state
                if event.type == connection_pb2.DELETE:
                    state = State.DOWN
                if state != State.UP:
                    self._tell(identity, state)

    def _lose(self, url: str, lost: Iterable[str]) -> None:
        for identity in list(lost):
            if identity in self._followed.get(url, ()):
                self._tell(identity, State.DOWN)

    def _ours(self, connection: Connection) -> str:
        segments = connection.path.path_segments
        return next((one.id for one in segments if one.name == self._name), "")
