# SPDX-License-Identifier: Apache-2.0
"""What happens at an agent as it happens: what it does, and how values stand after it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from kvscheduler import ValueStatus

if TYPE_CHECKING:
    from ..target import Told
    from .agent import Agent

__all__ = ["Events"]

PAGE: Final = 100
# A transaction is in the history when it has ended, which may be after its first statuses.
QUIET_S: Final = 0.2


class Events:
    """Statuses as they come, and before them what the history has that is new."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._statuses: deque[ValueStatus] = deque()
        self._come = asyncio.Event()
        self._last = 0

    async def all(self) -> AsyncIterator[Told | ValueStatus]:
        """Yield all that happens, for as long as the agent is there."""
        self._last = await self._newest()
        following = asyncio.create_task(self._follow())
        following.add_done_callback(lambda _task: self._come.set())
        try:
            while not following.done():
                for told in await self._new():
                    yield told
                while self._statuses:
                    yield self._statuses.popleft()
                await self._wait()
            await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self) -> None:
        async for status in self._agent.statuses():
            self._statuses.append(status)
            self._come.set()

    async def _wait(self) -> None:
        """Wait for something to come, though not for long where something just has."""
        is_quiet = not self._come.is_set()
        self._come.clear()
        if self._statuses:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if is_quiet else QUIET_S):
                await self._come.wait()

    async def _newest(self) -> int:
        page, _ = await self._agent.page(1)
        return page[-1][0].number if page else 0

    async def _new(self) -> list[Told]:
        """Return what was done since we looked last, oldest first."""
        found: list[Told] = []
        before = 0
        while True:
            page, before = await self._agent.page(PAGE, before)
            new = [one for one in page if one[0].number > self._last]
            found = [*new, *found]
            if len(new) < len(page) or not before:
                break
        if found:
            self._last = found[-1][0].number
        return found
