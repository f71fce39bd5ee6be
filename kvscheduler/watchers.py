# SPDX-License-Identifier: Apache-2.0
"""Streams of statuses: the present first, then changes, the latest of each value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from .graph import Graph
from .model import ValueState, ValueStatus
from .registry import Registry
from .status import Statuses

__all__ = ["Watchers"]

_GONE = (ValueState.NONEXISTENT, ValueState.REMOVED)


class Watchers:
    """Everyone who watches; costs nothing while nobody does."""

    def __init__(self, graph: Graph, registry: Registry) -> None:
        self._graph = graph
        self._registry = registry
        self._open: dict[_Watcher, None] = {}
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._open)

    def publish(self, keys: Iterable[str]) -> None:
        """Tell the watchers that the statuses of these keys may have changed."""
        changed = list(keys)
        for watcher in self._open:
            watcher.note(changed)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for watcher in self._open:
            watcher.end()

    async def watch(self, prefix: str) -> AsyncIterator[ValueStatus]:
        """Yield the present statuses below a prefix, sorted by key, then changes."""
        watcher = _Watcher(prefix)
        self._open[watcher] = None
        watcher.note(sorted(self._graph.below(prefix)))
        if self._closed:
            watcher.end()
        try:
            while await watcher.wait():
                keys = watcher.take()
                statuses = Statuses(self._graph, self._registry)
                for key in keys:
                    status = statuses.status(key)
                    if watcher.shows(status):
                        yield status
        finally:
            self._open.pop(watcher, None)


class _Watcher:
    """One reader; what it has not read yet is kept once for each key, as the latest."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._pending: dict[str, None] = {}
        self._shown: dict[str, ValueStatus] = {}
        self._wake = asyncio.Event()
        self._ended = False

    def note(self, keys: Iterable[str]) -> None:
        prefix = self._prefix
        self._pending.update(dict.fromkeys(key for key in keys if key.startswith(prefix)))
        if self._pending:
            self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def wait(self) -> bool:
        await self._wake.wait()
        return bool(self._pending) or not self._ended

    def take(self) -> list[str]:
        keys, self._pending = list(self._pending), {}
        if not self._ended:
            self._wake.clear()
        return keys

    def shows(self, status: ValueStatus) -> bool:
        """Tell whether a status is news to the reader."""
        before = self._shown.get(status.key)
        if before is not None and before == status:
            return False
        if status.state in _GONE:
            return self._shown.pop(status.key, None) is not None
        self._shown[status.key] = status
        return True
