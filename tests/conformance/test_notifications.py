# SPDX-License-Identifier: Apache-2.0
"""The predecessor's notifications: what the southbound reports carries what is wanted on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kvscheduler import Depends, DependsOnAny, RetryPolicy, ValueState
from tests.conformance.arrays import Blind, Kind, System, Watched, array, play
from tests.engine.stage import Stage

CONFIGURED, PENDING = ValueState.CONFIGURED, ValueState.PENDING
OBTAINED, RETRYING = ValueState.OBTAINED, ValueState.RETRYING
NONEXISTENT = ValueState.NONEXISTENT

WANTED = {"b/v2": array("item1", "item2")}
NEEDS = {"b/v2": [Depends("a/v1")], "b/v2/item2": [Depends("a/v1/item2")]}


def on_reports(story: Callable[[Stage], Awaitable[None]], system: System) -> None:
    """Run a story with a kind that is only reported, and one whose values need it."""

    async def whole(stage: Stage) -> None:
        await stage.commit(WANTED, resync="full")
        await story(stage)

    kind = Kind(system, "b", needs=NEEDS)
    # What is only reported is never held: whoever needs it is checked by states.
    system.needs.clear()
    play(whole, system, Watched("a"), kind)


def test_what_waits_for_a_report_is_pending_after_a_resync() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        assert system.calls == ["retrieve b"]
        assert system.expected[0]["b/v2"] == (WANTED["b/v2"], None)
        status = stage.scheduler.status("b/v2")
        assert status.state is PENDING
        assert [one.label for one in status.unmet] == ["a/v1"]
        assert stage.scheduler.values() == WANTED
        assert stage.scheduler.values(view="configured") == {}
        assert await stage.scheduler.retrieve() == {}

    on_reports(story, system)


def test_a_report_carries_what_waited_for_it() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        system.take_calls()
        await stage.scheduler.notify("a/v1", array("item1"), 10)

        assert system.calls == ["create b/v2", "create b/v2/item1"]
        assert stage.scheduler.history[-1].kind == "notification"
        assert stage.state("a/v1") is OBTAINED
        assert stage.state("a/v1/item1") is OBTAINED
        assert stage.scheduler.status("a/v1").operation == ""
        assert [one.state for one in stage.scheduler.status("b/v2").derived] == [
            *(CONFIGURED, PENDING),
        ]
        assert stage.scheduler.metadata("a") == {"v1": 10}
        assert stage.scheduler.values("a/") == {}

    on_reports(story, system)


def test_a_report_that_changes_carries_more() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/v1", array("item1"), 10)
        system.take_calls()
        await stage.scheduler.notify("a/v1", array("item1", "item2"), 11)

        assert system.calls == ["create b/v2/item2"]
        assert stage.state("a/v1/item2") is OBTAINED
        assert stage.state("b/v2/item2") is CONFIGURED
        assert stage.scheduler.metadata("a") == {"v1": 11}

    on_reports(story, system)


def test_a_report_that_something_is_gone_takes_along_what_needed_it() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/v1", array("item1", "item2"), 10)
        system.take_calls()
        await stage.scheduler.notify("a/v1", None)

        assert sorted(system.calls[:2]) == ["delete b/v2/item1", "delete b/v2/item2"]
        assert system.calls[2:] == ["delete b/v2"]
        assert stage.state("a/v1") is NONEXISTENT
        assert stage.state("a/v1/item1") is NONEXISTENT
        status = stage.scheduler.status("b/v2")
        assert (status.state, status.operation) == (PENDING, "delete")
        assert stage.scheduler.metadata("a") == {}

    on_reports(story, system)


def retrying(
    story: Callable[[Stage, Blind], Awaitable[None]], system: System, then: Callable[[], object]
) -> None:
    """Run a story in which a report is to carry two values of different policies that fail."""
    a = Blind(system, "a")
    b = Kind(system, "b", needs=NEEDS)
    c = Kind(system, "c", needs={"c/v3": [DependsOnAny(("a/",), label="any of a")]})
    system.needs.clear()

    async def whole(stage: Stage) -> None:
        await stage.commit(WANTED, retry=RetryPolicy(max_attempts=3))
        await stage.commit({"c/v3": array()}, retry=RetryPolicy(first_delay=3.0, max_attempts=3))
        assert system.take_calls() == []
        system.plan("b/v2/item2", "failed to create item", then)
        system.plan("c/v3", "failed to create value")
        await story(stage, a)

    play(whole, system, a, b, c)


def test_what_fails_after_a_report_is_retried_by_the_policy_it_was_set_with() -> None:
    system = System()

    async def story(stage: Stage, a: Blind) -> None:
        a.port.notify({"a/v1": array("item1", "item2")})
        await stage.scheduler.settle()

        assert stage.scheduler.history[-1].errors.keys() == {"b/v2/item2", "c/v3"}
        assert (stage.state("b/v2"), stage.state("b/v2/item2")) == (CONFIGURED, RETRYING)
        assert stage.state("c/v3") is RETRYING
        assert {"retrieve b b/v2/item2", "retrieve c c/v3"} <= set(system.take_calls())

        await stage.clock.advance(1.5)
        assert system.take_calls() == ["create b/v2/item2"]
        assert stage.state("c/v3") is RETRYING

        await stage.clock.advance(2.0)
        assert system.take_calls() == ["create c/v3"]
        assert stage.scheduler.metadata("c") == {"v3": 0}
        assert [one.kind for one in stage.scheduler.history][-2:] == ["retry", "retry"]

    retrying(story, system, lambda: None)


def test_a_failed_call_that_changed_another_value_too_is_drift_that_a_resync_finds() -> None:
    system = System()

    async def story(stage: Stage, a: Blind) -> None:
        a.port.notify({"a/v1": array("item1", "item2")})
        await stage.clock.advance(1.5)

        assert stage.state("b/v2/item2") is CONFIGURED
        assert system.held["b/v2"] == array("item1")

        await stage.scheduler.resync("downstream")
        assert system.held["b/v2"] == WANTED["b/v2"]

    retrying(story, system, lambda: system.held.update({"b/v2": array("item1")}))


def test_a_watcher_sees_what_a_report_brings_and_what_fails() -> None:
    system = System()

    async def story(stage: Stage, a: Blind) -> None:
        watching = stage.scheduler.watch("b/")
        assert (await anext(watching)).state is PENDING
        a.port.notify({"a/v1": array("item1", "item2")})
        await stage.scheduler.settle()

        seen = {one.key: one for one in [await anext(watching) for _ in range(3)]}
        assert seen["b/v2"].state is CONFIGURED
        assert seen["b/v2/item2"].state is RETRYING
        assert "failed to create item" in str(seen["b/v2/item2"].error)

    retrying(story, system, lambda: None)
