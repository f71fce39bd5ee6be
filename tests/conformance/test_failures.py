# SPDX-License-Identifier: Apache-2.0
"""What the predecessor's tests never cover: retries to the end, and reverts that fail."""

from __future__ import annotations

import itertools

import pytest

from kvscheduler import Depends, RetryPolicy, ValueState
from tests.conformance.arrays import Kind, System, array, play
from tests.engine.stage import Stage

CONFIGURED, NONEXISTENT = ValueState.CONFIGURED, ValueState.NONEXISTENT
FAILED, RETRYING = ValueState.FAILED, ValueState.RETRYING


# --- retries -----------------------------------------------------------------------------------


def test_a_retry_follows_the_policy_of_the_value_not_of_what_set_it_going() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        policy = RetryPolicy(first_delay=60.0, max_attempts=5)
        await stage.commit({"a/x": array()}, retry=policy)
        system.plan("a/x", "failed")

        result = await stage.commit({"a/y": array()})

        assert stage.state("a/x") is RETRYING
        assert result.errors.keys() == {"a/x"}
        await stage.clock.advance(61.0)
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a", needs={"a/x": [Depends("a/y")]}))


def test_delays_double_and_end_with_the_last_attempt() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        for _ in range(4):
            system.plan("a/x", "failed")
        await stage.commit({"a/x": array()}, retry=RetryPolicy(first_delay=0.05, max_attempts=3))
        states = []
        for delay_s in (0.051, 0.1, 0.2):
            states.append(stage.state("a/x"))
            await stage.clock.advance(delay_s)
        await stage.clock.advance(1000.0)

        started = [one.started for one in stage.scheduler.history]
        gaps = [later - sooner for sooner, later in itertools.pairwise(started)]
        assert gaps == pytest.approx([0.05, 0.1, 0.2], abs=1e-6)
        assert states == [RETRYING] * 3
        assert stage.state("a/x") is FAILED

    play(story, system, Kind(system, "a"))


def test_without_doubling_the_delay_stays_the_same() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        for _ in range(3):
            system.plan("a/x", "failed")
        policy = RetryPolicy(first_delay=2.0, factor=1.0)
        await stage.commit({"a/x": array()}, retry=policy)
        await stage.clock.advance(7.0)

        started = [one.started for one in stage.scheduler.history]
        gaps = [later - sooner for sooner, later in itertools.pairwise(started)]
        assert gaps == pytest.approx([2.0, 2.0, 2.0])
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a"))


def test_a_retry_that_a_newer_value_has_overtaken_does_nothing() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        system.plan("a/x", "failed")
        await stage.commit({"a/x": array("i")}, retry=RetryPolicy(first_delay=5.0))
        await stage.commit({"a/x": array("j")})
        system.take_calls()

        await stage.clock.advance(100.0)

        assert system.calls == []
        assert system.held["a/x"] == array("j")
        assert len(stage.scheduler.history) == 2

    play(story, system, Kind(system, "a"))


def test_an_error_that_is_not_retriable_is_not_retried() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        system.plan("a/x", "broken for good")
        await stage.commit({"a/x": array()}, retry=RetryPolicy())
        await stage.clock.advance(1000.0)

        assert stage.state("a/x") is FAILED
        assert len(stage.scheduler.history) == 1

    play(story, system, Kind(system, "a"))


def test_a_failed_delete_is_retried() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        system.plan("a/x", "failed")
        await stage.commit({"a/x": None}, retry=RetryPolicy())
        assert stage.state("a/x") is RETRYING

        await stage.clock.advance(2.0)

        assert system.held == {}
        assert stage.state("a/x") is NONEXISTENT

    play(story, system, Kind(system, "a"))


# --- reverts -----------------------------------------------------------------------------------


def test_what_was_deleted_is_made_again_when_a_create_fails() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("d")})
        before = dict(system.held)
        system.take_calls()
        system.plan("a/m", "failed")

        result = await stage.commit({"a/m": array(), "a/x": None}, revert=True)

        assert system.calls == [
            *("delete a/x/d", "delete a/x", "create a/m !", "retrieve a a/m"),
            *("create a/x", "create a/x/d"),
        ]
        assert result.reverted
        assert result.errors.keys() == {"a/m"}
        assert system.held == before
        assert stage.state("a/m") is NONEXISTENT
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a"))


def test_an_undo_that_fails_is_reported_and_retried_by_the_old_policy() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()}, retry=RetryPolicy(first_delay=5.0))
        system.plan("a/m", "failed")
        system.plan("a/x")
        system.plan("a/x", "cannot come back")

        result = await stage.commit({"a/m": array(), "a/x": None}, revert=True)

        assert result.errors.keys() == {"a/m", "a/x"}
        assert stage.state("a/x") is RETRYING
        await stage.clock.advance(6.0)
        assert system.held == {"a/x": array()}
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a"))


def test_a_revert_refuses_an_invalid_value_before_anything_is_touched() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        system.take_calls()

        result = await stage.commit({"a/x": array("i"), "a/y": array("bad")}, revert=True)

        assert result.errors.keys() == {"a/y"}
        assert system.calls == []
        assert stage.scheduler.values() == {"a/x": array()}

    play(story, system, Kind(system, "a"))


def test_a_revert_of_a_resync_is_refused() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        with pytest.raises(ValueError, match="cannot be reverted"):
            stage.scheduler.transaction(resync="full", revert=True)

        assert len(stage.scheduler.history) == 0

    play(story, system, Kind(system, "a"))


def test_a_downstream_resync_takes_no_values() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        with pytest.raises(ValueError, match="takes no values"):
            stage.transaction({"a/x": array()}, resync="downstream")

    play(story, system, Kind(system, "a"))
