# SPDX-License-Identifier: Apache-2.0
"""What the predecessor's tests never cover: the queue, the history and those who read."""

from __future__ import annotations

import asyncio

import pytest

from kvscheduler import SchedulerClosed, ValueState
from tests.conformance.arrays import Kind, System, Value, array, play
from tests.engine.stage import Stage

CONFIGURED, NONEXISTENT = ValueState.CONFIGURED, ValueState.NONEXISTENT


class Slow(Kind):
    """A kind whose creates take a second of virtual time."""

    stage: Stage

    async def create(self, key: str, value: Value) -> int | None:  # type: ignore[override]  # an awaitable, as Descriptor allows
        await self.stage.clock.sleep(1.0)
        return Kind.create(self, key, value)


# --- the queue ---------------------------------------------------------------------------------


def test_a_commit_that_is_not_waited_for_is_a_task() -> None:
    system = System()
    kind = Slow(system, "a")

    async def story(stage: Stage) -> None:
        kind.stage = stage
        task = asyncio.create_task(stage.commit({"a/x": array()}))
        await asyncio.sleep(0)
        assert system.held == {}

        await stage.scheduler.settle()

        assert system.held == {"a/x": array()}
        assert (await task).ok

    play(story, system, kind)


def test_hundreds_of_commits_at_once_are_all_worked_in_one_after_another() -> None:
    system = System()
    kind = Slow(system, "a")

    async def story(stage: Stage) -> None:
        kind.stage = stage
        commits = [stage.commit({f"a/{number:03}": array()}) for number in range(500)]

        results = await asyncio.gather(*commits)

        assert [one.number for one in results] == list(range(1, 501))
        assert system.calls == [f"create a/{number:03}" for number in range(500)]

    play(story, system, kind)


def test_a_commit_cancelled_before_its_turn_is_withdrawn() -> None:
    system = System()
    kind = Slow(system, "a")

    async def story(stage: Stage) -> None:
        kind.stage = stage
        under_way = asyncio.create_task(stage.commit({"a/x": array()}))
        waiting = asyncio.create_task(stage.commit({"a/y": array()}))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await under_way

        assert system.held == {"a/x": array()}
        assert stage.state("a/y") is NONEXISTENT

    play(story, system, kind)


def test_a_commit_cancelled_after_it_has_begun_is_finished() -> None:
    system = System()
    kind = Slow(system, "a")

    async def story(stage: Stage) -> None:
        kind.stage = stage
        under_way = asyncio.create_task(stage.commit({"a/x": array(), "a/y": array()}))
        await stage.clock.sleep(0.5)
        under_way.cancel()
        await stage.scheduler.settle()

        assert set(system.held) == {"a/x", "a/y"}
        assert len(stage.scheduler.history) == 1

    play(story, system, kind)


def test_a_commit_after_the_close_is_refused() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.scheduler.close()

        with pytest.raises(SchedulerClosed):
            await stage.commit({"a/x": array()})
        assert system.calls == []

    play(story, system, Kind(system, "a"))


def test_the_last_value_set_for_a_key_counts() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        transaction = stage.scheduler.transaction()
        transaction.set("a/x", array("i"))
        transaction.delete("a/x")
        transaction.set("a/x", array())
        await transaction.commit()

        assert system.held == {"a/x": array()}

    play(story, system, Kind(system, "a"))


def test_a_delete_of_the_unknown_and_an_equal_value_do_nothing_and_are_recorded() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        system.take_calls()

        await stage.commit({"a/unknown": None})
        await stage.commit({"a/x": array()})

        assert system.calls == []
        assert [len(one.operations) for one in stage.scheduler.history] == [1, 0, 0]
        assert stage.scheduler.status("a/x").operation == "create"

    play(story, system, Kind(system, "a"))


def test_the_history_is_trimmed_by_number() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        for number in range(5):
            await stage.commit({f"a/{number}": array()})

        assert [one.number for one in stage.scheduler.history] == [3, 4, 5]

    play(story, system, Kind(system, "a"), history=3)


# --- readers -----------------------------------------------------------------------------------


def test_a_reader_that_never_reads_misses_no_final_state_and_holds_nobody_up() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        slow = stage.scheduler.watch()
        quick = stage.scheduler.watch("a/x")
        reading = asyncio.ensure_future(anext(quick))
        for number in range(300):
            await stage.commit({"a/x": array(str(number))})
        assert (await reading).key == "a/x"

        seen = [await anext(slow) for _ in range(2)]
        assert [one.key for one in seen] == ["a/x", "a/x/299"]
        assert {one.state for one in seen} == {CONFIGURED}

    play(story, system, Kind(system, "a"))


def test_metadata_read_between_transactions_is_what_stands() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        index = stage.scheduler.metadata("a")
        await stage.commit({"a/x": array(), "a/y": array()})
        assert dict(index) == {"x": 0, "y": 1}

        await stage.commit({"a/x": None})
        assert dict(index) == {"y": 1}
        with pytest.raises(TypeError):
            index["y"] = 7  # type: ignore[index]  # it is read-only: that is what is tested

    play(story, system, Kind(system, "a"))


def test_a_call_that_lies_is_found_out_by_the_next_resync() -> None:
    class Lying(Kind):
        def create(self, key: str, value: Value) -> int | None:
            metadata = super().create(key, value)
            if len(system.calls) == 1:
                system.take_away(key)
            return metadata

    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        assert stage.state("a/x") is CONFIGURED
        assert await stage.scheduler.retrieve() == {}

        result = await stage.scheduler.resync("downstream")

        assert [one.operation.key for one in result.operations] == ["a/x"]
        assert system.held == {"a/x": array()}

    play(story, system, Lying(system, "a"))
