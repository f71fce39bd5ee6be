# SPDX-License-Identifier: Apache-2.0
"""Law 6 by example: when what failed is tried again, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from kvscheduler import RetryPolicy, ValueState
from tests.engine.stage import Keyed, Plain, Stage, act


class Failing(Keyed):
    """Fails on the (kind, key) pairs in ``broken``; ``tried`` says when."""

    stage: Stage

    def __init__(self, name: str = "a") -> None:
        super().__init__(name)
        self.broken: set[tuple[str, str]] = set()
        self.tried: list[tuple[float, str]] = []
        self.after_effect = False

    def _call(self, kind: str, key: str) -> None:
        self.tried.append((self.stage.clock.monotonic(), f"{kind} {key}"))
        if (kind, key) in self.broken and not self.after_effect:
            raise RuntimeError(f"{kind} is broken")

    def create(self, key: str, value: Any) -> Any:
        self._call("create", key)
        Plain.create(self, key, value)
        self._end("create", key)

    def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        self._call("update", key)
        Plain.update(self, key, old, new, metadata)
        self._end("update", key)

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        self._call("delete", key)
        Plain.delete(self, key, value, metadata)
        self._end("delete", key)

    def _end(self, kind: str, key: str) -> None:
        if (kind, key) in self.broken:
            raise RuntimeError(f"{kind} broke after its effect")

    def is_retriable(self, error: Exception) -> bool:
        return "for good" not in str(error)

    def times(self, what: str) -> list[float]:
        return [at for at, tried in self.tried if tried == what]


def test_a_retry_waits_longer_each_time_and_gives_up_after_the_last_attempt() -> None:
    one = Failing()
    one.broken = {("create", "a/1")}
    policy = RetryPolicy(first_delay=2.0, factor=3.0, max_delay=10.0, max_attempts=3)

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}}, retry=policy)
        assert stage.state("a/1") is ValueState.RETRYING
        await stage.clock.advance(1000.0)
        assert stage.state("a/1") is ValueState.FAILED

    act(story, one)
    assert one.times("create a/1") == pytest.approx([0.0, 2.0, 8.0, 18.0])


def test_the_count_of_attempts_begins_anew_once_it_went_well() -> None:
    one = Failing()
    one.broken = {("create", "a/1")}
    policy = RetryPolicy(first_delay=1.0, factor=10.0, max_attempts=2)

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}}, retry=policy)
        one.broken = set()
        await stage.clock.advance(1.0)
        assert stage.state("a/1") is ValueState.CONFIGURED
        one.broken = {("update", "a/1")}
        await stage.commit({"a/1": {"n": 1}}, retry=policy)
        await stage.clock.advance(1000.0)
        assert one.times("update a/1") == pytest.approx([1.0, 2.0, 12.0])

    act(story, one)


def test_an_error_that_is_not_retriable_is_final() -> None:
    class Final(Failing):
        def _call(self, kind: str, key: str) -> None:
            raise RuntimeError("broken for good")

    one = Final()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}}, retry=RetryPolicy())
        assert stage.state("a/1") is ValueState.FAILED
        await stage.clock.advance(1000.0)
        assert len(stage.scheduler.history) == 1

    act(story, one)


@pytest.mark.parametrize("kind", ["create", "update", "delete"])
@pytest.mark.parametrize("after_effect", [False, True])
def test_setting_or_deleting_a_failed_value_again_tries_it_again(
    kind: str, after_effect: bool
) -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        changes: list[dict[str, Any]] = [{"a/1": {}}]
        if kind != "create":
            await stage.commit({"a/1": {}})
            changes = [{"a/1": {"n": 1} if kind == "update" else None}]
        one.broken, one.after_effect = {(kind, "a/1")}, after_effect
        await stage.commit(changes[0])
        assert stage.state("a/1") is ValueState.FAILED
        tried = len(one.tried)
        one.broken = set()
        await stage.commit(changes[0])
        assert len(one.tried) == tried + 1
        wanted = changes[0]["a/1"]
        assert one.held == ({} if wanted is None else {"a/1": wanted})

    act(story, one)


@pytest.mark.parametrize("kind", ["create", "update"])
@pytest.mark.parametrize("after_effect", [False, True])
def test_deleting_a_failed_value_leaves_nothing(kind: str, after_effect: bool) -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        if kind == "update":
            await stage.commit({"a/1": {}})
        one.broken, one.after_effect = {(kind, "a/1")}, after_effect
        await stage.commit({"a/1": {"n": 1}})
        one.broken = set()
        await stage.commit({"a/1": None})
        assert one.held == {}
        assert stage.state("a/1") in {ValueState.REMOVED, ValueState.NONEXISTENT}
        await stage.commit({"a/1": {"n": 2}})
        assert one.held == {"a/1": {"n": 2}}

    act(story, one)


def test_a_base_that_is_deleted_takes_its_failed_derived_values_along() -> None:
    one, two = Failing("a"), Failing("d")

    async def story(stage: Stage) -> None:
        one.stage = two.stage = stage
        two.broken, two.after_effect = {("create", "d/1")}, True
        await stage.commit({"a/1": {"derives": {"d/1": {}}}})
        assert stage.state("d/1") is ValueState.FAILED
        two.broken = set()
        await stage.commit({"a/1": None})
        assert one.held == two.held == {}

    act(story, one, two)


def test_setting_the_base_again_tries_its_failed_derived_value_again() -> None:
    one, two = Failing("a"), Failing("d")

    async def story(stage: Stage) -> None:
        one.stage = two.stage = stage
        two.broken = {("create", "d/1")}
        await stage.commit({"a/1": {"derives": {"d/1": {}}}})
        two.broken = set()
        await stage.commit({"a/1": {"derives": {"d/1": {}}}})
        assert two.held == {"d/1": {}}

    act(story, one, two)


def test_a_value_keeps_the_policy_of_the_transaction_that_set_it() -> None:
    one = Failing()
    one.broken = {("create", "a/1"), ("create", "a/2")}

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {"needs": ["a/0"]}}, retry=RetryPolicy(first_delay=5.0))
        await stage.commit({"a/0": {}, "a/2": {}})
        assert stage.state("a/1") is ValueState.RETRYING
        assert stage.state("a/2") is ValueState.FAILED
        await stage.commit({"a/1": {"needs": ["a/0"]}})
        assert stage.state("a/1") is ValueState.FAILED

    act(story, one)


def test_the_schedulers_policy_is_that_of_transactions_that_name_none() -> None:
    one = Failing()
    one.broken = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}})
        one.broken = set()
        await stage.clock.advance(3.0)
        assert one.held == {"a/1": {}}
        assert stage.scheduler.history[-1].kind == "retry"

    act(story, one, retry=RetryPolicy(first_delay=3.0))


def test_only_what_depends_on_a_failure_waits_and_it_follows_the_retry() -> None:
    one = Failing()
    one.broken = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        one.stage = stage
        change: dict[str, Any] = {"a/1": {}, "a/2": {"needs": ["a/1"]}, "a/3": {}}
        await stage.commit(change, retry=RetryPolicy())
        assert set(one.held) == {"a/3"}
        unmet = stage.scheduler.status("a/2").unmet[0]
        assert unmet.state is ValueState.RETRYING
        assert "create is broken" in unmet.cause
        one.broken = set()
        await stage.clock.advance(2.0)
        assert set(one.held) == {"a/1", "a/2", "a/3"}

    act(story, one)


def test_a_retry_of_what_is_no_longer_possible_waits_for_it() -> None:
    one = Failing()
    one.broken = {("create", "a/2")}

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}}, retry=RetryPolicy())
        await stage.commit({"a/1": None})
        one.broken = set()
        await stage.clock.advance(100.0)
        assert one.held == {}
        assert stage.state("a/2") is ValueState.PENDING
        await stage.commit({"a/1": {}})
        assert set(one.held) == {"a/1", "a/2"}

    act(story, one)


def test_a_retry_that_was_overtaken_by_a_new_value_does_nothing() -> None:
    one = Failing()
    one.broken = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}}, retry=RetryPolicy(first_delay=5.0))
        one.broken = set()
        await stage.commit({"a/1": {"n": 1}})
        await stage.clock.advance(100.0)
        assert one.times("create a/1") == [0.0, 0.0]
        assert len(stage.scheduler.history) == 2

    act(story, one)


def test_what_a_failed_delete_still_needs_stays() -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        one.broken = {("delete", "a/2")}
        await stage.commit({"a/1": None, "a/2": None}, retry=RetryPolicy())
        assert set(one.held) == {"a/1", "a/2"}
        one.broken = set()
        await stage.clock.advance(100.0)
        await stage.commit({"a/2": None})
        assert one.held == {}

    act(story, one)


def test_a_retried_delete_follows_the_policy_the_value_was_set_with() -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {}}, retry=RetryPolicy(first_delay=1.0))
        one.broken = {("delete", "a/1")}
        await stage.commit({"a/1": None})
        assert stage.state("a/1") is ValueState.RETRYING
        one.broken = set()
        await stage.clock.advance(2.0)
        assert one.held == {}
        assert stage.state("a/1") in {ValueState.REMOVED, ValueState.NONEXISTENT}

    act(story, one)


def test_a_failed_value_is_left_alone_though_its_old_support_has_gone() -> None:
    one, two = Failing("a"), Failing("b")

    async def story(stage: Stage) -> None:
        one.stage = two.stage = stage
        await stage.commit({"b/1": {}, "a/1": {"any_of": ["b/"]}, "b/2": {"any_of": ["a/1"]}})
        one.broken = {("update", "a/1")}
        await stage.commit({"a/1": {}, "a/2": {"any_of": ["a/1"]}, "b/1": None})
        assert [tried for _, tried in one.tried if "a/1" in tried] == ["create a/1", "update a/1"]
        assert stage.state("a/1") is ValueState.FAILED

    act(story, one, two)


@pytest.mark.parametrize("kind", ["update", "delete"])
@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("how", ["set back", "resync"])
def test_going_back_to_what_was_before_a_failure_ends_there(
    kind: str, after_effect: bool, how: str
) -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        await stage.commit({"a/1": {"n": 1}})
        one.broken, one.after_effect = {(kind, "a/1")}, after_effect
        await stage.commit({"a/1": {"n": 2} if kind == "update" else None})
        one.broken = set()
        if how == "resync":
            await stage.scheduler.resync()
            assert one.held == ({"a/1": {"n": 2}} if kind == "update" else {})
        await stage.commit({"a/1": {"n": 1}})
        assert one.held == {"a/1": {"n": 1}}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)


@pytest.mark.parametrize("after_effect", [False, True])
def test_any_of_values_that_lost_their_ground_fall_once_the_failure_is_over(
    after_effect: bool,
) -> None:
    one, two = Failing("a"), Failing("b")

    async def story(stage: Stage) -> None:
        one.stage = two.stage = stage
        change: dict[str, Any] = {"b/1": {"any_of": ["a/"]}, "a/1": {"needs": ["b/1"]}, "a/g": {}}
        await stage.commit(change, retry=RetryPolicy())
        two.broken, two.after_effect = {("delete", "b/1")}, after_effect
        await stage.commit({"a/g": None})
        two.broken = set()
        await stage.clock.advance(100.0)
        assert one.held == two.held == {}
        assert stage.state("b/1") is stage.state("a/1") is ValueState.PENDING

    act(story, one, two)


@pytest.mark.parametrize(
    "fields",
    [
        {"factor": 0.0},
        {"first_delay": 0.0},
        {"first_delay": -1.0},
        {"first_delay": float("nan")},
        {"max_delay": 0.0},
        {"max_attempts": -1},
    ],
)
def test_a_policy_that_would_retry_without_a_pause_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        RetryPolicy(**fields)


def test_what_needed_a_value_that_fails_to_go_waits_for_it_to_be_gone_or_wanted_again() -> None:
    one = Failing()

    async def story(stage: Stage) -> None:
        one.stage = stage
        wanted: dict[str, Any] = {"a/1": {}, "a/2": {"needs": ["a/1"]}, "a/3": {"any_of": ["a/1"]}}
        await stage.commit(wanted, retry=RetryPolicy(max_attempts=3))
        one.broken = {("delete", "a/1")}
        await stage.commit({"a/1": None})
        await stage.clock.advance(100.0)
        assert set(one.held) == {"a/1"}
        assert len(one.times("delete a/2")) == len(one.times("delete a/3")) == 1
        assert "delete is broken" in stage.scheduler.status("a/2").unmet[0].cause
        assert stage.state("a/3") is ValueState.PENDING
        await stage.commit({"a/1": {}})
        assert set(one.held) == {"a/1"}  # what stands is not known, and it still fails to go
        one.broken = set()
        await stage.commit({"a/1": {}})
        assert set(one.held) == {"a/1", "a/2", "a/3"}

    act(story, one)
