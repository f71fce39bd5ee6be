# SPDX-License-Identifier: Apache-2.0
"""How often each operation was asked for, and how long it took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["CallCount", "Calls"]


class CallCount:
    """Counts calls of one name; times are in seconds."""

    __slots__ = ("count", "longest", "name", "shortest", "total")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.total = self.longest = 0.0
        self.shortest = 0.0

    def add(self, took_s: float) -> None:
        """Count one more."""
        self.shortest = took_s if not self.count else min(self.shortest, took_s)
        self.longest = max(self.longest, took_s)
        self.total += took_s
        self.count += 1

    def data(self) -> dict[str, Any]:
        """Return the counts as the predecessor has them: what is zero is left out."""
        average = self.total / self.count if self.count else 0.0
        times = {
            "total": self.total,
            "avg": average,
            "min": self.shortest,
            "max": self.longest,
        }
        rounded = {name: round(value, 6) for name, value in times.items()}
        shown = {name: value for name, value in rounded.items() if value}
        return {"count": self.count, **shown}


class Calls:
    """The counts of all operations by name."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._all = CallCount("")
        self._counts: dict[str, CallCount] = {}

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile, however it ends."""
        began = self._clock()
        try:
            yield
        finally:
            self.add(name, self._clock() - began)

    def add(self, name: str, took_s: float) -> None:
        """Count a call."""
        self._counts.setdefault(name, CallCount(name)).add(took_s)
        self._all.add(took_s)

    def data(self) -> dict[str, Any]:
        """Return all counts, the most frequent first."""
        ordered = sorted(self._counts.values(), key=lambda one: (-one.count, one.name))
        return {
            "AllOperations": self._all.data(),
            "Operations": [{"name": one.name, **one.data()} for one in ordered],
        }
