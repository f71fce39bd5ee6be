# SPDX-License-Identifier: Apache-2.0
"""Law 5 by example: a transaction that fails leaves everything as it found it, and says so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvscheduler import InvalidValue, RetryPolicy, ValueState, ValueStatus
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Fragile(Keyed):
    """Fails on values with ``fails``, on keys in ``broken``; refuses those with ``invalid``."""

    def __init__(self, name: str = "a") -> None:
        super().__init__(name)
        self.broken: set[tuple[str, str]] = set()

    def validate(self, key: str, value: Any) -> None:
        if value.get("invalid"):
            raise InvalidValue("it says so")

    def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
        return bool(old.get("shape") != new.get("shape"))

    def _check(self, kind: str, key: str, value: Any) -> None:
        if value.get("fails") or (kind, key) in self.broken:
            self.calls.append((f"failed {kind}", key))
            raise RuntimeError(f"{kind} fails")

    def create(self, key: str, value: Any) -> Any:
        self._check("create", key, value)
        Plain.create(self, key, value)

    def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        self._check("update", key, new)
        Plain.update(self, key, old, new, metadata)

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        self._check("delete", key, {})
        Plain.delete(self, key, value, metadata)

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        return self.found(keys)


class Delayed(Fragile):
    """The same by ``async def``."""

    async def create(self, key: str, value: Any) -> Any:
        await asyncio.sleep(value.get("seconds", 0.1))
        Fragile.create(self, key, value)

    async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        await asyncio.sleep(0.1)
        Fragile.update(self, key, old, new, metadata)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        await asyncio.sleep(0.1)
        Fragile.delete(self, key, value, metadata)


KINDS = pytest.mark.parametrize("kind", [Fragile, Delayed])


def snapshot(stage: Stage) -> dict[str, tuple[Any, ...]]:
    """Return what a revert must bring back of every key."""
    found: list[ValueStatus] = stage.scheduler.statuses()
    stands = stage.scheduler.values(view="configured")
    wanted = stage.scheduler.values()
    return {
        status.key: (
            status.state,
            status.base,
            status.adopted,
            str(status.error),
            status.operation,
            stands.get(status.key),
            wanted.get(status.key),
        )
        for status in found
    }


FAILING: dict[str, Any] = {"a/z": {"fails": True, "needs": ["a/last"]}, "a/last": {}}
CHANGES: dict[str, dict[str, Any]] = {
    "creates": {"a/new": {}, "a/new2": {"needs": ["a/new"]}},
    "updates": {"a/plain": {"n": 2}},
    "recreates": {"a/plain": {"shape": 2}},
    "deletes": {"a/plain": None, "a/base": None},
    "derived": {"a/base": {"derives": {"a/d2": {}}}},
    "facts": {"a/base": {"derives": {"f/2": {}}}},
    "meets a pending one": {"a/missing": {}},
    "pending": {"a/waits": {"needs": ["a/other"]}},
    "a failed one again": {"a/failed": {"n": 3}},
    "a failed one away": {"a/failed": None},
    "a retrying one again": {"a/retrying": {"n": 3}},
    "an invalid one": {"a/invalid": {"n": 2}},
    "an invalid one away": {"a/invalid": None},
    "an invalid update": {"a/outdated": {"n": 5}},
    "unimplemented": {"u/1": {"n": 2}, "u/2": {}},
    "unimplemented away": {"u/1": None},
    "adopts": {"a/prop": {"n": 1}},
    "hands back": {"a/adopted": None},
    "changes an adopted one": {"a/adopted": {"n": 7}},
}


async def prepare(stage: Stage, one: Fragile) -> None:
    """Have a value in each state there is."""
    await stage.commit({"a/plain": {}, "a/user": {"needs": ["a/plain"]}, "a/outdated": {"n": 1}})
    await stage.commit({"a/base": {"derives": {"a/d1": {}, "f/1": {}}}, "u/1": {}})
    await stage.commit({"a/waits": {"needs": ["a/missing"]}, "a/invalid": {"invalid": True}})
    await stage.commit({"a/outdated": {"n": 2, "invalid": True}, "a/failed": {"fails": True}})
    await stage.commit({"a/retrying": {"fails": True}}, retry=RetryPolicy(first_delay=500.0))
    for key in ("a/prop", "a/adopted"):
        one.held[key] = {"theirs": key}
        await stage.scheduler.notify(key, {"theirs": key})
    await stage.commit({"a/adopted": {"theirs": "a/adopted"}})


@KINDS
@pytest.mark.parametrize("name", CHANGES)
def test_after_a_revert_the_same_values_stand_in_the_same_states(
    kind: type[Fragile], name: str
) -> None:
    one = kind()

    async def story(stage: Stage) -> None:
        await prepare(stage, one)
        before, held = snapshot(stage), dict(one.held)
        change = {**CHANGES[name], **FAILING}
        result = await stage.commit(change, revert=True)
        assert result.reverted
        assert list(result.errors) == ["a/z"]
        assert snapshot(stage) == before
        assert one.held == held
        await stage.scheduler.settle()
        assert snapshot(stage) == before
        assert stage.plan({}).is_empty

    act(story, one)


@KINDS
def test_a_retry_that_was_waiting_still_comes_after_a_revert(kind: type[Fragile]) -> None:
    one = kind()

    async def story(stage: Stage) -> None:
        one.broken = {("create", "a/1")}
        await stage.commit({"a/1": {"n": 1}}, retry=RetryPolicy(first_delay=50.0))
        await stage.commit({"a/1": {"n": 2}, "a/z": {"fails": True}}, revert=True)
        assert stage.state("a/1") is ValueState.RETRYING
        one.broken = set()
        await stage.clock.advance(60.0)
        assert one.held == {"a/1": {"n": 1}}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)


def test_invalid_values_are_refused_before_anything_is_touched() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        before = snapshot(stage)
        result = await stage.commit({"a/1": {"n": 1}, "a/2": {"invalid": True}}, revert=True)
        assert set(result.errors) == {"a/2"}
        assert result.operations == ()
        assert snapshot(stage) == before

    act(story, one)


def test_what_was_done_is_undone_in_the_opposite_order() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/2": {}, "a/4": {"shape": 1}, "a/5": {}})
        change: dict[str, Any] = {"a/1": {}, "a/2": {"n": 1}, "a/3": {}, "a/5": None}
        change |= {"a/4": {"shape": 2}, "a/9": {"fails": True}}
        result = await stage.commit(change, revert=True)
        done = [(op.operation.kind, op.operation.key) for op in result.operations if not op.revert]
        undone = [(op.operation.kind, op.operation.key) for op in result.operations if op.revert]
        opposite = {"create": "delete", "delete": "create", "update": "update"}
        assert done[-1] == ("create", "a/9")
        assert undone == [(opposite[name], key) for name, key in reversed(done[:-1])]

    act(story, one)


@KINDS
def test_nothing_new_starts_after_a_failure(kind: type[Fragile]) -> None:
    one = kind()
    chain: dict[str, Any] = {f"a/{n}": {"needs": [f"a/{n - 1}"]} for n in range(1, 9)}

    async def story(stage: Stage) -> None:
        chain["a/4"]["fails"] = True
        result = await stage.commit({"a/0": {}, **chain}, revert=True)
        tried = {op.operation.key for op in result.operations}
        assert tried == {"a/0", "a/1", "a/2", "a/3", "a/4"}
        assert one.held == {}

    act(story, one)


def test_calls_under_way_end_before_the_undo_begins() -> None:
    one = Delayed()

    async def story(stage: Stage) -> None:
        change = {"a/slow": {"seconds": 20.0}, "a/z": {"fails": True}}
        result = await stage.commit(change, revert=True)
        order = [(op.operation.kind, op.operation.key) for op in result.operations]
        assert order == [("create", "a/z"), ("create", "a/slow"), ("delete", "a/slow")]
        assert one.held == {}

    act(story, one)


def test_what_the_undo_could_not_undo_is_reported() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        one.broken = {("delete", "a/1")}
        result = await stage.commit({"a/1": {}, "a/2": {"fails": True}}, revert=True)
        assert set(result.errors) == {"a/1", "a/2"}
        assert one.held == {"a/1": {}}
        assert stage.state("a/1") is ValueState.FAILED
        failed = [op for op in result.operations if op.revert and op.error is not None]
        assert [op.operation.key for op in failed] == ["a/1"]
        one.broken = set()
        await stage.scheduler.resync()
        assert one.held == {}

    act(story, one)


def test_a_failure_of_what_waited_before_does_not_revert_the_transaction() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/2": {"needs": ["a/1"], "fails": True}})
        result = await stage.commit({"a/1": {}}, revert=True)
        assert not result.reverted
        assert one.held == {"a/1": {}}
        assert stage.state("a/2") is ValueState.FAILED

    act(story, one)


def test_a_failure_of_what_stood_before_reverts_the_transaction() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        one.broken = {("delete", "a/2")}
        result = await stage.commit({"a/1": None}, revert=True)
        assert result.reverted
        one.broken = set()
        await stage.commit({"a/2": {"needs": ["a/1"]}})
        assert set(one.held) == {"a/1", "a/2"}
        assert stage.state("a/1") is stage.state("a/2") is ValueState.CONFIGURED

    act(story, one)


def test_a_failure_after_its_effect_is_seen_and_undone() -> None:
    class AfterEffect(Fragile):
        def create(self, key: str, value: Any) -> Any:
            Plain.create(self, key, value)
            self._check("create", key, value)

    one = AfterEffect()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"fails": True, "needs": ["a/1"]}}, revert=True)
        assert one.held == {}
        assert stage.scheduler.statuses() == [] or stage.plan({}).is_empty

    act(story, one)


def test_a_revert_with_a_late_call_ends_clean_once_that_has_ended() -> None:
    class Deaf(Later):
        gate: asyncio.Event

        async def create(self, key: str, value: Any) -> Any:
            if key == "a/2":
                self.gate = asyncio.Event()
                while not self.gate.is_set():
                    try:
                        await self.gate.wait()
                    except asyncio.CancelledError:
                        continue
            return await Later.create(self, key, value)

        def retrieve(self, expected: Any, keys: Any = None) -> Any:
            return self.found(keys)

    one = Deaf()

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": 1, "a/2": 2}, revert=True)
        assert set(result.errors) == {"a/2"}
        assert result.reverted
        one.gate.set()
        await stage.clock.advance(10.0)
        await stage.scheduler.settle()
        assert one.held == {}
        assert stage.state("a/2") in {ValueState.REMOVED, ValueState.NONEXISTENT}

    act(story, one, deadline_s=5.0)


def test_a_revert_past_a_late_update_brings_the_derived_values_back() -> None:
    class Hanging(Delayed):
        hangs = True

        async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
            if self.hangs:
                await asyncio.get_running_loop().create_future()
            await super().update(key, old, new, metadata)

    one = Hanging()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"a/d": {}}}})
        result = await stage.commit({"a/1": {}}, revert=True)
        assert result.reverted
        one.hangs = False
        await stage.clock.advance(10.0)
        await stage.scheduler.settle()
        assert set(one.held) == {"a/1", "a/d"}
        assert stage.scheduler.values() == {"a/1": {"derives": {"a/d": {}}}}
        assert stage.plan({}).is_empty

    act(story, one, deadline_s=5.0)


def test_revert_and_resync_exclude_each_other() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(ValueError, match="revert"):
            stage.scheduler.transaction(resync="full", revert=True)

    act(story, Plain())


def test_an_invalid_update_leaves_the_old_value_standing_and_says_so() -> None:
    one = Fragile()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}, "a/2": {"needs": ["a/1"]}})
        change: dict[str, Any] = {"a/1": {"n": 2, "invalid": True}, "a/3": {}}
        assert stage.plan(change).invalid == {"a/1": "it says so"}
        result = await stage.commit(change)
        assert isinstance(result.errors["a/1"], InvalidValue)
        assert set(one.held) == {"a/1", "a/2", "a/3"}
        assert one.held["a/1"] == {"n": 1}
        assert stage.state("a/1") is ValueState.INVALID
        assert stage.scheduler.values()["a/1"] == {"n": 2, "invalid": True}
        assert stage.scheduler.values(view="configured")["a/1"] == {"n": 1}
        await stage.commit({"a/1": {"n": 1}})
        assert stage.state("a/1") is ValueState.CONFIGURED
        assert stage.scheduler.status("a/1").error is None
        await stage.commit({"a/1": {"invalid": True}})
        await stage.commit({"a/1": None, "a/2": None})
        assert set(one.held) == {"a/3"}

    act(story, one)
