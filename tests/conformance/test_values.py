# SPDX-License-Identifier: Apache-2.0
"""What the predecessor's tests never cover: values refused, unserved, derived, others'."""

from __future__ import annotations

import pytest

from kvscheduler import (
    ClaimConflict,
    Depends,
    Derived,
    InvalidValue,
    RegistrationError,
    ValueState,
)
from tests.conformance.arrays import Blind, Kind, System, Watched, array, play
from tests.engine.stage import Stage

CONFIGURED, PENDING = ValueState.CONFIGURED, ValueState.PENDING
INVALID, OBTAINED = ValueState.INVALID, ValueState.OBTAINED
UNIMPLEMENTED, NONEXISTENT = ValueState.UNIMPLEMENTED, ValueState.NONEXISTENT


# --- what values mean --------------------------------------------------------------------------


def test_an_invalid_value_leaves_the_last_valid_one_standing() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("i"), "a/z": array()})
        system.take_calls()

        result = await stage.commit({"a/x": array("i", "bad")})

        assert system.take_calls() == []
        assert isinstance(result.errors["a/x"], InvalidValue)
        assert result.plan.invalid.keys() == {"a/x"}
        status = stage.scheduler.status("a/x")
        assert status.state is INVALID
        assert isinstance(status.error, InvalidValue)
        assert status.error.fields == ("items",)
        assert stage.state("a/z") is CONFIGURED
        assert stage.scheduler.values("a/x", view="configured")["a/x"] == array("i")

    play(story, system, Kind(system, "a", needs={"a/z": [Depends("a/x/i")]}))


def test_a_valid_value_after_an_invalid_one_is_an_update_and_leaks_nothing() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("i"), "a/z": array()})
        await stage.commit({"a/x": array("i", "bad")})
        system.take_calls()

        (await stage.commit({"a/x": array("j")})).check()

        assert system.take_calls() == ["delete a/z", "delete a/x/i", "update a/x", "create a/x/j"]
        assert set(system.held) == {"a/x", "a/x/j"}
        assert stage.state("a/z") is PENDING

    play(story, system, Kind(system, "a", needs={"a/z": [Depends("a/x/i")]}))


def test_a_new_value_that_is_invalid_is_not_made_and_not_retried() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/x": array("bad"), "a/y": array()})
        await stage.clock.advance(1000.0)

        assert system.calls == ["create a/y"]
        assert stage.state("a/x") is INVALID
        assert stage.scheduler.values("a/x") == {"a/x": array("bad")}
        assert result.errors.keys() == {"a/x"}
        assert len(stage.scheduler.history) == 1

    play(story, system, Kind(system, "a"))


def test_values_can_be_validated_without_being_set() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        plan = stage.plan({"a/x": array("bad"), "a/y": array()})

        assert plan.errors["a/x"].fields == ("items",)
        assert [one.key for one in plan.operations] == ["a/y"]
        assert system.calls == []
        assert stage.scheduler.statuses() == []

    play(story, system, Kind(system, "a"))


def test_a_value_without_a_descriptor_is_taken_up_when_one_comes() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        (await stage.commit({"b/x": array("i"), "a/y": array()})).check()
        assert stage.state("b/x") is UNIMPLEMENTED
        assert stage.state("a/y") is PENDING

        stage.scheduler.register(Kind(system, "b"))
        await stage.scheduler.settle()

        assert {one.state for one in stage.scheduler.statuses()} == {CONFIGURED}
        assert {"create b/x", "create b/x/i", "create a/y"} <= set(system.calls)
        assert stage.scheduler.history[-1].kind == "registration"

    play(story, system, Kind(system, "a", needs={"a/y": [Depends("b/x")]}))


def test_a_value_without_a_descriptor_survives_a_resync() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"b/x": array()})
        await stage.scheduler.resync("full")

        assert stage.state("b/x") is UNIMPLEMENTED
        assert stage.scheduler.values() == {"b/x": array()}

    play(story, system, Kind(system, "a"))


