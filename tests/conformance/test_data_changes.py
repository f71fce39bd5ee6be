# SPDX-License-Identifier: Apache-2.0
"""The predecessor's data changes: arrays that derive, depend on each other and are recreated."""

from __future__ import annotations

import pytest

from kvscheduler import Depends, OperationError, ValueState
from tests.conformance.arrays import Blind, Kind, System, array, play
from tests.engine.stage import Stage

CONFIGURED, PENDING, FAILED = ValueState.CONFIGURED, ValueState.PENDING, ValueState.FAILED

FIRST = {
    "b/v2": array("item1", "item2"),
    "a/v1": array("item2"),
    "c/v3": array("item1", "item2"),
}
SECOND = {"c/v3": array("item1"), "a/v1": array("item1")}


def three(system: System) -> tuple[Kind, Kind, Kind]:
    """Return the three kinds of most scenarios."""
    needs = {"b/v2/item1": [Depends("a/v1")], "b/v2/item2": [Depends("a/v1/item1")]}
    return (
        Kind(system, "a"),
        Kind(system, "b", needs=needs, retrieve_after=("a",)),
        Kind(system, "c", recreates=["c/v3"], retrieve_after=("a", "b")),
    )


def test_all_that_can_stand_is_created_and_what_lacks_a_need_is_pending() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        result = (await stage.commit(FIRST, description="testing data change")).check()

        assert result.description == "testing data change"
        assert sorted(system.calls) == [
            *("create a/v1", "create a/v1/item2", "create b/v2", "create b/v2/item1"),
            *("create c/v3", "create c/v3/item1", "create c/v3/item2"),
        ]
        assert tuple(one.operation for one in result.operations) == result.plan.operations
        assert result.plan.pending.keys() == {"b/v2/item2"}
        status = stage.scheduler.status("b/v2")
        assert (status.state, status.operation) == (CONFIGURED, "create")
        assert [one.state for one in status.derived] == [CONFIGURED, PENDING]
        assert [one.label for one in status.derived[1].unmet] == ["a/v1/item1"]

    play(story, system, *three(system))


def test_the_views_show_base_values_and_their_metadata() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(FIRST)

        assert stage.scheduler.values("b/") == {"b/v2": FIRST["b/v2"]}
        assert stage.scheduler.values("b/", view="configured") == {
            "b/v2": FIRST["b/v2"],
            "b/v2/item1": "item1",
        }
        found = await stage.scheduler.retrieve("b/")
        assert found["b/v2"].value == FIRST["b/v2"]
        assert found["b/v2"].metadata == 0
        assert [dict(stage.scheduler.metadata(name)) for name in "abc"] == [
            *({"v1": 0}, {"v2": 0}, {"v3": 0}),
        ]

    play(story, system, *three(system))


def test_a_change_updates_recreates_and_makes_what_was_pending() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(FIRST)
        system.take_calls()

        result = (await stage.commit(SECOND)).check()

        assert sorted(system.calls) == [
            *("create a/v1/item1", "create b/v2/item2", "create c/v3", "create c/v3/item1"),
            *("delete a/v1/item2", "delete c/v3", "delete c/v3/item1", "delete c/v3/item2"),
            "update a/v1",
        ]
        recreated = {one.key for one in result.plan.operations if one.recreate}
        assert recreated == {"c/v3", "c/v3/item1"}
        assert stage.scheduler.metadata("c") == {"v3": 1}
        assert {one.state for one in stage.scheduler.statuses()} == {CONFIGURED}

    play(story, system, *three(system))


def test_the_history_is_kept_by_transaction() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(FIRST)
        await stage.clock.advance(10.0)
        between = stage.clock.now()
        second = await stage.commit(SECOND)

        assert [one.number for one in stage.scheduler.history] == [1, 2]
        assert [one for one in stage.scheduler.history if one.started >= between] == [second]
        assert [one.kind for one in stage.scheduler.history] == ["transaction"] * 2

    play(story, system, *three(system))


def test_a_failed_update_is_undone_to_the_state_before_it() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(FIRST)
        before, states = dict(system.held), statuses(stage)
        system.plan("a/v1", "failed to modify value", lambda: emptied(system, "a/v1"))

        result = await stage.commit(SECOND, revert=True)

        assert result.errors.keys() == {"a/v1"}
        assert result.reverted
        assert system.held == before
        assert statuses(stage) == states
        assert system.expected == [{"a/v1": (FIRST["a/v1"], 0)}]
        (failed,) = [one for one in result.operations if one.error is not None]
        assert (failed.operation.kind, failed.operation.key) == ("update", "a/v1")
        undo = next(one.operation for one in result.operations if one.revert)
        assert (undo.kind, undo.key, undo.old) == ("update", "a/v1", array())

    play(story, system, *three(system))


def test_the_plan_of_a_transaction_that_is_undone_is_the_one_without_the_failure() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(FIRST)
        planned = stage.plan(SECOND).operations
        system.plan("a/v1", "failed to modify value")

        result = await stage.commit(SECOND, revert=True)

        assert result.plan.operations == planned
        forward = [one.operation for one in result.operations if not one.revert]
        assert forward == list(planned[: len(forward)])
        assert stage.scheduler.metadata("c") == {"v3": 1}

    play(story, system, *three(system))


