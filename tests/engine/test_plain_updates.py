# SPDX-License-Identifier: Apache-2.0
"""Everyday changes are planned in short, and the plan is the same as the long way's."""

from __future__ import annotations

import random
from typing import Any

import pytest

from kvscheduler import ValueState
from kvscheduler.planner import planner
from kvscheduler.testing import Item
from tests.engine.stage import Keyed, Stage, act
from tests.engine.troubled import tell
from tests.sim.world import World, play

N = Item


class Tolerant(Keyed):
    """Does not mind notes."""

    def equivalent(self, key: str, old: Any, new: Any) -> bool:
        return bool(old.get("n") == new.get("n"))


@pytest.mark.parametrize("seed", random.Random(1).sample(range(300), 25))
def test_the_short_way_comes_to_the_same_as_the_long_one(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tell(seed)

    monkeypatch.setattr(planner, "plain_updates", lambda *_: None)

    assert tell(seed) == short


def test_what_the_descriptor_calls_equivalent_is_noted_and_not_updated() -> None:
    one = Tolerant()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}, "a/2": {"n": 1}})
        changes = {"a/1": {"n": 1, "note": "new"}, "a/2": {"n": 2}}
        plan = stage.plan(changes)
        assert [(op.kind, op.key) for op in plan.operations] == [("update", "a/2")]
        await stage.commit(changes)
        assert stage.scheduler.values()["a/1"] == {"n": 1, "note": "new"}
        assert stage.scheduler.values(view="configured")["a/1"] == {"n": 1, "note": "new"}
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)
    assert ("update", "a/1") not in one.calls


def test_a_fact_changes_with_the_update_of_its_base() -> None:
    def base(data: int) -> Item:
        return N(derives=(("0/fact", N(data=data)),))

    async def run(world: World) -> None:
        await world.commit({"a/1": base(0)})
        assert [one.key for one in world.transaction({"a/1": base(1)}).plan().operations] == [
            "a/1"
        ]
        await world.commit({"a/1": base(1)})
        assert world.scheduler.values(view="configured")["0/fact"] == N(data=1)

    play(run)
