# SPDX-License-Identifier: Apache-2.0
"""What the engine holds in memory at full size, in a process of its own."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from .table import Row

__all__ = ["rows"]

MEBI = 1 << 20
FULL_SIZE = 20_000
CHILD = "from benchmarks.memory import {0}; print({0}({1}))"


def heap_bytes(count: int) -> int:
    """Return what Python's allocator holds more with the workload applied, its values included."""
    from .scale import Bench  # noqa: PLC0415 - its cost must not count

    tracemalloc.start()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    with Bench(count) as bench:
        bench.create()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before


def resident_bytes(count: int) -> int:
    """Return what the process has grown by in the kernel's eyes."""
    from .scale import Bench  # noqa: PLC0415 - its cost must not count

    before = _resident_bytes()
    with Bench(count) as bench:
        bench.create()
        gc.collect()
        return _resident_bytes() - before


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def _in_child(function: str, count: int) -> int:
    code = CHILD.format(function, count)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return int(run.stdout)


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the memory that the workload takes, in both readings."""
    count = 1_000 if quick else FULL_SIZE
    heap = _in_child("heap_bytes", count) / MEBI
    resident = _in_child("resident_bytes", count) / MEBI
    reach, predecessor = ("100 MB", "148 MB") if count == FULL_SIZE else ("", "")
    yield Row(f"heap at {count:,}", f"{heap:.1f} MiB", reach=reach, predecessor=predecessor)
    yield Row(f"resident memory at {count:,}", f"{resident:.1f} MiB")
