# SPDX-License-Identifier: Apache-2.0
"""Work that outlives who has asked for it, and its owner."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Tasks"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """Owns tasks until they end; at the close they get some time, then they are cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin some work; who cares for its outcome waits for it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Most often somebody else is told as well. Whoever asked may have gone.
            logger.debug("forwarder: %s", error)

    async def close(self, grace_s: float) -> None:
        """Wait for what is under way, for some time, and end the rest."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