def ring(system: System) -> Blind:
    """Return a kind whose first three values need each other, and the fourth."""
    needs = {
        "a/v1": [Depends("a/v2")],
        "a/v2": [Depends("a/v3")],
        "a/v3": [Depends("a/v1"), Depends("a/v4")],
    }
    return Blind(system, "a", needs=needs)


RING = {"a/v1": "1", "a/v2": "2", "a/v3": "3"}


def test_a_ring_waits_for_what_is_outside_it() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(RING)

        assert system.calls == []
        for key, labels in {"a/v1": ["a/v2"], "a/v2": ["a/v3"], "a/v3": ["a/v1", "a/v4"]}.items():
            status = stage.scheduler.status(key)
            assert status.state is PENDING
            assert [one.label for one in status.unmet] == labels

    play(story, system, ring(system))


def test_a_ring_is_made_once_that_is_there() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(RING)
        await stage.commit({"a/v4": "4"})

        assert system.calls[0] == "create a/v4"
        assert sorted(system.calls[1:]) == ["create a/v1", "create a/v2", "create a/v3"]
        assert {one.state for one in stage.scheduler.statuses()} == {CONFIGURED}
        assert {one.operation for one in stage.scheduler.statuses()} == {"create"}

    play(story, system, ring(system))


def test_a_ring_of_which_one_fails_to_go_is_taken_down() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({**RING, "a/v4": "4"})
        system.take_calls()
        system.plan("a/v2", "failed delete")

        result = await stage.commit({"a/v2": None})

        assert sorted(system.calls) == ["delete a/v1", "delete a/v2 !", "delete a/v3"]
        assert result.errors.keys() == {"a/v2"}
        found = {one.key: (one.state, one.operation) for one in stage.scheduler.statuses()}
        assert found == {
            "a/v1": (PENDING, "delete"),
            "a/v2": (FAILED, "delete"),
            "a/v3": (PENDING, "delete"),
            "a/v4": (CONFIGURED, "create"),
        }
        assert [one.label for one in stage.scheduler.status("a/v1").unmet] == ["a/v2"]

    play(story, system, ring(system))


def test_a_ring_stands_again_when_its_failed_member_is_wanted_anew() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({**RING, "a/v4": "4"})
        system.plan("a/v2", "failed delete")
        await stage.commit({"a/v2": None})

        (await stage.commit({"a/v2": "new"})).check()

        assert {one.state for one in stage.scheduler.statuses()} == {CONFIGURED}
        assert system.held == {"a/v1": "1", "a/v2": "new", "a/v3": "3", "a/v4": "4"}

    play(story, system, ring(system))


def test_a_base_stays_while_a_value_derived_from_it_fails_to_go() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/v1": array("item1")})
        system.take_calls()
        system.plan("a/v1/item1", "failed delete")

        result = await stage.commit({"a/v1": None})

        assert system.take_calls() == ["delete a/v1/item1 !", "retrieve a a/v1/item1"]
        assert result.errors.keys() == {"a/v1/item1"}
        assert [one.kind for one in result.plan.operations] == ["delete", "delete"]
        base = stage.scheduler.status("a/v1")
        assert (base.state, base.derived[0].state) == (PENDING, FAILED)
        assert "failed delete" in str(base.derived[0].error)

    play(story, system, Kind(system, "a"))


def test_a_derived_value_whose_recreate_fails_leaves_its_base_standing() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/v1": array("item1", suffix="-v1")})
        system.take_calls()
        system.plan("a/v1/item1")
        system.plan("a/v1/item1", "failed create")

        result = await stage.commit({"a/v1": array("item1", suffix="-v2")})

        assert sorted(system.take_calls()) == [
            *("create a/v1/item1 !", "delete a/v1/item1", "retrieve a a/v1/item1", "update a/v1"),
        ]
        with pytest.raises(OperationError, match="create a/v1/item1: failed create"):
            raise result.errors["a/v1/item1"]
        base = stage.scheduler.status("a/v1")
        assert (base.state, base.operation) == (CONFIGURED, "update")
        assert (base.derived[0].state, base.derived[0].operation) == (FAILED, "create")

    play(story, system, Kind(system, "a", recreates=["a/v1/item1"]))


def test_a_derived_value_that_fails_leaves_its_siblings_alone() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        system.plan("a/v1/item1", "failed create")
        result = await stage.commit({"a/v1": array("item1", "item2")})

        assert result.errors.keys() == {"a/v1/item1"}
        assert set(system.held) == {"a/v1", "a/v1/item2"}
        assert [one.state for one in stage.scheduler.status("a/v1").derived] == [
            *(FAILED, CONFIGURED),
        ]

    play(story, system, Kind(system, "a"))


def statuses(stage: Stage) -> dict[str, tuple[ValueState, str]]:
    """Return state and last operation of each value."""
    return {one.key: (one.state, one.operation) for one in stage.scheduler.statuses()}


def emptied(system: System, key: str) -> None:
    """Have a failing call leave an array without items."""
    system.held[key] = array()