def test_a_key_that_two_select_is_invalid_and_stops_nothing_else() -> None:
    class Greedy(Blind):
        def selects(self, key: str) -> bool:
            return key.startswith("a/")

    class Greedier(Greedy):
        pass

    system = System()

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/x": array(), "c/y": array()})

        assert system.calls == ["create c/y"]
        assert "d1 and d2" in str(result.errors["a/x"])
        assert stage.state("a/x") is INVALID

    play(story, system, Greedy(system, "d1"), Greedier(system, "d2"), Blind(system, "c"))


def test_descriptors_that_are_retrieved_in_a_ring_are_refused_at_registration() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        with pytest.raises(RegistrationError, match="ring"):
            stage.scheduler.register(Kind(system, "b", retrieve_after=("b",)))
        with pytest.raises(RegistrationError, match="nobody"):
            stage.scheduler.register(Kind(system, "b", retrieve_after=("nobody",)))

    play(story, system, Kind(system, "a"))


# --- derived values ----------------------------------------------------------------------------


def test_derived_values_derive_nothing() -> None:
    class Deep(Blind):
        def derived(self, key: str, value: object) -> list[Derived]:
            return [Derived(f"{key}/d", "text")]

    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})

        assert system.calls == ["create a/x", "create a/x/d"]

    play(story, system, Deep(system, "a"))


def test_a_derived_key_that_is_wanted_already_is_refused_by_both_names() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/y/d": array()})
        system.take_calls()

        with pytest.raises(ClaimConflict) as refused:
            await stage.commit({"a/y": array("d")})

        assert set(refused.value.keys) == {"a/y/d", "a/y"}
        assert system.calls == []
        assert stage.state("a/y") is NONEXISTENT

    play(story, system, Kind(system, "a"))


# --- what others made --------------------------------------------------------------------------


def test_an_equal_value_set_over_an_obtained_one_needs_no_operation() -> None:
    system = System()
    system.hold({"a/x": array()}, by_others=True)

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh()
        assert stage.state("a/x") is OBTAINED
        system.take_calls()

        result = await stage.commit({"a/x": array()})

        assert result.operations == ()
        assert system.calls == []
        status = stage.scheduler.status("a/x")
        assert (status.state, status.adopted) == (CONFIGURED, True)

    play(story, system, Kind(system, "a"))


def test_another_value_set_over_an_obtained_one_updates_it_and_a_delete_hands_it_back() -> None:
    system = System()
    system.hold({"a/x": array()}, by_others=True)

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh()
        system.take_calls()

        await stage.commit({"a/x": array("i")})
        assert system.take_calls() == ["update a/x", "create a/x/i"]

        await stage.commit({"a/x": None})
        assert "delete a/x" not in system.take_calls()
        assert stage.state("a/x") is OBTAINED

    play(story, system, Kind(system, "a"))


def test_of_several_reports_at_once_each_is_judged_by_itself() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"b/x": array("i")})
        system.take_away("b/x")
        system.take_calls()

        b.port.notify({"a/n": array(), "b/x": None})
        await stage.scheduler.settle()

        assert stage.state("a/n") is OBTAINED
        assert stage.state("b/x") is CONFIGURED
        assert "create b/x" in system.calls
        assert system.held["b/x"] == array("i")

    b = Kind(system, "b")
    play(story, system, Watched("a"), b)


def test_a_wrong_report_that_a_value_is_gone_loses_nothing() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"b/x": array()})
        system.doubt("b/x")  # the engine is told that it is gone, and makes it again
        b.port.notify({"a/n": array(), "b/x": None})
        await stage.scheduler.settle()

        (await stage.commit({"b/x": None})).check()

        assert system.held == {}
        assert stage.state("b/x") is NONEXISTENT

    b = Kind(system, "b")
    play(story, system, Watched("a"), b)
