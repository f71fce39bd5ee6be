# SPDX-License-Identifier: Apache-2.0
"""What could not be touched stays, with all that it needs, until it can be."""

from __future__ import annotations

import pytest

from kvscheduler import ValueState
from kvscheduler.testing import Item
from tests.sim.world import World, play
from tests.strategies import Changes

N = Item


async def stick(world: World, kind: str, changes: Changes) -> None:
    """Commit changes of which the one call of a kind fails for good."""
    world.southbound.fail("", kind, retriable=False)
    result = await world.commit(changes)
    assert result is not None
    assert [one.operation.kind for one in result.operations if one.error] == [kind]


async def mend(world: World, changes: Changes) -> None:
    """Commit changes that try again what is stuck, and check that all ends well."""
    await world.commit(changes)
    await world.scheduler.settle()
    world.check()


@pytest.mark.parametrize("leans", [N(needs=("a/1",)), N(any_of=("a/",))], ids=["needs", "any-of"])
def test_what_a_stuck_value_leans_on_is_not_taken_away(leans: Item) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "b/1": leans})
        await stick(world, "delete", {"b/1": None})
        plan = world.plan({"a/1": None})
        assert plan is not None
        assert plan.is_empty
        await world.commit({"a/1": None})
        assert set(world.southbound.ours()) == {"a/1", "b/1"}
        await mend(world, {"b/1": None})
        assert world.southbound.ours() == {}

    play(run)


def test_of_two_stuck_values_the_last_to_go_lets_go_of_what_both_need() -> None:
    async def run(world: World) -> None:
        leans = N(needs=("a/1",))
        await world.commit({"a/1": N(), "b/1": leans, "b/2": leans})
        await stick(world, "delete", {"b/1": None})
        await stick(world, "delete", {"b/2": None})
        await world.commit({"a/1": None})
        assert set(world.southbound.ours()) == {"a/1", "b/1", "b/2"}
        await world.commit({"b/1": None})
        assert set(world.southbound.ours()) == {"a/1", "b/2"}
        await mend(world, {"b/2": None})
        assert world.southbound.ours() == {}

    play(run)


def test_a_standing_value_stays_as_it_is_while_a_stuck_one_holds_what_it_is_to_claim() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(claims=("e",)), "b/1": N()})
        await stick(world, "delete", {"a/1": None})
        plan = world.plan({"b/1": N(claims=("e",))})
        assert plan is not None
        assert plan.is_empty
        assert "a/1 still holds e" in plan.pending["b/1"]
        await world.commit({"b/1": N(claims=("e",))})
        assert world.southbound.ours()["b/1"] == N()
        await mend(world, {"a/1": None})
        assert world.southbound.ours() == {"b/1": N(claims=("e",))}

    play(run)


def test_what_a_stuck_value_needs_is_not_recreated_before_that_has_been_mended() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "b/1": N(needs=("a/1",))})
        await stick(world, "update", {"b/1": N(data=1, needs=("a/1",))})
        await world.commit({"a/1": N(shape=1)})
        assert world.southbound.ours()["a/1"] == N()
        assert world.scheduler.status("b/1").state is ValueState.FAILED
        await mend(world, {"b/1": N(data=1, needs=("a/1",))})
        assert world.southbound.ours()["a/1"] == N(shape=1)

    play(run)
