# SPDX-License-Identifier: Apache-2.0
"""How a plan is carried out, beyond its order: whose place a call takes, and what is reported."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvscheduler import ValueState
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Timed(Keyed):
    """Takes a virtual second for each create, and counts those under way."""

    now = most = 0

    async def create(self, key: str, value: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1.0)
        self.now -= 1
        Plain.create(self, key, value)


def several(name: str, count: int) -> dict[str, Any]:
    return {f"{name}/{number}": {} for number in range(count)}


def test_what_waits_for_its_own_descriptor_takes_no_place_from_others() -> None:
    narrow, wide = Timed("a"), Timed("b")
    narrow.max_parallel = 1

    async def story(stage: Stage) -> None:
        await stage.commit({**several("a", 6), **several("b", 6)})
        assert stage.clock.monotonic() == 6

    act(story, narrow, wide, max_parallel=3)
    assert (narrow.most, wide.most) == (1, 2)


def test_a_narrow_descriptor_is_as_narrow_in_the_next_transaction() -> None:
    narrow, wide = Timed("a"), Timed("b")
    narrow.max_parallel = 2

    async def story(stage: Stage) -> None:
        await stage.commit(several("a", 5))
        await stage.commit({**several("a/again", 6), **several("b", 3)})
        assert stage.clock.monotonic() == 6

    act(story, narrow, wide, max_parallel=3)
    assert (narrow.most, wide.most) == (2, 1)


def test_what_becomes_ready_later_waits_for_its_own_descriptor_too() -> None:
    narrow, wide = Timed("a"), Timed("b")
    narrow.max_parallel = 1
    change: dict[str, Any] = {
        "a/0": {},
        "a/1": {},
        "a/2": {"needs": ["b/0"]},
        "b/0": {},
        "b/1": {"needs": ["b/0"]},
        "b/2": {"needs": ["b/1"]},
    }

    async def story(stage: Stage) -> None:
        await stage.commit(change)
        assert stage.clock.monotonic() == 3

    act(story, narrow, wide, max_parallel=2)


@pytest.mark.parametrize("kind", [Keyed, Timed])
def test_facts_come_with_their_base_however_it_is_made(kind: type[Keyed]) -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"derives": {"fact/1": True}}, "a/2": {"needs": ["fact/1"]}})
        assert stage.state("fact/1") is ValueState.CONFIGURED
        assert stage.state("a/2") is ValueState.CONFIGURED

    act(story, kind())


class Promising(Keyed):
    """Its plain ``create`` returns what is to be awaited."""

    def create(self, key: str, value: Any) -> Any:
        self.calls.append((f"create on {sorted(self.held)}", key))
        return self.make(key, value)

    async def make(self, key: str, value: Any) -> str:
        await asyncio.sleep(1.0)
        self.held[key] = value
        return "made"


def test_a_plain_call_that_returns_an_awaitable_is_made_once_and_waited_for() -> None:
    one = Promising()

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        assert result.ok
        assert stage.scheduler.metadata("a") == {"1": "made", "2": "made"}

    act(story, one)
    assert one.calls == [("create on []", "a/1"), ("create on ['a/1']", "a/2")]


@pytest.mark.parametrize("kind", [Promising, Timed, Later])
def test_calls_that_end_in_one_moment_are_all_noted_without_an_error(kind: type[Plain]) -> None:
    errors: list[dict[str, Any]] = []

    async def story(stage: Stage) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: errors.append(what))
        result = await stage.commit(several("a", 5))
        assert sorted(one.operation.key for one in result.operations) == list(several("a", 5))

    act(story, kind("a"))
    assert errors == []


class Slow(Plain):
    """Holds up the loop for as long as the value says."""

    clock: Any

    def create(self, key: str, value: Any) -> Any:
        self.clock._elapsed_s += value  # as a call that takes so long would
        if value == 7:
            raise RuntimeError("seven")


BESIDE = pytest.mark.parametrize("beside", [{}, {"b/1": 1}], ids=["alone", "beside a slow one"])


@BESIDE
def test_a_result_says_when_it_began_and_how_long_each_call_took(beside: dict[str, Any]) -> None:
    one = Slow("c")

    async def story(stage: Stage) -> None:
        one.clock = stage.clock
        await asyncio.sleep(20.0)
        result = await stage.commit({**beside, "c/1": 2, "c/2": 7, "c/3": 4})
        took = {op.operation.key: op.duration_s for op in result.operations}
        assert (took["c/1"], took["c/2"], took["c/3"]) == (2, 7, 4)
        assert len(result.operations) == len(took)
        assert result.started == 1_000_000_020.0
        assert result.duration_s == 13.0

    act(story, one, Later("b"))


@BESIDE
def test_how_long_the_loop_was_held_up_is_told_at_any_time(
    beside: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = Slow("c")

    async def story(stage: Stage) -> None:
        one.clock = stage.clock
        await asyncio.sleep(20.0)
        await stage.commit({**beside, "c/1": 0.05, "c/2": 0.25})

    act(story, one, Later("b"))
    (said,) = [text for text in caplog.messages if "held up" in text]
    begin, _, advice = said.partition("; ")
    assert begin == "descriptor c held up the event loop for 0.250 s with create c/2"
    assert advice == "make it async, or blocking"


def test_an_awaited_call_is_timed_too() -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(20.0)
        result = await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        assert [one.duration_s for one in result.operations] == [1.0, 1.0]

    act(story, Timed())


@pytest.mark.parametrize("kind", [Timed, Promising, Keyed])
def test_a_ring_waits_as_one_for_what_any_member_needs_and_what_needs_one_waits_for_all(
    kind: type[Keyed],
) -> None:
    ring: dict[str, Any] = {
        "a/0": {},
        "a/1": {"needs": ["a/2", "a/0"]},
        "a/2": {"needs": ["a/1"]},
        "a/3": {"needs": ["a/1"]},
    }

    async def story(stage: Stage) -> None:
        result = await stage.commit(ring)
        assert result.ok
        assert stage.clock.monotonic() == (0 if kind is Keyed else 3)
        order = [one.operation.key for one in result.operations]
        assert (order[0], order[-1]) == ("a/0", "a/3")

    one = kind()
    act(story, one)
    assert one.held == ring
