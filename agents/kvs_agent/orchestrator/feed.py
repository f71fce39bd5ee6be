# SPDX-License-Identifier: Apache-2.0
"""One look at all statuses for everybody: who waits for values, who counts, who streams them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from kvscheduler import Scheduler, ValueState, ValueStatus

__all__ = ["Feed", "is_settled"]

logger = logging.getLogger(__name__)

# What will change by itself, if the cause goes away.
_UNDER_WAY = (ValueState.PENDING, ValueState.RETRYING)
_GONE = (ValueState.NONEXISTENT, ValueState.REMOVED)


def is_settled(status: ValueStatus) -> bool:
    """Tell whether a value and all that derives from it are where they will stay."""
    return status.state not in _UNDER_WAY and all(map(is_settled, status.derived))


class Feed:
    """Follows the statuses of all values, once for all who want to know.

    ``run`` has to run as long as the scheduler does. A listener is called on the loop, in turn,
    with each status that changed, and must not block; one that raises costs itself that status.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._states: dict[str, ValueState] = {}
        self._counts: collections.Counter[ValueState] = collections.Counter()
        self._listeners: dict[object, Callable[[ValueStatus], None]] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @property
    def counts(self) -> Mapping[ValueState, int]:
        """How many values are in each state, derived ones among them; zero for the others."""
        return {state: self._counts[state] for state in ValueState}

    async def run(self) -> None:
        """Follow the statuses until the scheduler closes."""
        async for status in self._scheduler.watch():
            self._count(status)
            for wakes in (self._waiting.get(status.key), self._waiting.get(status.base or "")):
                for wake in wakes or ():
                    wake.set()
            self._tell(status)
        for wakes in self._waiting.values():
            for wake in wakes:
                wake.set()

    @contextlib.contextmanager
    def listening(self, listener: Callable[[ValueStatus], None]) -> Iterator[None]:
        """Have a listener told of each change from now on."""
        token = object()
        self._listeners[token] = listener
        try:
            yield
        finally:
            del self._listeners[token]

    async def settled(self, keys: Iterable[str]) -> dict[str, ValueStatus]:
        """Wait until each key and all that derives from it waits for nothing; return statuses.

        What failed for good or is invalid has settled too. Set a limit with ``asyncio.timeout``.
        """
        statuses: dict[str, ValueStatus] = {}
        for key in keys:
            statuses[key] = status = self._scheduler.status(key)
            if not is_settled(status):
                statuses[key] = await self._wait(key)
        return statuses

    async def _wait(self, key: str) -> ValueStatus:
        wake = asyncio.Event()
        self._waiting.setdefault(key, set()).add(wake)
        try:
            while not is_settled(status := self._scheduler.status(key)):
                wake.clear()
                await wake.wait()
            return status
        finally:
            others = self._waiting[key]
            others.discard(wake)
            if not others:
                del self._waiting[key]

    def _tell(self, status: ValueStatus) -> None:
        for listener in tuple(self._listeners.values()):
            try:
                listener(status)
            except Exception:
                # One who cannot listen is no reason for the others to hear no more.
                logger.exception("a listener failed on %s", status.key)

    def _count(self, status: ValueStatus) -> None:
        before = self._states.pop(status.key, None)
        if before is not None:
            self._counts[before] -= 1
        if status.state not in _GONE:
            self._states[status.key] = status.state
            self._counts[status.state] += 1
