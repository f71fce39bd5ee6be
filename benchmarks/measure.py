# SPDX-License-Identifier: Apache-2.0
"""Takes the time of a piece of work, beside a fixed yardstick, since machines and days differ."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable

__all__ = ["Timing", "measure", "yardstick"]

YARDSTICK_KEYS = 8_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The samples of one piece of work, and the yardstick's best time beside them."""

    samples_s: tuple[float, ...]
    yardstick_s: float

    @property
    def best_s(self) -> float:
        """The least disturbed sample: what the work itself costs."""
        return min(self.samples_s)

    @property
    def median_s(self) -> float:
        """What one may expect on this machine on this day."""
        return statistics.median(self.samples_s)

    @property
    def multiple(self) -> float:
        """The best time in yardsticks."""
        return self.best_s / self.yardstick_s


def yardstick() -> float:
    """Do a fixed piece of pure Python work of the kind that an engine does; return its seconds.

    Strings are made, dictionaries filled and walked, small tuples allocated. Never change it:
    all figures of the past are multiples of it.
    """
    started = time.perf_counter()
    nodes: dict[str, tuple[str, int]] = {}
    needed_by: dict[str, list[str]] = {}
    for number in range(YARDSTICK_KEYS):
        key = f"yardstick/interface/loop{number}"
        nodes[key] = (key, number)
        needed_by.setdefault(f"yardstick/group{number % 97}", []).append(key)
    found = 0
    for group in sorted(needed_by):
        for key in needed_by[group]:
            name, number = nodes[key]
            if name.startswith("yardstick/") and number >= 0:
                found += 1
    elapsed = time.perf_counter() - started
    if found != YARDSTICK_KEYS:
        raise AssertionError("the yardstick lost its place")
    return elapsed


def measure(work: Callable[[], float], repeats: int, *, warm_up: bool = True) -> Timing:
    """Run self-timed work several times, the yardstick before each, the collector left on.

    ``work`` returns the seconds that count, so that its own preparation stays out of them.
    """
    if warm_up:
        work()
    samples: list[float] = []
    yards: list[float] = []
    for _ in range(repeats):
        gc.collect()  # what earlier work left is not this one's to clear away
        yards.append(min(yardstick(), yardstick()))
        samples.append(work())
    return Timing(samples_s=tuple(samples), yardstick_s=min(yards))
