# SPDX-License-Identifier: Apache-2.0
"""Waiting before the next attempt, longer each time, and not all clients at once."""

from __future__ import annotations

import asyncio
import random

from kvscheduler import Clock

__all__ = ["Backoff", "pause"]


async def pause(clock: Clock, seconds: float) -> None:
    """Wait, by the given clock."""
    over = asyncio.Event()
    timer = clock.call_later(seconds, over.set)
    try:
        await over.wait()
    finally:
        timer.cancel()


class Backoff:
    """Pauses that double from the first to the longest, each shortened by up to a half."""

    def __init__(
        self, clock: Clock, rng: random.Random, *, first_s: float, longest_s: float
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def reset(self) -> None:
        """Begin with the first again: something has worked."""
        self._next_s = self._first_s

    async def pause(self) -> None:
        """Wait for the next attempt."""
        longest_s = self._next_s
        self._next_s = min(self._longest_s, 2 * longest_s)
        await pause(self._clock, longest_s * self._rng.uniform(0.5, 1.0))
