# SPDX-License-Identifier: Apache-2.0
"""Since when a value has been in its state: the moment it came to be in it, nothing later."""

from __future__ import annotations

import asyncio
from typing import Any

from kvscheduler import InvalidValue, ValueState
from tests.engine.stage import Keyed, Stage, act

BEGIN_S = 1_000_000_000.0


class Failing(Keyed):
    """Fails with what says so."""

    def create(self, key: str, value: Any) -> Any:
        if value.get("fails"):
            raise RuntimeError("it says so")
        return super().create(key, value)


def since(stage: Stage, key: str) -> tuple[ValueState, float]:
    """Return the state of a value, and at which virtual second that began."""
    status = stage.scheduler.status(key)
    assert status.since is not None
    return status.state, status.since - BEGIN_S


def test_a_value_that_is_updated_has_been_configured_all_the_while() -> None:
    async def story(stage: Stage) -> None:
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {}})
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {"n": 1}})
        assert since(stage, "a/1") == (ValueState.CONFIGURED, 5.0)

    act(story, Keyed())


def test_each_state_begins_when_it_is_entered() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["a/2"]}})
        await stage.clock.advance(5.0)
        await stage.commit({"a/3": {}})
        assert since(stage, "a/1") == (ValueState.PENDING, 0.0)
        await stage.commit({"a/2": {}})
        assert since(stage, "a/1") == (ValueState.CONFIGURED, 5.0)
        await stage.clock.advance(5.0)
        await stage.commit({"a/2": None})
        assert since(stage, "a/1") == (ValueState.PENDING, 10.0)
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {"needs": ["a/4"]}})
        assert since(stage, "a/1") == (ValueState.PENDING, 10.0)

    act(story, Keyed())


def test_a_value_that_fails_again_has_failed_since_the_first_time() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"fails": True}})
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {"fails": True, "n": 1}})
        assert since(stage, "a/1") == (ValueState.FAILED, 0.0)
        await stage.commit({"a/1": {}})
        assert since(stage, "a/1") == (ValueState.CONFIGURED, 5.0)

    act(story, Failing())


class Picky(Failing):
    """Refuses what says that it is invalid."""

    def validate(self, key: str, value: Any) -> None:
        if value.get("invalid"):
            raise InvalidValue("it says so")


def test_a_value_that_stands_has_been_invalid_since_its_wish_was() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {"invalid": True}})
        await stage.clock.advance(5.0)
        assert since(stage, "a/1") == (ValueState.INVALID, 5.0)
        await stage.commit({"a/1": {}})
        assert since(stage, "a/1") == (ValueState.CONFIGURED, 10.0)

    act(story, Picky())


def test_a_value_that_broke_has_failed_since_then() -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.clock.advance(5.0)
        one.port.failed("a/1", RuntimeError("it broke"))
        await stage.scheduler.settle()
        await stage.clock.advance(5.0)
        assert since(stage, "a/1") == (ValueState.FAILED, 5.0)

    act(story, one)


def test_a_value_whose_call_ran_late_has_failed_since_its_deadline() -> None:
    class Hanging(Keyed):
        async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
            await asyncio.get_running_loop().create_future()

        def retrieve(self, expected: Any, keys: Any = None) -> Any:
            return self.found(keys)

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.clock.advance(5.0)
        await stage.commit({"a/1": {"n": 1}})
        await stage.clock.advance(5.0)
        assert since(stage, "a/1") == (ValueState.FAILED, 7.0)

    act(story, Hanging(), deadline_s=2.0)
