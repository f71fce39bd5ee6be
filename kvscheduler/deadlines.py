# SPDX-License-Identifier: Apache-2.0
"""Deadlines of many calls by few timers: one for all that are given the same time."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from .clock import Clock, Timer

__all__ = ["Deadlines", "Limited"]

_TOLERANCE_S = 1e-6


class Limited(Protocol):
    """What has a deadline."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, so that its deadline is of no concern any more."""

    def expire(self, after_s: float) -> None:
        """Be told that so many seconds were not enough."""


class Deadlines:
    """Tells what has not ended in time.

    A timer of its own for each call would cost more than most calls. Those with the same time
    to run end it in the order in which they began, so one timer, for the first, will do.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[float, _Lane] = {}

    def begin(self, one: Limited, seconds: float) -> None:
        """Give something so many seconds from now."""
        lane = self._lanes.get(seconds)
        if lane is None:
            lane = self._lanes[seconds] = _Lane(self._clock, seconds)
        lane.enter(one)

    def end(self, seconds: float) -> None:
        """Hear that something has ended which was given so many seconds."""
        self._lanes[seconds].clear()


class _Lane:
    """All that has the same time to run, the first to expire in front."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._running: deque[tuple[float, Limited]] = deque()
        self._timer: Timer | None = None

    def enter(self, one: Limited) -> None:
        self._running.append((self._clock.monotonic() + self._seconds, one))
        if self._timer is None:
            self._timer = self._clock.call_later(self._seconds, self._ring)

    def clear(self) -> None:
        """Forget what has ended; the last one takes the timer along."""
        running = self._running
        while running and running[0][1].is_over:
            running.popleft()
        if not running and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        running, now = self._running, self._clock.monotonic() + _TOLERANCE_S
        while running and (running[0][1].is_over or running[0][0] <= now):
            _, one = running.popleft()
            if not one.is_over:
                one.expire(self._seconds)
        if running:
            left = running[0][0] - self._clock.monotonic()
            self._timer = self._clock.call_later(max(0.0, left), self._ring)
