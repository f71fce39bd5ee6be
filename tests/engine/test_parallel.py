# SPDX-License-Identifier: Apache-2.0
"""Law 10 by example: what runs at once, what waits, and what costs no task."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from kvscheduler import RegistrationError, Retrieved, Scheduler
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Counting(Keyed):
    """Takes a virtual second for each call and counts those under way."""

    now = most = 0

    async def create(self, key: str, value: Any) -> Any:
        await self.take()
        Plain.create(self, key, value)

    async def take(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1.0)
        self.now -= 1


def several(name: str, count: int) -> dict[str, Any]:
    return {f"{name}/{number}": {} for number in range(count)}


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_no_more_calls_are_under_way_than_the_scheduler_allows(limit: int) -> None:
    one = Counting()

    async def story(stage: Stage) -> None:
        await stage.commit(several("a", 20))
        assert stage.clock.monotonic() == -(-20 // limit)

    act(story, one, max_parallel=limit)
    assert one.most == min(limit, 20)


def test_a_descriptors_own_limit_holds_up_only_its_own_calls() -> None:
    narrow, wide = Counting("a"), Counting("b")
    narrow.max_parallel = 2

    async def story(stage: Stage) -> None:
        await stage.commit({**several("a", 6), **several("b", 6)})
        assert stage.clock.monotonic() == 3

    act(story, narrow, wide)
    assert (narrow.most, wide.most) == (2, 6)


def test_the_descriptors_limit_counts_its_retrieve_too() -> None:
    class Slow(Counting):
        max_parallel = 1

        async def retrieve(
            self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
        ) -> list[Retrieved]:
            await self.take()
            return self.found(keys)

    one = Slow()

    async def story(stage: Stage) -> None:
        await asyncio.gather(stage.commit(several("a", 3)), stage.scheduler.retrieve())

    act(story, one)
    assert one.most == 1


def test_a_limit_of_no_calls_at_all_is_refused_at_registration() -> None:
    one = Later()
    one.max_parallel = 0

    with pytest.raises(RegistrationError):
        Scheduler([one])


def test_a_slow_call_holds_up_only_what_needs_it() -> None:
    class Slow(Keyed):
        async def create(self, key: str, value: Any) -> Any:
            await asyncio.sleep(value.get("seconds", 0.0))
            Plain.create(self, key, value)

    one = Slow()
    change = {
        "a/slow": {"seconds": 10.0},
        "a/waits": {"needs": ["a/slow"]},
        "a/1": {},
        "a/2": {"needs": ["a/1"]},
    }

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit(change))
        await stage.clock.advance(5.0)
        assert set(one.held) == {"a/1", "a/2"}
        await task

    act(story, one)
    assert list(one.held)[2:] == ["a/slow", "a/waits"]


def test_plain_operations_cost_no_task() -> None:
    tasks: list[object] = []

    def factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(work)
        return asyncio.Task(work, loop=loop, **options)

    async def story(stage: Stage) -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        result = await stage.commit(several("a", 100))
        assert len(result.operations) == 100
        await stage.commit(dict.fromkeys(several("a", 100)))
        assert tasks == []

    act(story, Plain())


def test_plain_async_and_blocking_descriptors_work_in_one_plan() -> None:
    class Threaded(Keyed):
        blocking = True

        def create(self, key: str, value: Any) -> Any:
            assert threading.current_thread() is not threading.main_thread()
            Plain.create(self, key, value)

    class Async(Keyed):
        async def create(self, key: str, value: Any) -> Any:
            await asyncio.sleep(0.5)
            Plain.create(self, key, value)

    plain, later, threaded = Keyed("a"), Async("b"), Threaded("c")
    kinds = "abc"
    change: dict[str, Any] = {"a/0": {}}
    for number in range(1, 12):
        needed = f"{kinds[(number - 1) % 3]}/{number - 1}"
        change[f"{kinds[number % 3]}/{number}"] = {"needs": [needed]}

    async def story(stage: Stage) -> None:
        result = await stage.commit(change)
        assert result.ok
        made = [executed.operation.key for executed in result.operations]
        assert made == sorted(made, key=lambda key: int(key[2:]))

    act(story, plain, later, threaded)
    assert len(plain.held) == len(later.held) == len(threaded.held) == 4


def test_a_plain_def_may_return_an_awaitable() -> None:
    class Returning(Plain):
        def create(self, key: str, value: Any) -> Any:
            return self.make(key, value)

        async def make(self, key: str, value: Any) -> str:
            await asyncio.sleep(1.0)
            Plain.create(self, key, value)
            return f"made {key}"

    one = Returning()

    async def story(stage: Stage) -> None:
        await stage.commit(several("a", 5))
        assert stage.clock.monotonic() == 1
        assert stage.scheduler.metadata("a")["3"] == "made a/3"

    act(story, one)


def test_operations_that_wait_for_a_descriptors_limit_are_not_looked_at_again_and_again() -> None:
    class Narrow(Later):
        max_parallel = 1

    def calls(count: int) -> int:
        seen = 0

        def profile(frame: Any, event: str, arg: Any) -> None:
            nonlocal seen
            seen += event in {"call", "c_call"}

        async def story(stage: Stage) -> None:
            sys.setprofile(profile)
            try:
                await stage.commit(several("a", count))
            finally:
                sys.setprofile(None)

        act(story, Narrow())
        return seen

    assert calls(400) < 6 * calls(100)


@pytest.mark.parametrize("beside", [{}, {"b/1": {}}], ids=["alone", "beside a slow one"])
def test_a_plain_call_that_holds_up_the_loop_is_reported(
    beside: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    class Tardy(Plain):
        def create(self, key: str, value: Any) -> Any:
            stages[0].clock._elapsed_s += value  # as a call that takes so long would

    async def story(stage: Stage) -> None:
        stages.append(stage)
        result = await stage.commit({**beside, "c/1": 0.05, "c/2": 2.5})
        assert result.ok

    stages: list[Stage] = []
    act(story, Tardy("c"), Later("b"))

    reports = [text for text in caplog.messages if "held up the event loop" in text]
    assert len(reports) == 1
    assert "descriptor c held up the event loop for 2.500 s with create c/2" in reports[0]
