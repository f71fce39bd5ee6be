# SPDX-License-Identifier: Apache-2.0
"""Descriptors that come late, that are refused, and that want the same keys."""

from __future__ import annotations

from typing import Any

import pytest

from kvscheduler import (
    ClaimConflict,
    InvalidValue,
    JournalError,
    PlanStale,
    RegistrationError,
    RetryPolicy,
    Scheduler,
    ValueState,
)
from kvscheduler.testing import MemoryJournal
from tests.engine.stage import Keyed, Plain, Stage, act


def test_a_value_without_a_descriptor_is_unimplemented_and_taken_up_when_one_comes() -> None:
    late = Keyed("b")

    async def story(stage: Stage) -> None:
        result = await stage.commit({"b/1": {}, "a/1": {"needs": ["b/1"]}})
        assert result.ok
        assert stage.state("b/1") is ValueState.UNIMPLEMENTED
        assert "no descriptor" in stage.scheduler.status("a/1").unmet[0].cause
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert stage.state("b/1") is stage.state("a/1") is ValueState.CONFIGURED
        assert stage.scheduler.history[-1].kind == "registration"

    act(story, Keyed("a"))
    assert late.calls == [("create", "b/1")]


def test_a_fact_that_gets_a_descriptor_becomes_a_value_and_keeps_its_dependents() -> None:
    one, late = Keyed("a"), Keyed("f")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"f/up": {"n": 1}}}, "a/2": {"needs": ["f/up"]}})
        assert stage.state("a/2") is ValueState.CONFIGURED
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert late.held == {"f/up": {"n": 1}}
        assert stage.state("f/up") is stage.state("a/2") is ValueState.CONFIGURED
        await stage.commit({"a/1": None})
        assert late.held == one.held == {}
        assert stage.state("a/2") is ValueState.PENDING

    act(story, one)


class Never(Keyed):
    """Takes no value."""

    def validate(self, key: str, value: Any) -> None:
        raise InvalidValue("never")


def test_a_fact_that_is_no_value_of_the_descriptor_that_comes_is_no_predecessor_of_one() -> None:
    """Found by simulation, seed 600187: what had been a fact was taken for a value that stood."""
    late = Never("f")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"f/up": {}}}, "a/2": {"needs": ["f/up"]}})
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert stage.state("f/up") is ValueState.INVALID
        assert stage.state("a/2") is ValueState.PENDING

    act(story, Keyed("a"))
    assert late.calls == []


def test_a_plan_made_before_a_registration_is_not_executed_after_it() -> None:
    late = Plain("b")

    async def story(stage: Stage) -> None:
        transaction = stage.transaction({"b/1": 1})
        plan = transaction.plan()
        again = stage.transaction({"b/2": 1})
        again.plan()
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        with pytest.raises(PlanStale):
            await transaction.commit(expect=plan)
        await again.commit()
        assert late.held == {"b/2": 1}

    act(story, Plain("a"))


def test_a_longer_prefix_that_comes_late_takes_its_keys_over() -> None:
    one, late = Plain("a"), Plain("a/special")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/special/1": 2})
        assert set(one.held) == {"a/1", "a/special/1"}
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert (one.held, late.held) == ({"a/1": 1}, {"a/special/1": 2})

    act(story, one)


def test_a_late_registration_that_brings_a_conflict_refuses_only_the_later_key() -> None:
    class Claiming(Keyed):
        def claims(self, key: str, value: Any) -> list[str]:
            return ["the one"]

    async def story(stage: Stage) -> None:
        await stage.commit({"b/1": {}, "b/2": {}, "a/1": {}})
        stage.scheduler.register(Claiming("b"))
        await stage.scheduler.settle()
        assert stage.state("b/1") is ValueState.CONFIGURED
        assert stage.state("b/2") is ValueState.INVALID
        error = str(stage.scheduler.status("b/2").error)
        assert "b/1" in error
        assert "b/2" in error
        with pytest.raises(ClaimConflict):
            await stage.commit({"b/3": {}})

    act(story, Keyed("a"))


