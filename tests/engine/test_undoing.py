# SPDX-License-Identifier: Apache-2.0
"""Law 5 by example: what an undone transaction must leave as it was, and what calls it off."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kvscheduler import RetryPolicy, ValueState
from kvscheduler.journal import Journal
from tests.engine.stage import Keyed, Plain, Stage, act


class Brittle(Keyed):
    """Values say how many seconds they take, and whether they fail; ``broken`` calls do too."""

    def __init__(self, name: str = "a") -> None:
        super().__init__(name)
        self.broken: set[tuple[str, str]] = set()

    async def create(self, key: str, value: Any) -> Any:
        await asyncio.sleep(value.get("seconds", 0.0))
        if value.get("fails") or ("create", key) in self.broken:
            raise RuntimeError(f"{key} cannot be made of {value.get('n')}")
        Plain.create(self, key, value)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        if ("delete", key) in self.broken:
            raise RuntimeError(f"{key} cannot go")
        Plain.delete(self, key, value, metadata)

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        return self.found(keys)


FAILING: dict[str, Any] = {"a/z": {"fails": True, "seconds": 3.0}}


def test_a_retry_that_came_due_during_an_undone_transaction_comes_after_it() -> None:
    one = Brittle()

    async def story(stage: Stage) -> None:
        one.broken = {("create", "a/1")}
        await stage.commit({"a/1": {"n": 1}}, retry=RetryPolicy(first_delay=5.0))
        one.broken = set()
        await stage.clock.advance(4.0)
        await stage.commit({"a/1": {"n": 2}, **FAILING}, revert=True)
        await stage.clock.advance(1.0)
        assert one.held == {"a/1": {"n": 1}}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)


def test_the_journal_forgets_what_was_taken_over_and_handed_back(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/theirs", {"n": 1})
        await stage.commit({"a/theirs": {"n": 1}, **FAILING}, revert=True)
        assert stage.state("a/theirs") is ValueState.OBTAINED
        records = Journal(tmp_path / "journal").peek()
        assert (records.made, records.wanted) == ({}, {})

    act(story, Brittle(), journal=tmp_path / "journal")


def test_a_value_that_cannot_be_undone_costs_the_others_nothing() -> None:
    one = Brittle()
    stood = {"a/1": {"n": 1}, "a/9": {"n": 9}}

    async def story(stage: Stage) -> None:
        one.broken = {("create", key) for key in (*stood, "a/5")}
        await stage.commit({**stood, "a/5": {}})
        one.broken = {("delete", "a/5")}
        change = {"a/1": {}, "a/5": {"n": 5}, "a/9": {}, **FAILING}
        result = await stage.commit(change, revert=True)
        assert set(result.errors) == {"a/5", "a/z"}
        for key, value in stood.items():
            status = stage.scheduler.status(key)
            assert status.state is ValueState.FAILED
            assert f"{key} cannot be made of {value['n']}" in str(status.error)

    act(story, one)


@pytest.mark.parametrize("before", [{}, {"a/1": {}}], ids=["with its base", "later"])
def test_a_failure_of_a_derived_value_calls_off_what_set_its_base(before: dict[str, Any]) -> None:
    one, other = Brittle("a"), Brittle("b")
    change: dict[str, Any] = {"a/1": {"derives": {"b/1": {"fails": True}}}, "a/2": {}}

    async def story(stage: Stage) -> None:
        if before:
            await stage.commit(before)
        result = await stage.commit(change, revert=True)
        assert result.reverted
        assert set(result.errors) == {"b/1"}

    act(story, one, other)
    assert (one.held, other.held) == (before, {})


class Coarse(Brittle):
    """To the southbound values are the same whatever they derive; an update may fail after all."""

    def equivalent(self, key: str, old: Any, new: Any) -> bool:
        return bool(old.get("n") == new.get("n"))

    async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        if ("begin", key) in self.broken:
            raise ValueError(f"{key} was not even touched")
        Plain.update(self, key, old, new, metadata)
        if ("update", key) in self.broken:
            raise ValueError(f"{key} was changed, and yet something failed")

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        Plain.delete(self, key, value, metadata)
        if ("delete", key) in self.broken:
            raise RuntimeError(f"{key} has gone, and yet something failed")

    def is_retriable(self, error: Exception) -> bool:
        return False


def test_a_base_that_had_failed_before_is_given_back_what_it_derived() -> None:
    """Found by simulation, seed 700106: what stood under it was not made again."""
    one, other = Coarse("a"), Coarse("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1, "derives": {"b/1": {}}}})
        one.broken.add(("update", "a/1"))
        await stage.commit({"a/1": {"n": 2, "derives": {"b/1": {}}}})
        assert stage.state("a/1") is ValueState.FAILED
        other.broken.add(("delete", "b/1"))
        result = await stage.commit({"a/1": {"n": 2}}, revert=True)
        assert result.reverted
        assert other.held == {"b/1": {}}
        assert stage.state("a/1") is ValueState.FAILED
        assert stage.state("b/1") is ValueState.CONFIGURED

    act(story, one, other)


def test_what_stood_on_a_base_that_had_failed_to_change_stands_on_it_again() -> None:
    """Found by simulation, seed 800482: the base counted as what it should have become."""
    one, other = Coarse("a"), Coarse("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1, "derives": {"b/1": {}}}, "b/2": {}})
        one.broken.add(("begin", "a/1"))
        await stage.commit({"a/1": {"n": 2, "derives": {"b/1": {}}}})
        other.broken.add(("delete", "b/2"))
        result = await stage.commit({"a/1": {"n": 3}, "b/2": None}, revert=True)
        assert result.reverted
        assert other.held == {"b/1": {}, "b/2": {}}
        assert stage.state("a/1") is ValueState.FAILED
        assert stage.state("b/1") is ValueState.CONFIGURED

    act(story, one, other)
