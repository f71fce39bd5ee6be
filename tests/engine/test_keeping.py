# SPDX-License-Identifier: Apache-2.0
"""Law 9 by example: what the journal says at each moment, so that a kill is survived."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kvscheduler import InvalidValue, RetryPolicy
from kvscheduler.journal import Journal, Made, Records, Wanted
from tests.engine.stage import Keyed, Stage, act

POLICY, OTHER = RetryPolicy(first_delay=7.0), RetryPolicy(first_delay=70.0)
FAILING: dict[str, Any] = {"a/z": {"fails": True}}


class Peeking(Keyed):
    """Looks into the journal from within each call; values may be invalid, or fail."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.path = path
        self.seen: list[tuple[str, str, Made | None]] = []

    def look(self) -> Records:
        return Journal(self.path).peek()

    def validate(self, key: str, value: Any) -> None:
        if value.get("invalid"):
            raise InvalidValue("it says so")

    def create(self, key: str, value: Any) -> Any:
        self.seen.append(("create", key, self.look().made.get(key)))
        if value.get("fails"):
            raise RuntimeError("it says so")
        super().create(key, value)

    def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        self.seen.append(("update", key, self.look().made.get(key)))
        super().update(key, old, new, metadata)

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        self.seen.append(("delete", key, self.look().made.get(key)))
        super().delete(key, value, metadata)

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        return self.found(keys)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal is."""
    return tmp_path / "journal"


def test_before_each_call_the_journal_says_what_will_stand_or_did(path: Path) -> None:
    one = Peeking("a", path)

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.commit({"a/1": {"n": 2}})
        await stage.commit({"a/1": None})
        await stage.scheduler.settle()
        assert one.look() == Records({}, {})

    act(story, one, journal=path)
    assert one.seen == [
        ("create", "a/1", Made(value={"n": 1}, doubtful=True)),
        ("update", "a/1", Made(value={"n": 2}, doubtful=True)),
        ("delete", "a/1", Made(value={"n": 2}, doubtful=True)),
    ]


def test_a_wish_is_kept_with_the_policy_of_the_transaction_that_set_it_last(path: Path) -> None:
    one, late = Peeking("a", path), Peeking("b", path)

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "b/1": {}}, retry=POLICY)
        await stage.commit({"a/1": {"n": 1}}, retry=OTHER)
        stage.scheduler.register(late)
        await stage.scheduler.settle()
        assert late.held == {"b/1": {}}
        assert one.look().wanted == {
            "a/1": Wanted(value={"n": 1}, retry=OTHER),
            "b/1": Wanted(value={}, retry=POLICY),
        }

    act(story, one, journal=path)


def test_an_undone_transaction_leaves_the_wishes_as_they_were(path: Path) -> None:
    one, other = Peeking("a", path), Peeking("b", path)
    valid, invalid = {"n": 1}, {"invalid": True}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"b/1": valid}}, "a/2": {}}, retry=POLICY)
        await stage.commit({"a/3": {}, "a/4": invalid}, retry=OTHER)
        await stage.commit({"a/1": {"derives": {"b/1": invalid}}}, retry=POLICY)
        before = one.look()
        assert before.rejected["b/1"] == Wanted(value=valid, base="a/1")
        change: dict[str, Any] = {"a/1": {}, "a/2": {"n": 2}, "a/3": None, "a/4": {}, "a/5": {}}
        result = await stage.commit({**change, **FAILING}, revert=True)
        await stage.scheduler.settle()
        assert result.reverted
        after = one.look()
        assert (after.wanted, after.rejected) == (before.wanted, before.rejected)

    act(story, one, other, journal=path)


def test_what_others_made_is_kept_as_adopted_and_facts_are_not_kept(path: Path) -> None:
    one = Peeking("a", path)
    value = {"derives": {"fact/1": True}}

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/theirs", {"n": 1})
        await stage.commit({"a/theirs": {"n": 1}, "a/ours": value})
        await stage.scheduler.settle()
        assert one.look().made == {
            "a/theirs": Made(value={"n": 1}, adopted=True),
            "a/ours": Made(value=value),
        }
        await stage.commit({"a/theirs": {"n": 2}})
        await stage.commit({"a/theirs": None})
        await stage.scheduler.settle()
        assert one.look().made == {"a/ours": Made(value=value)}

    act(story, one, journal=path)


def test_what_others_made_is_known_to_be_theirs_before_it_is_changed(path: Path) -> None:
    one = Peeking("a", path)

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/1", {"n": 1}, metadata=7)
        await stage.scheduler.notify("a/2", {"n": 2}, metadata=8)
        await stage.commit({"a/0": {}, "a/1": {"n": 10}, "a/2": {"n": 20}})

    act(story, one, journal=path)
    assert one.seen == [
        ("create", "a/0", Made(value={}, doubtful=True)),
        ("update", "a/1", Made(value={"n": 10}, metadata=7, adopted=True, doubtful=True)),
        ("update", "a/2", Made(value={"n": 20}, metadata=8, adopted=True, doubtful=True)),
    ]
