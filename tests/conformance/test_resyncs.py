# SPDX-License-Identifier: Apache-2.0
"""The predecessor's resyncs: on nothing, on an empty system, on one that holds something."""

from __future__ import annotations

from kvscheduler import Depends, Origin, RetryPolicy, ValueState
from tests.conformance.arrays import Kind, System, array, play
from tests.engine.stage import Stage

CONFIGURED, PENDING = ValueState.CONFIGURED, ValueState.PENDING
OBTAINED, RETRYING = ValueState.OBTAINED, ValueState.RETRYING


def test_a_resync_of_nothing_on_nothing_only_reads() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        result = (await stage.commit({}, resync="full")).check()

        assert system.calls == ["retrieve a"]
        assert system.expected == [{}]
        assert (result.kind, result.operations) == ("resync", ())
        assert stage.scheduler.statuses() == []

    play(story, system, Kind(system, "a"))


CROSSED = {"a/v2": [Depends("a/v1/item1")], "a/v1/item2": [Depends("a/v2/item1")]}
BOTH = {"a/v2": array("item1"), "a/v1": array("item1", "item2")}


def test_a_resync_fills_an_empty_system_in_order() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(BOTH, resync="full")

        assert system.calls == [
            *("retrieve a", "create a/v1", "create a/v1/item1"),
            *("create a/v2", "create a/v2/item1", "create a/v1/item2"),
        ]
        assert stage.scheduler.metadata("a") == {"v1": 0, "v2": 1}

    play(story, system, Kind(system, "a", needs=CROSSED))


def test_a_resync_of_nothing_empties_the_system_in_order() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit(BOTH, resync="full")
        system.take_calls()

        await stage.commit({}, resync="full")

        assert system.calls == [
            *("retrieve a", "delete a/v1/item2", "delete a/v2/item1"),
            *("delete a/v2", "delete a/v1/item1", "delete a/v1"),
        ]
        assert system.expected[1]["a/v1"] == (BOTH["a/v1"], 0)
        assert stage.scheduler.statuses() == []
        assert stage.scheduler.metadata("a") == {}

    play(story, system, Kind(system, "a", needs=CROSSED))


STANDING = {"a/v1": array("item1"), "a/v2": array("item1"), "a/v3": array("item1")}
CHANGED = {
    "a/v1": array("item2"),
    "a/v2": array("item1", "item2"),
    "a/v3": array("item1", "item2"),
}


def test_a_resync_changes_what_stands_into_what_is_wanted() -> None:
    system = System()
    system.hold(STANDING)
    needs = {"a/v2/item1": [Depends("a/v1")], "a/v2/item2": [Depends("a/v1/item1")]}

    async def story(stage: Stage) -> None:
        await stage.commit(CHANGED, resync="full")

        assert system.calls[0] == "retrieve a"
        assert system.expected == [{key: (value, None) for key, value in CHANGED.items()}]
        assert sorted(system.calls[1:]) == [
            *("create a/v1/item2", "create a/v3", "create a/v3/item1", "create a/v3/item2"),
            *("delete a/v1/item1", "delete a/v3", "delete a/v3/item1"),
            *("update a/v1", "update a/v2"),
        ]
        assert stage.state("a/v2/item2") is PENDING
        assert stage.state("a/v2/item1") is CONFIGURED
        assert stage.scheduler.status("a/v2/item1").operation == ""
        assert stage.scheduler.metadata("a") == {"v1": 0, "v2": 1, "v3": 3}

    play(story, system, Kind(system, "a", needs=needs, recreates=["a/v3"]))


def test_a_resync_leaves_alone_what_others_made_and_builds_on_it() -> None:
    system = System()
    system.hold({"a/v1": array()}, by_others=True)

    async def story(stage: Stage) -> None:
        await stage.commit({"a/v2": array("item1")}, resync="full")

        assert system.calls == ["retrieve a", "create a/v2", "create a/v2/item1"]
        status = stage.scheduler.status("a/v1")
        assert (status.state, status.operation) == (OBTAINED, "")
        assert status.origin is Origin.SOUTHBOUND
        assert list(stage.scheduler.values()) == ["a/v2"]
        assert list(stage.scheduler.values(view="configured")) == ["a/v1", "a/v2", "a/v2/item1"]
        assert list(await stage.scheduler.retrieve()) == ["a/v1", "a/v2", "a/v2/item1"]

    play(story, system, Kind(system, "a", needs={"a/v2": [Depends("a/v1")]}))