def test_registering_before_the_start_is_as_good() -> None:
    one = Plain("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"b/1": 1})

    scheduler_options = {"history": 5}
    act(story, Plain("a"), one, **scheduler_options)
    assert one.held == {"b/1": 1}


def refused(*descriptors: Plain) -> None:
    with pytest.raises(RegistrationError):
        Scheduler(descriptors)


def test_equal_names_and_equal_prefixes_are_refused() -> None:
    twin, other = Plain("a"), Plain("b")
    other.key_prefix = "a/"

    refused(Plain("a"), twin)
    refused(Plain("a"), other)


def test_unknown_names_and_rings_in_retrieve_after_are_refused() -> None:
    one, two, lost = Plain("a"), Plain("b"), Plain("c")
    one.retrieve_after, two.retrieve_after, lost.retrieve_after = ("b",), ("a",), ("nobody",)

    refused(one, two)
    refused(lost)


def test_a_refused_registration_leaves_the_running_scheduler_as_it_was() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(RegistrationError):
            stage.scheduler.register(Plain("a"))
        assert (await stage.commit({"a/1": 1})).ok
        await stage.scheduler.close()
        with pytest.raises(RegistrationError):
            stage.scheduler.register(Plain("b"))

    act(story, Plain("a"))


class Selecting(Plain):
    """Serves every key that holds its letter."""

    def selects(self, key: str) -> bool:
        return self.name in key


def test_a_key_that_two_selectors_take_is_invalid_with_both_named() -> None:
    async def story(stage: Stage) -> None:
        result = await stage.commit({"x": 1, "y": 1, "xy": 1})
        assert set(result.errors) == {"xy"}
        assert stage.state("xy") is ValueState.INVALID
        assert "x and y" in str(stage.scheduler.status("xy").error)
        assert stage.state("x") is ValueState.CONFIGURED

    act(story, Selecting("x"), Selecting("y"))


def test_a_selector_that_comes_late_and_overlaps_costs_only_the_shared_key() -> None:
    one = Selecting("x")

    async def story(stage: Stage) -> None:
        await stage.commit({"x": 1, "xy": 1})
        stage.scheduler.register(Selecting("y"))
        await stage.scheduler.settle()
        assert stage.state("xy") is ValueState.INVALID
        assert stage.state("x") is ValueState.CONFIGURED
        assert (await stage.commit({"xx": 1})).ok

    act(story, one)


def test_a_fact_that_two_selectors_come_for_stands_no_more() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"f/xy": {}}}, "a/2": {"needs": ["f/xy"]}})
        stage.scheduler.register(Selecting("x"))
        stage.scheduler.register(Selecting("y"))
        await stage.scheduler.settle()
        assert stage.state("f/xy") is ValueState.INVALID
        assert stage.state("a/2") is ValueState.PENDING

    act(story, Keyed("a"))


def test_a_property_from_before_the_registration_gets_adopted_not_made() -> None:
    late = Plain("b")

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("b/1", 1)
        await stage.commit({"b/1": 1})
        assert stage.scheduler.status("b/1").adopted
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert stage.state("b/1") is ValueState.CONFIGURED
        await stage.commit({"b/1": None})
        assert stage.state("b/1") is ValueState.OBTAINED
        assert late.calls == []

    act(story, Plain("a"))


def test_what_was_invalid_is_looked_at_again_when_a_descriptor_comes() -> None:
    class Once(Keyed):
        asked = 0

        def validate(self, key: str, value: Any) -> None:
            self.asked += 1
            if self.asked == 1:
                raise InvalidValue("not yet")

    one = Once()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        assert stage.state("a/1") is ValueState.INVALID
        stage.scheduler.register(Plain("b"))
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)
    assert one.held == {"a/1": {}}


@pytest.mark.parametrize("moment", ["before begin", "before flush"])
def test_a_registration_that_the_journal_did_not_take_is_taken_up_once_it_can(
    moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    late, journal = Keyed("b"), MemoryJournal()

    def refuse(now: str) -> None:
        if now == moment:
            raise JournalError("disk full")

    async def story(stage: Stage) -> None:
        await stage.commit({"b/1": {}})
        journal.moments.append(refuse)
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        journal.moments.clear()
        await stage.clock.advance(1.0)
        await stage.scheduler.settle()
        assert stage.state("b/1") is ValueState.CONFIGURED

    act(story, Keyed("a"), journal=journal)
    assert late.held == {"b/1": {}}
    assert "could not be worked in" in caplog.text


def test_a_retry_that_the_journal_did_not_take_comes_again() -> None:
    class Once(Plain):
        def create(self, key: str, value: Any) -> None:
            if self.calls.count(("create", key)) == 0:
                self.calls.append(("create", key))
                raise OSError("not yet")
            super().create(key, value)

    one, journal = Once("a"), MemoryJournal()

    def refuse(_: str) -> None:
        raise JournalError("disk full")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1}, retry=RetryPolicy(first_delay=5.0, max_attempts=9))
        journal.moments.append(refuse)
        await stage.clock.advance(5.0)
        journal.moments.clear()
        await stage.clock.advance(1.0)
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, journal=journal)
