# SPDX-License-Identifier: Apache-2.0
"""An asynchronous southbound of 1 ms a call: what running independent operations at once gains."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from kvscheduler import Descriptor, Scheduler

from .measure import Timing, measure
from .table import Row, timing_row

__all__ = ["rows"]

CALL_S = 0.001
AT_ONCE = 128


class SlowDescriptor(Descriptor[int, None]):
    """Takes a millisecond for each value."""

    name = "slow"
    key_prefix = "slow/"

    async def create(self, key: str, value: int) -> None:
        """Wait."""
        await asyncio.sleep(CALL_S)


async def _create(count: int, max_parallel: int) -> float:
    async with Scheduler([SlowDescriptor()], max_parallel=max_parallel) as scheduler:
        transaction = scheduler.transaction()
        for number in range(count):
            transaction.set(f"slow/{number}", number)
        started = time.perf_counter()
        result = await transaction.commit()
        elapsed = time.perf_counter() - started
        result.check()
        return elapsed


def _timing(count: int, max_parallel: int, repeats: int) -> Timing:
    return measure(lambda: asyncio.run(_create(count, max_parallel)), repeats)


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the figures, one at a time and many at once, and how they compare."""
    count = 200 if quick else 1_000
    alone = _timing(count, 1, 2 if quick else 3)
    together = _timing(count, AT_ONCE, 5)
    name = f"{count:,} calls of 1 ms, max_parallel="
    yield timing_row(f"{name}1", alone, operations=count)
    yield timing_row(f"{name}{AT_ONCE}", together, operations=count)
    gain = alone.best_s / together.best_s
    yield Row(f"max_parallel={AT_ONCE} against 1", f"{gain:.0f} x faster", reach="25 x")
