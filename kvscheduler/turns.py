# SPDX-License-Identifier: Apache-2.0
"""One transaction after another, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turns"]


class Turns:
    """A fair lock that costs nothing while nobody waits; a waiter that is cancelled withdraws."""

    def __init__(self) -> None:
        self.taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def is_idle(self) -> bool:
        """Whether nobody has a turn or waits for one."""
        return not self.taken and not self._waiting

    def try_take(self) -> bool:
        """Take the turn if it is free and nobody is before us."""
        if self.taken or self._waiting:
            return False
        self.taken = True
        return True

    async def take(self) -> None:
        """Wait for the turn."""
        if self.try_take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the turn came together with the cancellation: pass it on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Hand the turn to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken = False
        if self._watchers:
            for watcher in self._watchers:
                if not watcher.done():
                    watcher.set_result(None)
            self._watchers.clear()

    def turn_away(self, reason: Exception) -> None:
        """Let everybody who waits go with an error."""
        for future in (*self._waiting, *self._watchers):
            if not future.done():
                future.set_exception(reason)
        self._waiting.clear()
        self._watchers.clear()

    async def wait_idle(self) -> None:
        """Wait until nobody has a turn; somebody may take it right after."""
        while not self.is_idle:
            watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await watcher
