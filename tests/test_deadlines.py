# SPDX-License-Identifier: Apache-2.0
"""Deadlines of many by one timer, beside what each would get by a timer of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.deadlines import Deadlines
from kvscheduler.testing import VirtualClock, VirtualTimer

# When it begins, how long it may take, how long it does take; in seconds.
TIMES = st.tuples(st.integers(0, 9), st.sampled_from((2, 3, 5)), st.integers(0, 9))


class Run:
    """Something with a deadline that ends when its time has come."""

    def __init__(self) -> None:
        self.is_over = False
        self.expired = 0

    def expire(self, after_s: float) -> None:
        self.expired += 1


class Counting(VirtualClock):
    """Counts the timers that stand."""

    def __init__(self) -> None:
        super().__init__()
        self.armed: list[VirtualTimer] = []

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> VirtualTimer:
        self.armed.append(super().call_later(delay_s, callback))
        return self.armed[-1]


@given(times=st.lists(TIMES, max_size=8))
def test_what_takes_too_long_is_told_so_once_and_nobody_else_is(
    times: list[tuple[int, int, int]],
) -> None:
    clock = VirtualClock()
    deadlines, runs = Deadlines(clock), [Run() for _ in times]

    def end(run: Run, seconds: int) -> None:
        run.is_over = True
        deadlines.end(seconds)

    async def main() -> None:
        for run, (begins, allowed, takes) in zip(runs, times, strict=True):
            clock.call_later(begins, functools.partial(deadlines.begin, run, allowed))
            clock.call_later(begins + takes + 0.5, functools.partial(end, run, allowed))
        await clock.advance(30)

    clock.run(main())
    assert [run.expired for run in runs] == [takes + 0.5 > allowed for _, allowed, takes in times]


def test_a_thousand_with_one_deadline_take_one_timer_and_leave_none() -> None:
    clock = Counting()
    deadlines, runs = Deadlines(clock), [Run() for _ in range(1_000)]

    async def main() -> None:
        for run in runs:
            deadlines.begin(run, 30.0)
        assert len(clock.armed) == 1
        for run in runs:
            run.is_over = True
            deadlines.end(30.0)
        await clock.advance(60)

    clock.run(main())
    assert len(clock.armed) <= 2
    assert not any(run.expired for run in runs)
