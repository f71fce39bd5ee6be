# SPDX-License-Identifier: Apache-2.0
"""Virtual time passes when nothing else can run, in order, and tells when nothing ever will."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.testing import Deadlock, VirtualClock


@given(delays=st.lists(st.floats(0, 1e6), max_size=20))
def test_timers_run_in_the_order_of_their_times(delays: list[float]) -> None:
    clock = VirtualClock()
    ran: list[float] = []

    async def main() -> None:
        for delay in delays:
            clock.call_later(delay, lambda delay=delay: ran.append(delay))  # type: ignore[misc]
        await clock.advance(1e6)

    clock.run(main())

    assert ran == sorted(delays)
    assert clock.monotonic() == 1e6


def test_an_hour_of_sleep_takes_no_time_and_is_an_hour() -> None:
    clock = VirtualClock()

    async def main() -> float:
        await clock.sleep(1800)
        await asyncio.sleep(1800)
        return clock.monotonic()

    assert clock.run(main()) == pytest.approx(3600)
    assert clock.now() == pytest.approx(1_000_003_600)


def test_a_withdrawn_timer_never_runs() -> None:
    clock = VirtualClock()
    ran: list[str] = []

    async def main() -> None:
        clock.call_later(1, lambda: ran.append("withdrawn")).cancel()
        clock.call_later(2, lambda: ran.append("kept"))
        await clock.advance(3)

    clock.run(main())

    assert ran == ["kept"]


def test_waiting_for_what_cannot_come_is_a_deadlock() -> None:
    clock = VirtualClock()

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="nothing can happen"):
        clock.run(main())


def test_advance_works_on_a_loop_of_another_kind() -> None:
    clock = VirtualClock()

    async def main() -> list[str]:
        ran: list[str] = []

        async def sleeper() -> None:
            await clock.sleep(5)
            await clock.sleep(5)
            ran.append("woke")

        task = asyncio.create_task(sleeper())
        await clock.advance(9)
        assert not ran
        await clock.advance(1)
        await task
        return ran

    assert asyncio.run(main()) == ["woke"]


def test_time_stands_still_while_a_thread_works_and_moves_while_it_waits() -> None:
    clock = VirtualClock()
    seen: list[float] = []

    def work() -> None:
        threading.Event().wait(0.05)
        seen.append(clock.monotonic())
        clock.block(60.0, threading.Event())
        seen.append(clock.monotonic())

    async def main() -> None:
        clock.call_later(100.0, lambda: None)
        await asyncio.to_thread(work)

    clock.run(main())

    assert seen == [0.0, 60.0]


def test_idle_waits_for_all_that_can_run_now() -> None:
    clock = VirtualClock()

    async def main() -> tuple[int, float]:
        steps = 0

        async def busy() -> None:
            nonlocal steps
            for _ in range(1000):
                await asyncio.sleep(0)
                steps += 1

        task = asyncio.create_task(busy())
        await clock.idle()
        await task
        return steps, clock.monotonic()

    assert clock.run(main()) == (1000, 0.0)
