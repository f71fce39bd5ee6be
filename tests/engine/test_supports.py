# SPDX-License-Identifier: Apache-2.0
"""Any-of dependencies while supports come, go, move or are in doubt: one is always there."""

from __future__ import annotations

from typing import Any

import pytest

from kvscheduler.testing import Item, When
from tests.engine.stage import Keyed, Stage, act
from tests.sim.world import World, play
from tests.strategies import Changes

N = Item


def moves(world: World, changes: Changes) -> list[tuple[str, str]]:
    """Return the operations of a plan, in order."""
    plan = world.plan(changes)
    assert plan is not None
    return [(one.kind, one.key) for one in plan.operations]


@pytest.mark.parametrize("perhaps", ["a/1", "a/4"], ids=["a smaller key", "a greater key"])
def test_what_may_be_there_after_a_failure_is_no_support_that_could_be_the_last(
    perhaps: str,
) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/2": N(), "b/1": N(any_of=("a/",))})
        world.southbound.unreadable.add("")
        world.southbound.fail(perhaps, "create", when=When.AFTER_EFFECT)
        await world.commit({perhaps: N()})
        plan = moves(world, {perhaps: None, "a/2": None, "a/3": N()})
        assert {*plan} == {("create", "a/3"), ("delete", "a/2"), ("delete", perhaps)}
        assert plan.index(("create", "a/3")) < plan.index(("delete", "a/2"))

    play(run)


def test_a_fact_that_stays_till_the_end_hands_over_to_the_one_that_comes_at_once() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(derives=(("f/1", N()),)), "b/1": N(any_of=("f/",))})
        assert moves(world, {"a/1": N(derives=(("f/2", N()),))}) == []

    play(run, World(loose=True))


class Tolerant(Keyed):
    """Values that need other things, and are the same else, need no update."""

    def equivalent(self, key: str, old: Any, new: Any) -> bool:
        return bool(old.get("n") == new.get("n"))


@pytest.mark.parametrize(
    ("before", "after", "is_first"),
    [
        (["a/8"], ["b/"], True),
        (["a/9", "a/8"], ["b/"], True),
        (["a/9"], ["a/9", "b/"], True),
        (["a/8"], ["c/", "b/"], True),
        (["a/8"], ["c/"], False),
        (["a/8", "c/"], ["c/"], False),
        (["a/8"], [], False),
    ],
)
def test_a_value_swaps_its_supports_without_an_update_where_none_is_needed(
    before: list[str], after: list[str], is_first: bool
) -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/8": {}, "a/9": {}, "c/1": {}, "a/1": {"any_of": before}})
        leaving = {one for one in before if one not in after and one != "c/"}
        changes = {"a/1": {"any_of": after}, "b/1": {}, **dict.fromkeys(leaving)}
        plan = [(one.kind, one.key) for one in stage.plan(changes).operations]
        gone = [("delete", key) for key in sorted(leaving)]
        made = [("create", "b/1")]
        assert plan == (made + gone if is_first else gone + made)

    act(story, Tolerant(), Tolerant("b"), Tolerant("c"))


def test_where_no_order_keeps_all_supports_only_one_value_of_a_circle_goes_without() -> None:
    kept: Changes = {
        "a/0": N(any_of=("c/",)),
        "a/1": N(any_of=(("b/2", "a/p"),)),
        "b/2": N(any_of=("a/1",)),
    }

    async def run(world: World) -> None:
        world.southbound.add("a/p", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({**kept, "c/2": N()})
        world.southbound.remove("a/p")
        result = await world.transaction({**kept, "c/3": N()}, resync="full").commit()
        done = [one.operation.key for one in result.operations]
        assert sorted(done) == ["a/1", "b/2", "c/2", "c/3"]
        assert done.index("c/3") < done.index("c/2")
        assert done.index("b/2") < done.index("a/1")

    play(run)


def test_of_two_any_ofs_one_is_kept_and_one_is_swapped_while_all_their_supports_change() -> None:
    keyed = Keyed()
    before = {"a/p1": {}, "a/q1": {}, "a/x": {"any_of": ["a/p", "a/q"]}}
    gone = {"a/p1": None, "a/q1": None}
    after = {"a/q2": {}, "a/r1": {}, "a/x": {"any_of": ["a/q", "a/r"]}}

    async def run(stage: Stage) -> None:
        await stage.commit(before)
        keyed.calls.clear()
        result = await stage.commit({**gone, **after})

        assert result.ok
        place = {call: number for number, call in enumerate(keyed.calls)}
        swap = place["update", "a/x"]
        assert place["create", "a/r1"] < swap < place["delete", "a/p1"]
        assert place["create", "a/q2"] < place["delete", "a/q1"]

    act(run, keyed)
