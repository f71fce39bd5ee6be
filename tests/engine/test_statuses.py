# SPDX-License-Identifier: Apache-2.0
"""What a status says in the states between: while things go, stay by mistake, or wait twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from kvscheduler import ValueState
from tests.engine.stage import Keyed, Plain, Stage, act


class Claiming(Keyed):
    """Values say what they claim; the deletes of ``stuck`` keys fail, those of ``slow`` last."""

    def __init__(self, *stuck: str) -> None:
        super().__init__()
        self.stuck = set(stuck)
        self.gate = asyncio.Event()

    def claims(self, key: str, value: Any) -> Iterable[str]:
        claims: list[str] = value.get("claims", [])
        return claims

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        if key in self.stuck:
            raise RuntimeError("stuck")
        if value.get("slow"):
            await self.gate.wait()
        Plain.delete(self, key, value, metadata)


def causes(stage: Stage, key: str) -> list[str]:
    """Return what keeps a value from standing, in words."""
    return [one.cause for one in stage.scheduler.status(key).unmet]


def test_of_several_claims_only_the_one_that_is_held_is_named() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"claims": ["x"]}})
        await stage.commit({"a/1": None, "a/2": {"claims": ["w", "x", "y"]}})
        assert stage.state("a/2") is ValueState.PENDING
        assert causes(stage, "a/2") == ["a/1 still holds x"]

    act(story, Claiming("a/1"))


def test_what_stays_because_something_on_it_fails_to_go_waits_for_nothing_itself() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        await stage.commit({"a/1": None, "a/2": None})
        status = stage.scheduler.status("a/1")
        assert (status.state, status.unmet) == (ValueState.PENDING, ())
        await stage.commit({"a/3": {"needs": ["a/1"]}})
        assert causes(stage, "a/3") == ["a/1 is pending"]

    act(story, Claiming("a/2"))


def test_what_has_just_gone_counts_as_unknown_before_the_transaction_is_over() -> None:
    one = Claiming()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"slow": True}, "a/3": {"needs": ["a/1"]}})
        removing = asyncio.create_task(stage.commit({"a/1": None, "a/2": None}))
        await stage.clock.advance(1.0)
        assert stage.state("a/1") is ValueState.REMOVED
        assert causes(stage, "a/3") == ["a/1 is unknown: nobody wants it"]
        one.gate.set()
        assert (await removing).ok

    act(story, one)


def test_the_any_of_that_keeps_a_root_cause_waiting_is_named_not_the_one_that_is_met() -> None:
    async def story(stage: Stage) -> None:
        groups = [("a/there",), ("a/gone/",)]
        await stage.commit({"a/there": {}, "a/1": {"any_of": groups}, "a/2": {"needs": ["a/1"]}})
        assert causes(stage, "a/2") == ["a/1 is pending: no fitting value stands below a/gone/"]

    act(story, Claiming())


def test_a_root_cause_whose_any_of_are_met_waits_for_something_else() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/there": {}, "a/1": {"claims": ["x"]}})
        second = {"any_of": [("a/there",)], "claims": ["x"]}
        await stage.commit({"a/1": None, "a/2": second, "a/3": {"needs": ["a/2"]}})
        assert causes(stage, "a/2") == ["a/1 still holds x"]
        assert causes(stage, "a/3") == ["a/2 is pending"]

    act(story, Claiming("a/1"))
