# SPDX-License-Identifier: Apache-2.0
"""The engine alone, on a mock southbound: create, plan, update, resync, delete, ever larger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from kvscheduler import Scheduler

from . import workload
from .measure import measure
from .table import Row, timing_row

__all__ = ["rows"]

SIZES = (10, 100, 1_000, 3_000, 10_000, 20_000)
QUICK_SIZES = (100, 1_000)
UPDATES = 200  # commits in one sample: a few are too short for the clock, and for the caches

GO_CREATE = {10: "0.28", 100: "3.0", 1_000: "31", 3_000: "135", 10_000: "1,150", 20_000: "3,200"}
GO_UPDATE = {1_000: "20 us", 20_000: "0.5 ms and more"}
GO_RESYNC = {1_000: "21 ms", 20_000: "1.0 s"}
REACH_CREATE = {1_000: "16 ms", 20_000: "0.4 s"}
REACH_RESYNC = {20_000: "0.4 s"}


class Bench:
    """A running scheduler with the workload's values, and a loop to run it on."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.values = workload.values(count)
        self.runner = asyncio.Runner()
        self.scheduler = Scheduler(workload.descriptors())

    def __enter__(self) -> Self:
        """Start the scheduler."""
        self.runner.run(self.scheduler.start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.runner.run(self.scheduler.close())
        self.runner.close()

    def create(self) -> float:
        """Set all values and commit them; return the seconds of both."""
        return self.runner.run(self._set_all(None))

    def resync(self) -> float:
        """Set all values in a full resync, which finds them there."""
        return self.runner.run(self._set_all("full"))

    def plan(self) -> float:
        """Set all values and only plan."""
        return self.runner.run(self._plan())

    def update(self) -> float:
        """Change one interface, again and again; return the seconds of one commit."""
        return self.runner.run(self._update())

    def delete(self) -> float:
        """Delete all values."""
        return self.runner.run(self._delete())

    async def _set_all(self, resync: str | None) -> float:
        started = time.perf_counter()
        transaction = self.scheduler.transaction(resync=resync)
        for key, value in self.values.items():
            transaction.set(key, value)
        result = await transaction.commit()
        elapsed = time.perf_counter() - started
        result.check()
        return elapsed

    async def _plan(self) -> float:
        started = time.perf_counter()
        transaction = self.scheduler.transaction()
        for key, value in self.values.items():
            transaction.set(key, value)
        plan = transaction.plan()
        elapsed = time.perf_counter() - started
        if len(plan.operations) != workload.operations(self.count):
            raise AssertionError(f"planned {len(plan.operations)} operations")
        return elapsed

    async def _update(self) -> float:
        name = f"loop{self.count // 2}"
        values = [workload.Loopback(name, 1400 + number) for number in range(UPDATES)]
        started = time.perf_counter()
        for value in values:
            transaction = self.scheduler.transaction()
            transaction.set(workload.INTERFACES + name, value)
            result = await transaction.commit()
            if len(result.operations) != 1:
                raise AssertionError(f"updated with {len(result.operations)} operations")
        return (time.perf_counter() - started) / UPDATES

    async def _delete(self) -> float:
        started = time.perf_counter()
        transaction = self.scheduler.transaction()
        for key in self.values:
            transaction.delete(key)
        result = await transaction.commit()
        elapsed = time.perf_counter() - started
        result.check()
        return elapsed


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the engine's figures, growing in size."""
    sizes = QUICK_SIZES if quick else SIZES
    for count in sizes:
        yield _create_row(count)
    for count in sizes[-1:] if quick else (1_000, 20_000):
        yield _plan_row(count)
        yield from _standing_rows(count)
        yield _delete_row(count)


def _repeats(count: int) -> int:
    return max(5, min(30, 20_000 // count))


def _fresh_create(count: int) -> float:
    with Bench(count) as bench:
        return bench.create()


def _fresh_plan(count: int) -> float:
    with Bench(count) as bench:
        return bench.plan()


def _fresh_delete(count: int) -> float:
    with Bench(count) as bench:
        bench.create()
        return bench.delete()


def _create_row(count: int) -> Row:
    timing = measure(lambda: _fresh_create(count), _repeats(count))
    reach = f"8 us an operation, {REACH_CREATE[count]}" if count in REACH_CREATE else "8 us"
    return timing_row(
        f"create {count:,}",
        timing,
        operations=workload.operations(count),
        reach=reach,
        predecessor=f"{GO_CREATE[count]} ms" if count in GO_CREATE else "",
    )


def _plan_row(count: int) -> Row:
    timing = measure(lambda: _fresh_plan(count), _repeats(count))
    return timing_row(
        f"plan() alone of creating {count:,}",
        timing,
        operations=workload.operations(count),
        reach="60 % of the commit",
    )


def _standing_rows(count: int) -> Iterator[Row]:
    with Bench(count) as bench:
        bench.create()
        yield timing_row(
            f"update one of {count:,}",
            measure(bench.update, 40),
            operations=1,
            reach="20 us",
            predecessor=GO_UPDATE.get(count, ""),
        )
        yield timing_row(
            f"full resync of {count:,}, nothing to do",
            measure(bench.resync, _repeats(count)),
            reach=REACH_RESYNC.get(count, ""),
            predecessor=GO_RESYNC.get(count, ""),
        )


def _delete_row(count: int) -> Row:
    timing = measure(lambda: _fresh_delete(count), _repeats(count))
    return timing_row(f"delete all of {count:,}", timing, operations=workload.operations(count))
