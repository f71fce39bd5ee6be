# SPDX-License-Identifier: Apache-2.0
"""What stays for the sake of something that fails to go, and what need not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvscheduler import ValueState
from kvscheduler.testing import Item, When
from tests.engine.stage import Keyed, Stage, act
from tests.sim.world import World, play
from tests.strategies import Changes

N = Item
RING: Changes = {"a/1": N(needs=("b/1",)), "b/1": N(needs=("a/1",))}


def moves(world: World, changes: Changes) -> list[tuple[str, str]]:
    """Return the operations of a plan, in order."""
    plan = world.plan(changes)
    assert plan is not None
    return [(one.kind, one.key) for one in plan.operations]


async def fail_to_go(world: World, key: str) -> None:
    """Have a value go, and have that fail for good."""
    world.southbound.fail(key, "delete", retriable=False)
    await world.commit({key: None})
    assert key in world.southbound.held


@pytest.mark.parametrize("leans", [N(needs=("a/1",)), N(any_of=("a/",))], ids=["needs", "any-of"])
def test_a_whole_ring_stays_while_what_leans_on_one_of_it_fails_to_go(leans: Item) -> None:
    async def run(world: World) -> None:
        await world.commit({**RING, "c/1": leans})
        await fail_to_go(world, "c/1")
        assert moves(world, dict.fromkeys(RING)) == []
        await world.commit(dict.fromkeys(RING))
        await world.commit({"c/1": None})
        assert world.southbound.ours() == {}

    play(run)


@pytest.mark.parametrize("leans", [N(needs=("a/1",)), N(any_of=("a/",))], ids=["needs", "any-of"])
def test_who_needs_what_stays_only_for_anothers_sake_is_told_for_whose(leans: Item) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(needs=("b/1",)), "b/1": N(), "c/1": leans})
        await fail_to_go(world, "c/1")
        await world.commit({"a/1": None, "b/1": None})
        plan = world.plan({"c/2": N(needs=("b/1",)), "b/2": N(needs=("a/1",))})
        assert plan is not None
        assert dict(plan.pending) == {
            "b/2": "needs a/1, which waits: c/1 still stands and needs it",
            "c/2": "needs b/1, which waits: a/1 still stands and needs it",
        }

    play(run)


def test_only_the_support_that_is_the_last_one_stays_for_what_fails_to_go() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "a/2": N(), "c/1": N(any_of=("a/",))})
        await fail_to_go(world, "c/1")
        assert moves(world, {"a/1": None}) == [("delete", "a/1")]
        await world.commit({"a/1": None})
        assert moves(world, {"a/2": None}) == []

    play(run)


def test_what_only_some_of_it_is_needed_for_goes_as_far_as_it_can() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "a/2": N(), "b/1": N(), "c/1": N(needs=("a/1",))})
        await fail_to_go(world, "c/1")
        gone = moves(world, {"a/1": None, "a/2": None, "b/1": None})
        assert gone == [("delete", "a/2"), ("delete", "b/1")]

    play(run)


def test_what_others_made_and_cannot_become_what_is_wanted_keeps_nothing_for_itself() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N()})
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N(needs=("b/1",))})
        assert world.scheduler.status("a/1").adopted
        plan = world.plan({"a/1": N(shape=1), "b/1": None})
        assert plan is not None
        assert [(one.kind, one.key) for one in plan.operations] == [("delete", "b/1")]
        assert list(plan.pending) == []
        assert "others made" in plan.invalid["a/1"]

    play(run)


def test_a_claim_is_free_for_others_where_its_holder_goes_and_one_of_several_keeps_its_own() -> (
    None
):
    async def run(world: World) -> None:
        await world.commit({"a/1": N(claims=("x", "y")), "b/1": N(claims=("z",))})
        await fail_to_go(world, "a/1")
        change: Changes = {"b/1": None, "c/1": N(claims=("z", "y")), "c/2": N(claims=("new",))}
        plan = world.plan(change)
        assert plan is not None
        assert dict(plan.pending) == {"c/1": "waits: a/1 still holds y"}
        assert moves(world, change) == [("delete", "b/1"), ("create", "c/2")]

    play(run)


def test_what_others_made_carries_what_needs_it_though_it_was_reported_broken() -> None:
    async def run(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        port = world.descriptors[0].port
        assert port is not None
        port.failed("a/1", RuntimeError("broken"))
        await world.scheduler.settle()
        assert moves(world, {"c/1": N(needs=("a/1",))}) == [("create", "c/1")]

    play(run)


def test_what_was_made_once_and_nobody_wants_carries_what_needs_it_till_it_goes() -> None:
    async def make(world: World) -> None:
        await world.commit({"a/1": N()})

    async def run(world: World) -> None:
        await world.scheduler.refresh()
        assert world.scheduler.status("a/1").state is ValueState.DISCOVERED
        plan = world.scheduler.transaction()
        plan.set("c/1", N(needs=("a/1",)))
        assert [one.key for one in plan.plan().operations] == ["c/1"]

    play(run, World(southbound=play(make).southbound.copy()))


def test_what_others_made_is_not_recreated_where_it_was_reported_broken() -> None:
    async def run(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N()})
        port = world.descriptors[0].port
        assert port is not None
        port.failed("a/1", RuntimeError("broken"))
        await world.scheduler.settle()
        assert moves(world, {"a/1": N()}) == []
        assert moves(world, {"a/1": N(data=1)}) == [("update", "a/1")]

    play(run)


@pytest.mark.parametrize("known", [False, True], ids=["never seen", "failed before"])
def test_what_a_value_derives_anew_waits_till_the_value_itself_can_change(*, known: bool) -> None:
    derives = (("b/y", N()),)

    async def run(world: World) -> None:
        await world.commit({"c/1": N(claims=("e",)), "a/1": N()})
        await fail_to_go(world, "c/1")
        if known:
            await world.commit({"b/1": N(needs=("b/y",))})
        assert moves(world, {"a/1": N(claims=("e",), derives=derives)}) == []
        await world.commit({"a/1": N(claims=("e",), derives=derives)})
        assert "b/y" not in world.southbound.held
        await world.commit({"c/1": None})
        world.check()

    play(run)


def test_a_claim_that_a_failed_call_may_have_taken_is_given_up_before_it_is_taken() -> None:
    async def run(world: World) -> None:
        world.southbound.unreadable.add("")
        world.southbound.fail("c/1", "create", when=When.AFTER_EFFECT, retriable=False)
        await world.commit({"c/1": N(claims=("e",))})
        plan = world.plan({"c/1": None, "a/1": N(claims=("e",))})
        assert plan is not None
        assert [(one.kind, one.key) for one in plan.operations] == [
            ("delete", "c/1"),
            ("create", "a/1"),
        ]
        assert list(plan.graph.edges) == [(0, 1)]

    play(run)


def test_what_is_held_is_not_forgotten_over_an_everyday_change_of_others() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "b/1": N(), "c/1": N(claims=("e",))})
        await fail_to_go(world, "c/1")
        await world.commit({"a/1": N(claims=("e",))})
        await world.commit({"b/1": N(data=1)})
        await world.commit({"c/1": None})
        assert world.southbound.ours()["a/1"] == N(claims=("e",))
        world.check()

    play(run)


def test_what_was_updated_is_undone_the_last_one_first() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "a/2": N(), "a/3": N()})
        world.southbound.fail("a/3", "update", retriable=False)
        changes = {key: N(data=1) for key in ("a/1", "a/2", "a/3")}
        result = await world.transaction(changes, revert=True).commit()
        undone = [done.operation.key for done in result.operations if done.revert]
        assert undone == ["a/2", "a/1"]
        world.check()

    play(run)


def test_a_claim_that_one_of_several_failed_calls_may_have_taken_is_not_free() -> None:
    async def run(world: World) -> None:
        world.southbound.unreadable.add("")
        for key, claim in (("c/1", "x"), ("c/2", "y")):
            world.southbound.fail(key, "create", when=When.AFTER_EFFECT, retriable=False)
            await world.commit({key: N(claims=(claim,))})
        world.southbound.fail("c/2", "delete", retriable=False)
        await world.commit({"c/2": None})
        plan = world.plan({"a/1": N(claims=("y",)), "c/1": N(claims=("x",))})
        assert plan is not None
        assert dict(plan.pending) == {"a/1": "waits: c/2 failed and may hold y"}
        assert [one.key for one in plan.operations] == ["c/1"]

    play(run)


def test_what_waits_for_a_claim_goes_with_what_it_needs_all_the_same() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(needs=("b/1",)), "b/1": N(), "c/1": N(claims=("e",))})
        await fail_to_go(world, "c/1")
        change: Changes = {"a/1": N(needs=("b/1",), claims=("e",)), "b/1": None}
        assert moves(world, change) == [("delete", "a/1"), ("delete", "b/1")]

    play(run)


def test_what_has_lost_its_descriptor_is_not_touched(tmp_path: Path) -> None:
    one, other, path = Keyed(), Keyed("b"), tmp_path / "journal"

    async def make(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "b/1": {}})

    async def take_away(stage: Stage) -> None:
        plan = stage.plan({"a/1": None, "b/1": None, "a/2": {"needs": ["b/1"]}})
        assert [(one.kind, one.key) for one in plan.operations] == [("delete", "a/1")]
        assert dict(plan.pending) == {"a/2": "needs b/1, which fails to go"}

    act(make, one, other, journal=path)
    act(take_away, one, journal=path)