def test_descriptors_are_read_in_the_order_they_ask_for() -> None:
    system = System()
    system.hold({"a/v1": array("item1"), "b/v2": array("item1"), "c/v3": array("item1")})
    needs = {"b/v2/item1": [Depends("a/v1")], "b/v2/item2": [Depends("a/v1/item1")]}
    kinds = (
        Kind(system, "c", recreates=["c/v3"], retrieve_after=("b",)),
        Kind(system, "b", needs=needs, retrieve_after=("a",)),
        Kind(system, "a"),
    )

    async def story(stage: Stage) -> None:
        changed = dict(zip(("a/v1", "b/v2", "c/v3"), CHANGED.values(), strict=True))
        await stage.commit(changed, resync="full")

        assert system.calls[:3] == ["retrieve a", "retrieve b", "retrieve c"]
        assert sorted(system.calls[3:]) == [
            *("create a/v1/item2", "create c/v3", "create c/v3/item1", "create c/v3/item2"),
            *("delete a/v1/item1", "delete c/v3", "delete c/v3/item1"),
            *("update a/v1", "update b/v2"),
        ]
        assert stage.state("b/v2/item2") is PENDING

    play(story, system, *kinds)


def test_what_fails_in_a_resync_is_retried() -> None:
    system = System()
    system.hold({"a/v1": array()})
    system.plan("a/v1/item2", "failed to create item")
    policy = RetryPolicy(first_delay=3.0, factor=1.0, max_attempts=3)

    async def story(stage: Stage) -> None:
        wanted = {"a/v1": array("item1", "item2")}
        result = await stage.commit(wanted, resync="full", retry=policy)

        assert result.errors.keys() == {"a/v1/item2"}
        assert system.take_calls() == [
            *("retrieve a", "update a/v1", "create a/v1/item1", "create a/v1/item2 !"),
            "retrieve a a/v1/item2",
        ]
        assert stage.state("a/v1/item2") is RETRYING

        await stage.clock.advance(3.5)
        assert system.take_calls() == ["create a/v1/item2"]
        assert {one.state for one in stage.scheduler.statuses()} == {CONFIGURED}

    play(story, system, Kind(system, "a"))


def test_an_upstream_resync_trusts_what_is_known() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("item1"), "a/y": array()})
        system.take_calls()

        await stage.commit({"a/y": array()}, resync="upstream")

        assert system.calls == ["delete a/x/item1", "delete a/x"]

    play(story, system, Kind(system, "a"))


def test_a_downstream_resync_puts_back_what_is_missing_altered_and_added() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        wanted = {"a/x": array("item1"), "a/y": array("item1")}
        await stage.commit(wanted)
        system.take_away("a/x")
        system.held["a/y"] = array("other")
        system.hold({"a/mine": array()})
        system.hold({"a/theirs": array()}, by_others=True)
        system.take_calls()

        (await stage.scheduler.resync("downstream")).check()

        assert system.take_calls()[0] == "retrieve a"
        assert set(system.held) == {"a/x", "a/x/item1", "a/y", "a/y/item1", "a/theirs"}
        assert system.held["a/y"] == wanted["a/y"]
        assert stage.state("a/theirs") is OBTAINED

    play(story, system, Kind(system, "a"))


def test_a_downstream_resync_of_a_fresh_engine_judges_by_the_marks() -> None:
    system = System()
    system.hold({"a/ours": array("item1"), "a/unknown": array()})
    system.hold({"a/theirs": array()}, by_others=True)
    system.unmarked = {"a/unknown"}

    async def story(stage: Stage) -> None:
        await stage.scheduler.resync("downstream")

        assert system.calls == ["retrieve a", "delete a/ours/item1", "delete a/ours"]
        assert stage.state("a/unknown") is OBTAINED
        assert stage.state("a/theirs") is OBTAINED

    play(story, system, Kind(system, "a"))


def test_a_value_removed_behind_the_back_is_made_again_by_a_resync() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        system.take_away("a/x")
        system.take_calls()

        await stage.scheduler.resync("downstream")

        assert system.calls == ["retrieve a", "create a/x"]
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a"))


def test_a_value_that_a_refresh_no_longer_finds_is_missing_until_a_plan_looks_at_it() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array()})
        system.take_away("a/x")

        await stage.scheduler.refresh()
        assert stage.state("a/x") is ValueState.MISSING
        assert stage.scheduler.metadata("a") == {}

        await stage.commit({"a/y": array()})
        assert stage.state("a/x") is CONFIGURED

    play(story, system, Kind(system, "a"))


def test_a_value_of_ours_that_is_discovered_and_wanted_needs_no_operation() -> None:
    system = System()
    system.hold({"a/x": array("item1")})

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh()
        assert stage.state("a/x") is ValueState.DISCOVERED

        result = await stage.commit({"a/x": array("item1")})

        assert result.operations == ()
        assert stage.state("a/x") is CONFIGURED
        assert system.calls == ["retrieve a"]

    play(story, system, Kind(system, "a"))


def test_a_discovered_value_that_nobody_wants_goes_in_a_resync() -> None:
    system = System()
    system.hold({"a/x": array("item1")})

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh()
        (await stage.scheduler.resync("downstream")).check()

        assert system.held == {}
        assert stage.scheduler.statuses() == []

    play(story, system, Kind(system, "a"))
