# SPDX-License-Identifier: Apache-2.0
"""Law 12 by example: calls that do not end in time, and what becomes of their keys."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from kvscheduler import Depends, Retrieved, RetryPolicy, ValueState
from tests.engine.stage import Plain, Stage, act

RETRY = RetryPolicy(first_delay=1.0, max_delay=4.0)


class Deaf(Plain):
    """Ignores cancellation: the values of ``slow`` take effect only when released."""

    def __init__(self, *, readable: bool = True) -> None:
        super().__init__()
        self.readable = readable
        self.gates: dict[str, asyncio.Event] = {}
        self.slow: set[tuple[str, str]] = set()
        self.retrieved: list[Sequence[str] | None] = []
        self.under_way: list[str] = []
        self.overlaps: list[str] = []

    async def _call(self, kind: str, key: str) -> None:
        if key in self.under_way:
            self.overlaps.append(key)
        self.under_way.append(key)
        if (kind, key) in self.slow:
            self.slow.remove((kind, key))
            gate = self.gates[key] = asyncio.Event()
            while not gate.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await gate.wait()
        self.under_way.remove(key)

    async def create(self, key: str, value: Any) -> Any:
        await self._call("create", key)
        Plain.create(self, key, value)

    async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        await self._call("update", key)
        Plain.update(self, key, old, new, metadata)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        await self._call("delete", key)
        Plain.delete(self, key, value, metadata)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        if not self.readable:
            raise RuntimeError("cannot be read")
        self.retrieved.append(keys)
        return self.found(keys)


async def release(stage: Stage, one: Deaf, key: str) -> None:
    """Let a late call end, and everything that follows from it happen."""
    one.gates[key].set()
    await stage.clock.advance(0.0)
    await stage.scheduler.settle()


@pytest.mark.parametrize("readable", [True, False])
def test_a_late_create_that_succeeds_in_the_end_converges(readable: bool) -> None:
    one = Deaf(readable=readable)
    one.slow = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": 1, "a/2": 2}, retry=RETRY)
        assert set(result.errors) == {"a/1"}
        assert one.held == {"a/2": 2}
        await stage.clock.advance(100.0)
        assert one.calls == [("create", "a/2")]
        assert stage.state("a/1") in {ValueState.FAILED, ValueState.RETRYING}
        await release(stage, one, "a/1")
        await stage.clock.advance(100.0)
        assert one.held == {"a/1": 1, "a/2": 2}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, deadline_s=5.0)
    assert one.overlaps == []


def test_while_a_late_call_runs_its_key_is_not_called_whatever_is_wanted() -> None:
    one = Deaf()
    one.slow = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": 2})
        await stage.scheduler.resync()
        await stage.commit({"a/1": None})
        await stage.commit({"a/1": 3})
        await stage.scheduler.notify("a/1", None)
        assert one.under_way == ["a/1"]
        await release(stage, one, "a/1")
        assert one.held == {"a/1": 3}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, deadline_s=5.0)
    assert one.overlaps == []


def test_after_a_late_call_has_ended_its_key_is_retrieved() -> None:
    one = Deaf()
    one.slow = {("update", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": 2}, retry=RETRY)
        await stage.clock.advance(50.0)
        assert one.retrieved == []
        await release(stage, one, "a/1")
        assert list(one.retrieved[0] or ()) == ["a/1"]
        await stage.clock.advance(50.0)
        assert one.calls == [("create", "a/1"), ("update", "a/1")]
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, deadline_s=5.0)


def test_a_value_deleted_while_its_create_hangs_is_removed_in_the_end() -> None:
    one = Deaf()
    one.slow = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": None})
        await release(stage, one, "a/1")
        assert one.held == {}
        assert stage.state("a/1") in {ValueState.REMOVED, ValueState.NONEXISTENT}

    act(story, one, deadline_s=5.0)


def test_a_late_delete_that_succeeds_in_the_end_leaves_nothing_behind() -> None:
    one = Deaf()
    one.slow = {("delete", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": None}, retry=RETRY)
        await stage.clock.advance(50.0)
        await release(stage, one, "a/1")
        await stage.clock.advance(50.0)
        assert one.held == {}
        assert stage.state("a/1") in {ValueState.REMOVED, ValueState.NONEXISTENT}
        assert one.calls.count(("delete", "a/1")) == 1

    act(story, one, deadline_s=5.0)


def test_a_plan_made_while_a_call_was_late_is_stale_once_it_has_ended() -> None:
    one = Deaf()
    one.slow = {("update", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        await stage.commit({"a/1": 2})
        transaction = stage.transaction({"a/1": 3})
        transaction.plan()
        one.held["a/1"] = 1
        await release(stage, one, "a/1")
        await transaction.commit()
        await stage.scheduler.settle()
        assert one.held == {"a/1": 3}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, deadline_s=5.0)


def test_a_call_cancelled_at_its_deadline_is_settled_by_settle() -> None:
    class Hanging(Plain):
        hangs = True

        async def create(self, key: str, value: Any) -> Any:
            if self.hangs:
                await asyncio.get_running_loop().create_future()
            Plain.create(self, key, value)

    one = Hanging()

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": 1}, retry=RETRY)
        assert isinstance(result.errors["a/1"].__cause__, TimeoutError)
        one.hangs = False
        await stage.clock.advance(10.0)
        await stage.scheduler.settle()
        assert one.held == {"a/1": 1}

    act(story, one, deadline_s=5.0)


def test_a_thread_that_hangs_holds_up_its_own_key_only_until_it_ends() -> None:
    class Threaded(Plain):
        blocking = True
        deadline_s = 2.0
        released = threading.Event()
        hangs = True

        def create(self, key: str, value: Any) -> Any:
            if key == "a/1" and self.hangs:
                self.hangs = False
                stages[0].clock.block(None, self.released)
            Plain.create(self, key, value)

    one, stages = Threaded(), []

    async def story(stage: Stage) -> None:
        stages.append(stage)
        result = await stage.commit({"a/1": 1, "a/2": 2}, retry=RETRY)
        assert set(result.errors) == {"a/1"}
        await stage.clock.advance(60.0)
        assert one.held == {"a/2": 2}
        one.released.set()
        await stage.clock.advance(60.0)
        assert one.held == {"a/1": 1, "a/2": 2}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)


def test_a_retrieve_that_hangs_leaves_what_is_known_as_it_was() -> None:
    class Hanging(Plain):
        async def retrieve(
            self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
        ) -> list[Retrieved]:
            await asyncio.get_running_loop().create_future()
            return []

    one, two = Hanging("a"), Plain("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "b/1": 1})
        result = await stage.scheduler.resync()
        assert list(result.errors) == ["a"]
        assert stage.clock.monotonic() == 5.0
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one, two, deadline_s=5.0)
    assert one.calls == [("create", "a/1")]


def test_what_depends_on_a_value_whose_call_is_late_waits() -> None:
    class Chained(Deaf):
        def dependencies(self, key: str, value: Any) -> Any:
            return [Depends("a/1")] if key != "a/1" else []

    one = Chained()
    one.slow = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/2": 2}, retry=RETRY)
        assert stage.state("a/2") is ValueState.PENDING
        assert stage.scheduler.status("a/2").unmet[0].key == "a/1"
        await release(stage, one, "a/1")
        await stage.clock.advance(10.0)
        assert list(one.held) == ["a/1", "a/2"]

    act(story, one, deadline_s=5.0)


def test_the_delete_of_what_a_late_call_may_need_waits_for_that_call() -> None:
    class Chained(Deaf):
        def dependencies(self, key: str, value: Any) -> Any:
            return [Depends("a/1")] if key == "a/2" else []

    one = Chained()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/2": 2})
        one.slow = {("update", "a/2")}
        await stage.commit({"a/2": 3})
        await stage.commit({"a/1": None, "a/2": None})
        assert "a/1" in one.held
        await release(stage, one, "a/2")
        await stage.clock.advance(10.0)
        assert one.held == {}
        assert one.calls[-2:] == [("delete", "a/2"), ("delete", "a/1")]

    act(story, one, deadline_s=5.0)
