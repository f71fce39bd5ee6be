# SPDX-License-Identifier: Apache-2.0
"""Law 5 by example: what stood though something else was wanted stands again after an undo."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kvscheduler import ClaimConflict, JournalError, RetryPolicy, ValueState
from kvscheduler.testing import MemoryJournal
from tests.engine.stage import Stage, act
from tests.engine.test_reverts import Delayed, Fragile, snapshot

KINDS = pytest.mark.parametrize("kind", [Fragile, Delayed])
FAILING: dict[str, Any] = {"a/z": {"fails": True, "seconds": 3.0}}


class Claiming(Fragile):
    """Values say what they claim."""

    def claims(self, key: str, value: Any) -> Any:
        return value.get("claims", ())


async def update_fails(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"n": 1}})
    one.broken = {("update", "a/1")}
    await stage.commit({"a/1": {"n": 2}})


async def recreate_fails_halfway(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"shape": 1}, "a/user": {"needs": ["a/1"]}})
    one.broken = {("create", "a/1")}
    await stage.commit({"a/1": {"shape": 2}})


async def delete_fails(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"n": 1}, "a/user": {"needs": ["a/1"]}})
    one.broken = {("delete", "a/1")}
    await stage.commit({"a/1": None})


async def derived_fails(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"derives": {"a/d": {"n": 1}}}})
    one.broken = {("update", "a/d")}
    await stage.commit({"a/1": {"derives": {"a/d": {"n": 2}}}})


async def base_fails(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"n": 1, "derives": {"f/1": {}, "a/d1": {}}}})
    one.broken = {("update", "a/1")}
    await stage.commit({"a/1": {"n": 2, "derives": {"f/2": {}, "a/d2": {}}}})


async def invalid_derived(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {"derives": {"a/d": {"n": 1}}}})
    await stage.commit({"a/1": {"derives": {"a/d": {"invalid": True}}}})


async def adopted_fails(stage: Stage, one: Fragile) -> None:
    one.held["a/1"] = {"n": 1}
    await stage.scheduler.notify("a/1", {"n": 1})
    one.broken = {("update", "a/1")}
    await stage.commit({"a/1": {"n": 2}})


async def held_by_another(stage: Stage, one: Fragile) -> None:
    await stage.commit({"a/1": {}, "a/user": {"needs": ["a/1"]}})
    one.broken = {("delete", "a/user")}
    await stage.commit({"a/1": {"shape": 2}})
    await stage.commit({"a/1": {"shape": 3}})


STORIES = (
    update_fails, recreate_fails_halfway, delete_fails, derived_fails, base_fails,
    invalid_derived, adopted_fails, held_by_another,
)  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "other values": {"a/1": {"n": 3, "derives": {"a/d": {"n": 3}, "f/3": {}}}},
    "the same keys derived": {"a/1": {"n": 3, "derives": {"a/d1": {}, "f/2": {}}}},
    "nothing derived": {"a/1": {"n": 4}},
    "another shape": {"a/1": {"shape": 4}},
    "deletes": {"a/1": None},
    "deletes its user too": {"a/1": None, "a/user": None},
    "wants something for it": {"a/2": {"needs": ["a/1"]}},
}


@KINDS
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("story", STORIES)
def test_what_failed_before_stands_as_it_did_after_an_undo(
    kind: type[Fragile], story: Any, name: str
) -> None:
    one = kind()

    async def run(stage: Stage) -> None:
        await story(stage, one)
        one.broken = set()
        before, held = snapshot(stage), dict(one.held)

        result = await stage.commit({**CHANGES[name], **FAILING}, revert=True)

        assert result.errors
        assert one.held == held
        assert snapshot(stage) == before
        await stage.scheduler.settle()
        assert stage.plan({}).is_empty

    act(run, one)


@KINDS
@pytest.mark.parametrize("how", ["needs", "any_of"])
def test_nobody_is_made_on_what_an_undo_puts_back_to_fail_to_go(
    kind: type[Fragile], how: str
) -> None:
    one = kind()

    async def story(stage: Stage) -> None:
        await delete_fails(stage, one)
        await stage.commit({"a/user": None, "a/waits": {how: ["a/1"]}})
        one.broken = set()
        before = snapshot(stage)
        assert stage.state("a/waits") is ValueState.PENDING

        await stage.commit({"a/1": None, **FAILING}, revert=True)

        assert one.held == {"a/1": {"n": 1}}
        assert snapshot(stage) == before

    act(story, one)


def test_who_else_wants_a_claim_still_has_it_wanted_after_an_undo() -> None:
    one = Claiming()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"claims": ["c"]}})
        one.broken = {("update", "a/1")}
        await stage.commit({"a/1": {}, "a/2": {"claims": ["c"], "needs": ["a/none"]}})
        one.broken = set()

        await stage.commit({"a/1": {"n": 1}, **FAILING}, revert=True)

        assert one.held == {"a/1": {"claims": ["c"]}}
        with pytest.raises(ClaimConflict):
            stage.plan({"a/3": {"claims": ["c"]}})
        await stage.scheduler.resync()
        await stage.commit({"a/none": {}})
        assert set(one.held) == {"a/1", "a/2", "a/none"}

    act(story, one)


def test_what_was_held_up_is_still_looked_at_after_an_undo() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"shape": 1}, "a/user": {"needs": ["a/1"]}})
        one.broken = {("delete", "a/user")}
        await stage.commit({"a/user": None})
        await stage.commit({"a/1": {"shape": 2}})
        one.broken = set()

        await stage.commit({"a/1": {"shape": 3}, **FAILING}, revert=True)

        assert one.held["a/1"] == {"shape": 1}
        await stage.commit({"a/user": None})
        assert one.held == {"a/1": {"shape": 2}}

    act(story, one)


def test_a_retry_that_came_due_meanwhile_is_made_of_what_is_wanted() -> None:
    one = Delayed()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        one.broken = {("update", "a/1")}
        await stage.commit({"a/1": {"n": 2}}, retry=RetryPolicy(first_delay=5.0))
        one.broken = set()
        await stage.clock.advance(4.0)

        await stage.commit({"a/1": {"n": 3}, **FAILING}, revert=True)

        assert one.held == {"a/1": {"n": 1}}
        await stage.clock.advance(1.0)
        assert one.held == {"a/1": {"n": 2}}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)


def test_what_had_drifted_and_was_mended_on_the_way_is_not_spoilt_again() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}, "a/2": {"n": 1}})
        one.held = {"a/1": {"n": 9}}
        await stage.scheduler.refresh()

        result = await stage.commit(FAILING, revert=True)

        assert [one.operation.key for one in result.operations] == ["a/1", "a/2", "a/z"]
        assert one.held == {"a/1": {"n": 1}, "a/2": {"n": 1}}
        assert stage.state("a/1") is stage.state("a/2") is ValueState.CONFIGURED

    act(story, one)


def test_what_cannot_be_brought_back_for_want_of_another_is_pending_not_failed() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}, "a/2": {"needs": ["a/1"]}})
        one.broken = {("update", "a/2")}
        await stage.commit({"a/2": {"n": 2, "needs": ["a/1"]}})
        one.broken = {("create", "a/1"), ("create", "a/z")}

        await stage.commit({"a/1": None, "a/2": None, "a/z": {}}, revert=True)

        assert one.held == {}
        assert stage.state("a/1") is ValueState.FAILED
        assert stage.state("a/2") is ValueState.PENDING
        one.broken = set()
        await stage.commit({"a/1": {"n": 1}})
        assert one.held == {"a/1": {"n": 1}, "a/2": {"n": 2, "needs": ["a/1"]}}

    act(story, one)


def test_the_wishes_count_again_where_the_journal_fails_in_the_middle_of_the_undo() -> None:
    one, journal = Fragile(), MemoryJournal()
    plans = itertools.count()

    def fail_later(moment: str) -> None:
        if moment == "before begin" and next(plans) == 2:
            raise JournalError("the disk is full")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/waits": {"needs": ["a/none"]}})
        journal.moments.append(fail_later)
        one.broken = {("delete", "a/none"), ("create", "a/z")}
        with pytest.raises(JournalError):
            await stage.commit({"a/none": {}, "a/z": {"needs": ["a/waits"]}}, revert=True)
        assert set(stage.scheduler.values()) == {"a/1", "a/waits"}
        one.broken = set()
        await stage.scheduler.resync()
        assert set(one.held) == {"a/1"}
        assert stage.state("a/waits") is ValueState.PENDING

    act(story, one, journal=journal)


@pytest.mark.parametrize("story", [update_fails, derived_fails, base_fails, invalid_derived])
def test_killed_in_the_middle_of_an_undo_what_is_wanted_comes_about(story: Any) -> None:
    one, journal = Delayed(), MemoryJournal()
    wrecks: list[tuple[MemoryJournal, dict[str, Any]]] = []

    async def run(stage: Stage) -> None:
        await story(stage, one)
        one.broken = set()
        wanted = stage.scheduler.values()
        journal.moments.append(lambda _moment: wrecks.append((journal.copy(), dict(one.held))))
        await stage.commit({"a/1": {"n": 3, "derives": {"a/d": {"n": 3}}}, **FAILING}, revert=True)
        journal.moments.clear()
        await stage.scheduler.resync()
        assert stage.scheduler.values() == wanted

    act(run, one, journal=journal)
    begun = [n for n, (file, _) in enumerate(wrecks) if "a/z" in file.stored.wanted]
    undoing = wrecks[begun[-1] + 1 :]
    assert undoing
    for file, held in undoing:
        other = Delayed()
        other.held = held
        act(_settled, other, journal=file)
        assert other.held == one.held


async def _settled(stage: Stage) -> None:
    await stage.scheduler.settle()
