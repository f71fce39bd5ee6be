# SPDX-License-Identifier: Apache-2.0
"""Ends what endpoints hold for a life of ours that was cut short before it could be noted.

An endpoint that has answered holds a connection; killed then, we do not know of it. It would
expire, but until then it may be the one client that the endpoint takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from kvs_descriptors.nsm import connections
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.serving.turns import Turns
from kvs_proto.networkservice.connection_pb2 import Connection

from .hops import Hops

__all__ = ["Sweeping"]

logger = logging.getLogger(__name__)

_PATIENCE_S: Final = 2.0
# Endpoints come and go; one that is forgotten is looked at once more.
_MAX_SWEPT: Final = 4096


class Sweeping:
    """Looks at each endpoint once, before it is asked for the first time in this life."""

    def __init__(self, hops: Hops, name: str) -> None:
        self._hops = hops
        self._name = name
        self._swept: set[str] = set()
        self._turns = Turns()

    async def once(self, url: str, is_known: Callable[[str], bool]) -> None:
        """Have an endpoint end what it holds for us and ``is_known`` does not know, by our id."""
        if url in self._swept:
            return
        # Nobody asks it before: what it holds then is from before.
        async with self._turns.turn(url):
            if url in self._swept:
                return
            with contextlib.suppress(MeshError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self._sweep(url, is_known)
            if len(self._swept) >= _MAX_SWEPT:
                self._swept.clear()
            self._swept.add(url)

    async def _sweep(self, url: str, is_known: Callable[[str], bool]) -> None:
        for connection in await self._held(url):
            ours = self._with_our_turn(connection)
            if ours is not None and not is_known(ours.id):
                logger.info("forwarder: %s is of no use any more: %s is told", ours.id, url)
                await self._hops.end(url, ours)

    async def _held(self, url: str) -> list[Connection]:
        async with self._hops.to(url) as links:
            events = connections.monitor(links, self._name, "")
            async with contextlib.aclosing(events):
                async for event in events:
                    return list(event.connections.values())
        return []

    def _with_our_turn(self, connection: Connection) -> Connection | None:
        for index, segment in enumerate(connection.path.path_segments):
            if segment.name == self._name:
                found = Connection()
                found.CopyFrom(connection)
                found.path.index, found.id = index, segment.id
                return found
        return None
