# SPDX-License-Identifier: Apache-2.0
"""One at a time for each connection, first come, first served."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator

__all__ = ["Turns"]


class _Turn:
    """Whose turn it is at one connection, and how many want it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Turns:
    """The turns at all connections, by their ids; one that nobody wants costs nothing."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = collections.defaultdict(_Turn)

    @contextlib.asynccontextmanager
    async def turn(self, identity: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it."""
        turn = self._turns[identity]
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[identity]
