# SPDX-License-Identifier: Apache-2.0
"""What ``import kvscheduler`` costs beyond ``import asyncio``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping

from .table import Row, seconds

__all__ = ["rows"]

REPEATS = 20
CODES = ("import asyncio", "import asyncio, kvscheduler")


def _cpu_seconds_of(code: str, environment: Mapping[str, str]) -> float:
    """Return the processor time of a fresh interpreter: files are cached, nothing else waits."""
    command = [sys.executable, "-c", code]
    child = os.posix_spawn(sys.executable, command, environment)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        raise RuntimeError(f"{code}: ended with status {status}")
    return usage.ru_utime + usage.ru_stime


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the difference of the two programs' best times, run in turn, both compiled before."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _cpu_seconds_of(CODES[-1], environment)
        times = [
            tuple(_cpu_seconds_of(code, environment) for code in CODES)
            for _ in range(5 if quick else REPEATS)
        ]
    without, with_it = (min(column) for column in zip(*times, strict=True))
    yield Row(
        "import kvscheduler, beyond asyncio (CPU)",
        seconds(max(0.0, with_it - without)),
        reach="20 ms",
    )
