# SPDX-License-Identifier: Apache-2.0
"""What the predecessor's tests never cover: dependencies that come, go and change."""

from __future__ import annotations

import pytest

from kvscheduler import (
    Depends,
    DependsOnAny,
    ValueState,
)
from tests.conformance.arrays import Blind, Kind, System, Watched, array, play
from tests.engine.stage import Stage

CONFIGURED, PENDING = ValueState.CONFIGURED, ValueState.PENDING
NONEXISTENT = ValueState.NONEXISTENT


def test_a_pending_value_deleted_as_its_need_comes_stays_deleted() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("item1")})

        await stage.commit({"a/y": array(), "a/x": None})

        assert system.calls == ["create a/y"]
        assert stage.state("a/x") is NONEXISTENT

    play(story, system, Kind(system, "a", needs={"a/x": [Depends("a/y")]}))


def test_a_pending_value_deleted_with_what_it_waits_for_on_a_derived_key_stays_deleted() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/y": array(), "b/x": array("item1")})
        system.take_calls()

        await stage.commit({"a/y": array("item1"), "b/x": None})

        assert system.calls == ["update a/y", "create a/y/item1"]
        assert stage.state("b/x") is NONEXISTENT

    b = Kind(system, "b", needs={"b/x": [Depends("a/y/item1")]})
    play(story, system, Kind(system, "a"), b)


@pytest.mark.parametrize("first", ["b/x", "a/abc"])
def test_a_prefix_matches_whichever_of_the_two_comes_first(first: str) -> None:
    system = System()

    async def story(stage: Stage) -> None:
        values = {"b/x": array(), "a/abc": array()}
        await stage.commit({first: values.pop(first)})
        await stage.commit(values)

        assert system.calls == ["create a/abc", "create b/x"]

    b = Kind(system, "b", needs={"b/x": [DependsOnAny(("a/ab",))]})
    play(story, system, Kind(system, "a"), b)


def test_an_any_of_takes_a_prefix_and_a_condition_together() -> None:
    system = System()
    even = DependsOnAny(("a/",), where=lambda key: key.endswith("2"), label="an even one")

    async def story(stage: Stage) -> None:
        await stage.commit({"b/x": array(), "a/1": array()})
        assert [one.label for one in stage.scheduler.status("b/x").unmet] == ["an even one"]

        await stage.commit({"a/2": array(), "a/4/2": array()})
        assert stage.state("b/x") is CONFIGURED
        system.take_calls()

        await stage.commit({"a/2": None})
        assert system.take_calls() == ["delete a/2"]

        await stage.commit({"a/4/2": None})
        assert system.take_calls() == ["delete b/x", "delete a/4/2"]

    play(story, system, Kind(system, "a"), Kind(system, "b", needs={"b/x": [even]}))


def test_a_condition_without_a_prefix_is_asked_for_every_key() -> None:
    system = System()
    named = DependsOnAny(where=lambda key: key == "c/z")

    async def story(stage: Stage) -> None:
        await stage.commit({"b/x": array(), "a/1": array()})
        await stage.scheduler.notify("c/z", array())

        assert system.calls == ["create a/1", "create b/x"]

    b = Blind(system, "b", needs={"b/x": [named]})
    system.needs.clear()
    play(story, system, Kind(system, "a"), b, Watched("c"))


def test_an_update_to_a_value_that_lacks_a_need_takes_it_down() -> None:
    class Picky(Kind):
        def dependencies(self, key: str, value: object) -> list[Depends]:
            return [Depends("a/needed")] if value == array("needy") else []

    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x": array("plain")})
        system.take_calls()

        await stage.commit({"a/x": array("needy")})

        assert system.take_calls() == ["delete a/x/plain", "delete a/x"]
        status = stage.scheduler.status("a/x")
        assert (status.state, status.operation) == (PENDING, "delete")
        assert [one.label for one in status.unmet] == ["a/needed"]

        await stage.commit({"a/needed": array()})
        assert system.held["a/x"] == array("needy")

    play(story, system, Picky(system, "a"))


def test_a_recreate_takes_its_dependents_down_and_brings_them_back() -> None:
    system = System()
    needs = {"a/on": [Depends("a/base")], "a/over": [Depends("a/on")]}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/base": array("1"), "a/on": array(), "a/over": array()})
        system.take_calls()

        result = await stage.commit({"a/base": array("2")})

        assert system.calls.index("delete a/over") < system.calls.index("delete a/on")
        assert system.calls.index("delete a/on") < system.calls.index("delete a/base")
        assert system.calls.index("create a/base") < system.calls.index("create a/on")
        assert system.calls.index("create a/on") < system.calls.index("create a/over")
        assert len(result.operations) == 8
        assert stage.state("a/over") is CONFIGURED

    play(story, system, Kind(system, "a", needs=needs, recreates=["a/base"]))


def test_an_update_of_what_others_need_leaves_them_alone() -> None:
    system = System()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/y": array(), "a/x": array()})
        system.take_calls()

        await stage.commit({"a/y": array("i")})

        assert system.calls == ["update a/y", "create a/y/i"]

    play(story, system, Kind(system, "a", needs={"a/x": [Depends("a/y")]}))
