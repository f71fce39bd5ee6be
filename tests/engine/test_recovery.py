# SPDX-License-Identifier: Apache-2.0
"""Starting again with descriptors that have changed their minds, on what others made meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kvscheduler import Derived, InvalidValue, Retrieved, ValueState
from tests.engine.stage import Keyed, Stage, act


class Picky(Keyed):
    """Takes no value that says it is invalid; what it holds outlives it."""

    def __init__(self, name: str, held: dict[str, Any]) -> None:
        super().__init__(name)
        self.held = held

    def validate(self, key: str, value: Any) -> None:
        if value.get("invalid"):
            raise InvalidValue("says so itself", ("invalid",))


class Unsure(Picky):
    """A newer one, whose methods cannot work with some of the values that it finds."""

    def derived(self, key: str, value: Any) -> Iterable[Derived]:
        if value.get("old"):
            raise KeyError("new field")
        return super().derived(key, value)


class Deriving(Picky):
    """A newer one, that derives other values than it did."""

    now: dict[str, Any]

    def derived(self, key: str, value: Any) -> Iterable[Derived]:
        return [Derived(*one) for one in self.now.get(key, {}).items()]


VALID, INVALID = {"n": 1}, {"invalid": True}


async def derives_an_invalid_value(stage: Stage) -> None:
    await stage.commit({"a/1": {"derives": {"b/1": VALID}}, "a/2": {}})
    await stage.commit({"a/1": {"derives": {"b/1": INVALID}}})
    assert stage.state("b/1") is ValueState.INVALID


def test_the_last_valid_derived_value_counts_across_a_start(tmp_path: Path) -> None:
    held: dict[str, Any] = {}

    async def second(stage: Stage) -> None:
        assert stage.state("b/1") is ValueState.INVALID
        assert held["b/1"] == VALID
        await stage.commit({"a/1": None})
        assert set(held) == {"a/2"}

    for story in (derives_an_invalid_value, second):
        pair = Picky("a", held), Picky("b", held)
        act(story, *pair, journal=tmp_path / "journal")


@pytest.mark.parametrize("now", [{}, {"a/2": {"b/1": INVALID}}, {"a/2": {"b/1": VALID}}])
def test_the_last_valid_derived_value_falls_with_the_base_that_derives_it_no_more(
    tmp_path: Path, now: dict[str, Any]
) -> None:
    held: dict[str, Any] = {}
    act(
        derives_an_invalid_value, Picky("a", held), Picky("b", held),
        journal=tmp_path / "journal",
    )  # fmt: skip
    newer = Deriving("a", held)
    newer.now = now

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.CONFIGURED
        assert set(held) == {"a/1", "a/2", *(["b/1"] if now.get("a/2") == {"b/1": VALID} else [])}

    act(second, newer, Picky("b", held), journal=tmp_path / "journal")


def test_what_a_newer_descriptor_makes_no_sense_of_is_invalid_and_harms_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held: dict[str, Any] = {}

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {"old": True}, "a/2": {}})

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.INVALID
        assert set(held) == {"a/2"}
        await stage.commit({"a/1": {"n": 2}})
        assert held == {"a/1": {"n": 2}, "a/2": {}}

    act(first, Picky("a", held), journal=tmp_path / "journal")
    act(second, Unsure("a", held), journal=tmp_path / "journal")
    assert "journal: a/1: a.derived() raised" in caplog.text


def test_a_key_that_two_descriptors_select_now_is_left_alone_and_said_to_be_invalid(
    tmp_path: Path,
) -> None:
    class Selecting(Keyed):
        def selects(self, key: str) -> bool:
            return key.startswith("a/")

    held: dict[str, Any] = {}
    pair = Selecting("a"), Selecting("b")

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {}})

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.INVALID
        assert held == {"a/1": {}}
        assert pair[0].calls == pair[1].calls == []

    act(first, Picky("a", held), journal=tmp_path / "journal")
    act(second, *pair, journal=tmp_path / "journal")


def test_facts_are_there_with_their_bases_before_anything_is_read(tmp_path: Path) -> None:
    value = {"derives": {"fact/1": True}}
    held: dict[str, Any] = {}

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": value, "a/2": {"needs": ["fact/1"]}})

    async def second(stage: Stage) -> None:
        assert stage.state("fact/1") is ValueState.CONFIGURED
        assert stage.plan({"a/3": {"needs": ["fact/1"]}}).pending == {}

    act(first, Picky("a", held), journal=tmp_path / "journal")
    act(second, Picky("a", held), journal=tmp_path / "journal", recover=False)


class Counting(Picky):
    """Its metadata grows without an operation; after a restart it has only what it is given."""

    def __init__(self, held: dict[str, Any]) -> None:
        super().__init__("a", held)
        self.given: list[Any] = []
        self.metadata = 0

    def create(self, key: str, value: Any) -> int:
        super().create(key, value)
        return self.metadata

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        self.given.extend(one.metadata for one in expected)
        return [one._replace(metadata=self.metadata) for one in expected if one.key in self.held]


@pytest.mark.parametrize("way", ["told", "asked for"])
def test_metadata_that_changed_by_itself_is_known_after_a_start(tmp_path: Path, way: str) -> None:
    held: dict[str, Any] = {}
    first, second = Counting(held), Counting(held)

    async def counts(stage: Stage) -> None:
        await stage.commit({"a/1": VALID})
        first.metadata = 7
        if way == "told":
            first.port.notify({"a/1": VALID}, {"a/1": 7})
        else:
            first.port.request_refresh(["a/1"])
        await stage.scheduler.settle()
        assert stage.scheduler.metadata("a") == {"1": 7}

    async def nothing(stage: Stage) -> None:
        assert second.given == [7]

    act(counts, first, journal=tmp_path / "journal")
    act(nothing, second, journal=tmp_path / "journal")
