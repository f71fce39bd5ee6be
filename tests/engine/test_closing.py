# SPDX-License-Identifier: Apache-2.0
"""Starting and closing: at any moment, with anything under way, and nobody left waiting."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kvscheduler import JournalLocked, Scheduler, SchedulerClosed, ValueState, ValueStatus
from kvscheduler.testing import VirtualClock
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Slow(Keyed):
    """Each call takes ten virtual seconds."""

    async def create(self, key: str, value: Any) -> Any:
        await asyncio.sleep(10.0)
        Plain.create(self, key, value)


def test_close_during_a_transaction_finishes_it_first() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}}))
        await stage.clock.advance(1.0)
        await stage.scheduler.close()
        assert (await task).ok
        assert list(one.held) == ["a/1", "a/2"]

    act(story, one)


def test_commits_that_wait_when_the_scheduler_closes_are_told_so() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        first = asyncio.create_task(stage.commit({"a/1": {}}))
        await stage.clock.advance(1.0)
        closing = asyncio.create_task(stage.scheduler.close())
        await asyncio.sleep(0)
        with pytest.raises(SchedulerClosed):
            await stage.commit({"a/2": {}})
        await closing
        assert (await first).ok

    act(story, one)


CALLS: dict[str, Callable[[Scheduler], Awaitable[Any]]] = {
    "notify": lambda scheduler: scheduler.notify("a/1", {}),
    "settle": lambda scheduler: scheduler.settle(),
    "resync": lambda scheduler: scheduler.resync(),
    "refresh": lambda scheduler: scheduler.refresh(),
    "retrieve": lambda scheduler: scheduler.retrieve(),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_nobody_waits_for_ever_across_a_close(name: str, busy: bool, first: bool) -> None:
    async def story(stage: Stage) -> None:
        if busy:
            asyncio.create_task(stage.commit({"a/1": {}}))  # noqa: RUF006 - ends with the story
            await stage.clock.advance(1.0)
        call, close = CALLS[name](stage.scheduler), stage.scheduler.close()
        both = (call, close) if first else (close, call)
        async with asyncio.timeout(100.0):
            outcomes = await asyncio.gather(*both, return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert all(isinstance(error, SchedulerClosed) for error in errors)
        await stage.clock.advance(20.0)

    act(story, Slow())


@pytest.mark.parametrize("name", ["refresh", "retrieve"])
def test_nobody_complains_of_answers_that_came_after_their_asker_was_cut_short(name: str) -> None:
    class Breaking(Plain):
        async def retrieve(self, expected: Any, keys: Any = None) -> Any:
            await asyncio.sleep(10.0)

    errors: list[dict[str, Any]] = []

    async def story(stage: Stage) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
        asking = asyncio.ensure_future(CALLS[name](stage.scheduler))
        await stage.clock.advance(1.0)
        asking.cancel()
        await stage.scheduler.close()
        await asyncio.gather(asking, return_exceptions=True)
        gc.collect()

    act(story, Breaking("a"), Breaking("b"), Breaking("c"))
    assert errors == []


def test_after_close_every_call_says_that_the_scheduler_is_closed() -> None:
    async def story(stage: Stage) -> None:
        await stage.scheduler.close()
        for call in CALLS.values():
            with pytest.raises(SchedulerClosed):
                await call(stage.scheduler)
        with pytest.raises(SchedulerClosed):
            await stage.commit({"a/1": {}})
        await stage.scheduler.close()

    act(story, Plain())


def test_close_leaves_behind_a_call_that_ignores_its_cancellation() -> None:
    class Deaf(Plain):
        ended = False

        async def create(self, key: str, value: Any) -> Any:
            for _ in range(20):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(1.0)
            self.ended = True

    one = Deaf()
    clock = VirtualClock()

    async def outer() -> None:
        scheduler = Scheduler([one], clock=clock, deadline_s=2.0)
        await scheduler.start()
        transaction = scheduler.transaction()
        transaction.set("a/1", 1)
        result = await transaction.commit()
        assert not result.ok
        await scheduler.close()
        assert not one.ended
        await asyncio.sleep(100.0)
        assert one.ended

    clock.run(outer())


def test_close_does_not_wait_for_a_thread_that_hangs() -> None:
    class Threaded(Plain):
        blocking = True
        released = threading.Event()

        def create(self, key: str, value: Any) -> Any:
            stages[0].clock.block(None, self.released)

    one, stages = Threaded(), []

    async def story(stage: Stage) -> None:
        stages.append(stage)
        assert not (await stage.commit({"a/1": 1})).ok
        await stage.scheduler.close()
        one.released.set()
        await asyncio.sleep(1.0)

    act(story, one, deadline_s=2.0)


def test_a_close_that_was_cancelled_can_be_called_again() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}}))
        await stage.clock.advance(1.0)
        closing = asyncio.create_task(stage.scheduler.close())
        await stage.clock.advance(1.0)
        closing.cancel()
        await asyncio.wait({closing})
        await task
        await stage.scheduler.close()
        names = {other.get_name() for other in asyncio.all_tasks()}
        assert not {name for name in names if name.startswith("kvscheduler")}

    act(story, one)


def test_two_closes_at_once_both_return_when_it_is_closed(tmp_path: Path) -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}}))
        await stage.clock.advance(1.0)
        first = asyncio.create_task(stage.scheduler.close())
        await asyncio.sleep(0)
        await stage.scheduler.close()
        assert task.done()
        async with Scheduler([Plain()], clock=stage.clock, journal=tmp_path / "journal"):
            pass
        await first

    act(story, one, journal=tmp_path / "journal")


def test_close_ends_watch_streams_after_what_they_have_not_shown_yet() -> None:
    async def story(stage: Stage) -> None:
        seen: list[ValueStatus] = []

        async def read() -> None:
            seen.extend([status async for status in stage.scheduler.watch()])

        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        await stage.commit({"a/1": 1})
        await stage.scheduler.close()
        await reader
        assert [status.state for status in seen] == [ValueState.CONFIGURED]

    act(story, Plain())


def test_a_watch_of_the_southbound_ends_with_the_scheduler() -> None:
    class Watching(Plain):
        ended = False

        async def watch(self) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.ended = True

    one = Watching()

    async def story(stage: Stage) -> None:
        await stage.clock.advance(1.0)
        assert not one.ended

    act(story, one)
    assert one.ended


def test_what_descriptors_report_after_the_close_is_ignored() -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.scheduler.close()
        one.port.notify({"a/1": None})
        one.port.failed("a/1", RuntimeError("late"))
        one.port.request_resync()
        await stage.clock.advance(10.0)
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)
    one.port.notify({"a/2": 1})


def test_a_scheduler_is_started_once() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(SchedulerClosed):
            await stage.scheduler.start()
        await stage.scheduler.close()
        with pytest.raises(SchedulerClosed):
            await stage.scheduler.start()

    act(story, Plain())


def test_a_second_engine_on_one_journal_is_refused_until_the_first_has_closed(
    tmp_path: Path,
) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(JournalLocked):
            async with Scheduler([Plain()], clock=stage.clock, journal=tmp_path / "journal"):
                pass
        await stage.scheduler.close()
        async with Scheduler([Plain()], clock=stage.clock, journal=tmp_path / "journal"):
            pass

    act(story, Plain(), journal=tmp_path / "journal")


def test_a_start_that_is_cancelled_leaves_neither_lock_nor_tasks(tmp_path: Path) -> None:
    class Reading(Later):
        async def retrieve(self, expected: Any, keys: Any = None) -> Any:
            await asyncio.sleep(100.0)
            return []

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": 1})

    act(first, Later(), journal=tmp_path / "journal")
    clock = VirtualClock()

    async def main() -> None:
        starting = asyncio.create_task(
            Scheduler([Reading()], clock=clock, journal=tmp_path / "journal").start()
        )
        await clock.advance(1.0)
        starting.cancel()
        await asyncio.wait({starting})
        assert starting.cancelled()
        async with Scheduler([Later()], clock=clock, journal=tmp_path / "journal", recover=False):
            pass
        assert len(asyncio.all_tasks()) == 1

    clock.run(main())


def test_notifications_from_before_the_start_are_worked_in() -> None:
    class Early(Plain):
        def attach(self, southbound: Any) -> None:
            super().attach(southbound)
            southbound.notify({"a/prop": 1})

    async def story(stage: Stage) -> None:
        await stage.scheduler.settle()
        assert stage.state("a/prop") is ValueState.OBTAINED

    act(story, Early())
