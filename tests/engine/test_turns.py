# SPDX-License-Identifier: Apache-2.0
"""One transaction after another: order, cancellation, what arrives meanwhile, settling."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from kvscheduler import PlanStale, SchedulerClosed, ValueState
from kvscheduler.turns import Turns
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Slow(Keyed):
    """Each call takes a virtual second."""

    async def create(self, key: str, value: Any) -> Any:
        await asyncio.sleep(1.0)
        Plain.create(self, key, value)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        await asyncio.sleep(1.0)
        Plain.delete(self, key, value, metadata)


def test_commits_from_many_tasks_run_one_after_another_in_the_order_they_came() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        commits = [stage.commit({f"a/{number}": {}}) for number in range(10)]
        results = await asyncio.gather(*commits)
        assert [result.number for result in results] == list(range(1, 11))
        assert list(stage.scheduler.history) == results
        assert stage.clock.monotonic() == 10.0

    act(story, one)
    assert [key for _, key in one.calls] == [f"a/{number}" for number in range(10)]


@pytest.mark.parametrize("steps", range(6))
def test_a_commit_cancelled_while_it_waits_is_withdrawn(steps: int) -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        first = asyncio.create_task(stage.commit({"a/1": {}}))
        second = asyncio.create_task(stage.commit({"a/2": {}}))
        third = asyncio.create_task(stage.commit({"a/3": {}}))
        await stage.clock.advance(0.5)
        for _ in range(steps):
            await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert (await first).ok
        assert (await third).ok
        assert list(one.held) == ["a/1", "a/3"]
        assert stage.state("a/2") is ValueState.NONEXISTENT

    act(story, one)


def test_a_commit_cancelled_before_it_ran_at_all_is_withdrawn() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stage.commit({"a/2": {}})
        assert list(one.held) == ["a/2"]

    act(story, one)


def test_a_commit_cancelled_in_the_very_moment_of_its_turn_passes_the_turn_on() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        async def first_then_cancel() -> None:
            await stage.commit({"a/1": {}})
            second.cancel()

        first = asyncio.create_task(first_then_cancel())
        await asyncio.sleep(0)
        second = asyncio.create_task(stage.commit({"a/2": {}}))
        await asyncio.sleep(0)
        third = asyncio.create_task(stage.commit({"a/3": {}}))
        await asyncio.wait({first, second, third})
        assert third.result().ok
        await stage.scheduler.settle()
        assert ("a/2" in one.held) == (stage.state("a/2") is ValueState.CONFIGURED)

    act(story, one)


def test_a_commit_cancelled_after_it_has_begun_finishes() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}}))
        await stage.clock.advance(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await stage.scheduler.settle()
        assert list(one.held) == ["a/1", "a/2"]
        assert stage.scheduler.history[-1].ok

    act(story, one)


def test_a_cancelled_refresh_gives_its_turn_back() -> None:
    class Reading(Slow):
        async def retrieve(self, expected: Any, keys: Any = None) -> Any:
            await asyncio.sleep(5.0)
            return self.found(keys)

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.scheduler.refresh())
        await stage.clock.advance(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await stage.commit({"a/1": {}})).ok

    act(story, Reading())


def test_a_notification_during_a_transaction_is_worked_in_after_it() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        task = asyncio.create_task(stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}}))
        await stage.clock.advance(1.5)
        one.held.pop("a/1")
        one.port.notify({"a/1": None, "a/prop": {}})
        await stage.clock.advance(0.2)
        assert stage.state("a/prop") is ValueState.NONEXISTENT
        result = await task
        assert [done.operation.key for done in result.operations] == ["a/1", "a/2"]
        await stage.scheduler.settle()
        assert stage.state("a/prop") is ValueState.OBTAINED
        assert one.calls[2:] == [("delete", "a/2"), ("create", "a/1"), ("create", "a/2")]
        assert stage.scheduler.history[-1].kind == "notification"

    act(story, one)


def test_notify_returns_when_it_has_been_worked_in() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["a/prop"]}})
        assert stage.state("a/1") is ValueState.PENDING
        await stage.scheduler.notify("a/prop", {}, metadata=7)
        assert stage.state("a/1") is ValueState.CONFIGURED
        assert stage.scheduler.metadata("a")["prop"] == 7

    act(story, one)


def test_settle_waits_for_what_is_queued_and_what_follows_from_it() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        tasks = [asyncio.create_task(stage.commit({f"a/{n}": {}})) for n in range(3)]
        await asyncio.sleep(0)
        one.port.notify({"a/2": None})
        await stage.scheduler.settle()
        assert all(task.done() for task in tasks)
        assert one.calls[-1] == ("create", "a/2")
        assert len(one.calls) == 4

    act(story, one)


def test_a_plan_is_stale_when_another_commit_came_before_it() -> None:
    one = Later()

    async def story(stage: Stage) -> None:
        transaction = stage.transaction({"a/1": 1})
        plan = transaction.plan()
        await stage.commit({"a/2": 2})
        with pytest.raises(PlanStale):
            await transaction.commit(expect=plan)
        assert list(one.held) == ["a/2"]
        assert stage.state("a/1") is ValueState.NONEXISTENT
        assert stage.scheduler.history[-1].number == 1

    act(story, one)


def test_of_two_commits_that_expect_the_same_state_the_later_is_stale() -> None:
    one = Later()

    async def story(stage: Stage) -> None:
        first, second = stage.transaction({"a/1": 1}), stage.transaction({"a/1": 2})
        plans = first.plan(), second.plan()
        outcomes = await asyncio.gather(
            first.commit(expect=plans[0]), second.commit(expect=plans[1]), return_exceptions=True
        )
        assert isinstance(outcomes[1], PlanStale)
        assert one.held == {"a/1": 1}
        assert (await stage.commit({"a/1": 3})).ok

    act(story, one)


def test_an_expected_plan_that_still_holds_is_executed_as_it_is() -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        change = {"a/1": {"needs": ["a/2"]}, "a/2": {}}
        plan = stage.plan(change)
        result = await stage.transaction(change).commit(expect=plan)
        assert tuple(done.operation for done in result.operations) == plan.operations

    act(story, one)


def test_the_context_manager_commits_on_a_clean_exit_only() -> None:
    one = Later()

    async def story(stage: Stage) -> None:
        async with stage.scheduler.transaction() as transaction:
            transaction.set("a/1", 1)
        with contextlib.suppress(ZeroDivisionError):
            async with stage.scheduler.transaction() as transaction:
                transaction.set("a/2", 1)
                _ = 1 // 0
        assert one.held == {"a/1": 1}

    act(story, one)


def test_the_history_keeps_the_newest_transactions_with_their_labels() -> None:
    async def story(stage: Stage) -> None:
        for number in range(5):
            await stage.commit({"a/1": number}, description=f"{number}", labels={"n": f"{number}"})
        kept = stage.scheduler.history
        assert [result.number for result in kept] == [3, 4, 5]
        assert [result.labels["n"] for result in kept] == ["2", "3", "4"]
        assert kept[-1].description == "4"

    act(story, Plain(), history=3)


def test_what_the_history_keeps_cannot_be_changed_through_a_result() -> None:
    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": 1}, labels={"who": "me"})
        for mapping in (result.labels, result.errors):
            with pytest.raises(TypeError):
                mapping["who"] = "you"  # type: ignore[index]  # that is the point
        assert stage.scheduler.history[-1].labels == {"who": "me"}

    act(story, Plain())


def test_a_commit_inside_a_descriptors_own_call_fails_by_its_deadline_and_harms_nobody() -> None:
    class Nested(Plain):
        stage: Stage

        async def create(self, key: str, value: Any) -> Any:
            await self.stage.commit({"a/inner": 1})

    one, two = Nested("a"), Plain("b")

    async def story(stage: Stage) -> None:
        one.stage = stage
        result = await stage.commit({"a/1": 1, "b/1": 1})
        assert set(result.errors) == {"a/1"}
        assert two.held == {"b/1": 1}
        assert (await stage.commit({"b/2": 1})).ok

    act(story, one, two, deadline_s=3.0)


async def queue(turns: Turns, number: int) -> list[asyncio.Task[None]]:
    """Return tasks that wait for a turn, in this order."""
    tasks = [asyncio.create_task(turns.take()) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


def test_a_turn_that_comes_together_with_a_cancellation_is_passed_on() -> None:
    async def main() -> None:
        turns = Turns()
        assert turns.try_take()
        first, second = await queue(turns, 2)

        turns.release()
        first.cancel()
        await asyncio.wait({first, second})

        assert first.cancelled()
        assert second.exception() is None
        turns.release()
        assert turns.is_idle

    asyncio.run(main())


@pytest.mark.parametrize("waiting", [1, 2])
def test_a_turn_that_comes_right_after_a_cancellation_skips_who_was_cancelled(
    waiting: int,
) -> None:
    async def main() -> None:
        turns = Turns()
        assert turns.try_take()
        first, *others = await queue(turns, waiting)

        first.cancel()
        turns.release()
        await asyncio.wait({first, *others})

        assert first.cancelled()
        assert all(other.exception() is None for other in others)
        assert turns.is_idle is not bool(others)

    asyncio.run(main())


def test_who_no_longer_waits_for_idleness_is_in_nobodys_way() -> None:
    one = Slow()

    async def story(stage: Stage) -> None:
        commit = asyncio.create_task(stage.commit({"a/1": {}}))
        await asyncio.sleep(0)
        settling = [asyncio.create_task(stage.scheduler.settle()) for _ in range(2)]
        await stage.clock.advance(0.5)
        settling[0].cancel()
        await settling[1]
        assert commit.done()
        assert settling[0].cancelled()
        assert (await stage.commit({"a/2": {}})).ok

    act(story, one)


def test_who_waits_when_all_ends_is_told_so_once() -> None:
    async def main() -> None:
        turns = Turns()
        assert turns.try_take()
        tasks = [*(await queue(turns, 2)), asyncio.create_task(turns.wait_idle())]
        await asyncio.sleep(0)

        tasks[0].cancel()
        turns.turn_away(SchedulerClosed("the end"))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)

        kinds = [type(outcome) for outcome in outcomes]
        assert kinds == [asyncio.CancelledError, SchedulerClosed, SchedulerClosed]

    asyncio.run(main())


def test_a_refresh_that_runs_when_all_ends_leaves_nobody_waiting_for_its_turn() -> None:
    class Fatal(BaseException):
        """What nothing may catch."""

    class Deadly(Slow):
        async def retrieve(self, expected: Any, keys: Any = None) -> Any:
            await asyncio.sleep(5.0)

        async def watch(self) -> None:
            await asyncio.sleep(1.0)
            raise Fatal

    async def story(stage: Stage) -> None:
        reading = asyncio.create_task(stage.scheduler.refresh())
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(stage.commit({f"a/{n}": {}})) for n in range(2)]
        outcomes = await asyncio.gather(reading, *waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes[1:]] == [SchedulerClosed, SchedulerClosed]

    act(story, Deadly())
