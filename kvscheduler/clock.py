# SPDX-License-Identifier: Apache-2.0
"""Time as the engine sees it, so that tests can run it in virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "SystemClock", "Timer"]


class Timer(Protocol):
    """A pending call that can be withdrawn."""

    def cancel(self) -> None:
        """Withdraw the call; harmless once it has run."""


class Clock(Protocol):
    """The three things the engine asks of time."""

    def now(self) -> float:
        """Return wall clock seconds, for the record."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations and delays."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call back on the running loop after so many seconds."""


class SystemClock:
    """The machine's own time and the running event loop's timers."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Call back on the running loop after so many seconds."""
        return asyncio.get_running_loop().call_later(delay_s, callback)
