# SPDX-License-Identifier: Apache-2.0
"""Divides a profiled run's time among the parts of the program."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter

__all__ = ["shares"]

# Where a file lies says whose time it is; the first that fits counts.
PARTS = (
    ("kvs_descriptors/linux/netlink/codec.py", "messages"),
    ("kvs_descriptors/", "descriptors"),
    ("kvscheduler/journal", "journal"),
    ("kvscheduler/codec", "journal"),
    ("kvscheduler/", "engine"),
    ("pyroute2/", "pyroute2"),
    ("asyncio/", "asyncio"),
    ("google/", "protobuf"),
)
SYSTEM_CALLS = ("send", "recv", "poll", "commit", "connect")
LEAST = 0.01


def _part(file: str) -> str:
    return next((part for folder, part in PARTS if folder in file), "other")


def shares(profile: cProfile.Profile) -> list[tuple[str, float]]:
    """Return each part's share of the time, the greatest first.

    A builtin's time is its caller's, except that of system calls, in which the kernel works, or
    which wait for it: the profile is that of the main thread.
    """
    times: Counter[str] = Counter()
    functions = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # not in the stubs
    for (file, _, name), (_, _, own, _, callers) in functions.items():
        if file != "~":
            times[_part(file)] += own
        elif any(word in name for word in SYSTEM_CALLS):
            times["system calls"] += own
        else:
            for (caller, _, _), (_, _, part_of_own, _) in callers.items():
                times[_part(caller)] += part_of_own
    total = sum(times.values())
    return [(part, time / total) for part, time in times.most_common() if time / total >= LEAST]
