# SPDX-License-Identifier: Apache-2.0
"""Facts come and go with the operation of their base, and only if that succeeds."""

from __future__ import annotations

import pytest

from kvscheduler import ValueState
from kvscheduler.testing import Item
from tests.sim.world import World, play

N = Item
BASE = N(derives=(("f/1", N()),))
OTHERS = {"b/1": N(), "b/2": N(), "c/1": N()}
STANDS, PENDING = ValueState.CONFIGURED, ValueState.PENDING


def state(world: World, key: str) -> ValueState:
    """Return where a value stands."""
    return world.scheduler.status(key).state


@pytest.mark.parametrize("others", [{}, OTHERS], ids=["alone", "with others"])
@pytest.mark.parametrize("is_resync", [False, True])
def test_a_fact_of_what_could_not_be_made_does_not_stand(
    others: dict[str, Item], is_resync: bool
) -> None:
    async def run(world: World) -> None:
        world.southbound.fail("a/1", "create", retriable=False)
        changes = {"a/1": BASE, "c/2": N(needs=("f/1",)), **others}
        await world.transaction(changes, resync="full" if is_resync else None).commit()
        assert state(world, "f/1") is PENDING
        assert sorted(world.southbound.ours()) == sorted(others)

    play(run)


@pytest.mark.parametrize("others", [{}, OTHERS], ids=["alone", "with others"])
def test_a_fact_that_comes_with_an_update_does_not_where_that_fails(
    others: dict[str, Item],
) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        world.southbound.fail("a/1", "update", retriable=False)
        await world.commit({"a/1": BASE, "c/2": N(needs=("f/1",)), **others})
        assert state(world, "f/1") is PENDING
        assert "c/2" not in world.southbound.ours()

    play(run)


def test_a_fact_that_goes_with_a_delete_stays_where_that_fails() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": BASE, "c/2": N(needs=("f/1",))})
        world.southbound.fail("a/1", "delete", retriable=False)
        await world.commit({"a/1": None, "b/1": N()})
        assert state(world, "c/2") is PENDING
        world.southbound.heal()
        await world.commit({"a/1": BASE})
        assert state(world, "c/2") is STANDS
        world.check()

    play(run)


def test_a_fact_whose_base_takes_no_operation_comes_whatever_else_fails() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        world.southbound.fail("", "create", retriable=False, times=None)
        await world.commit({"a/1": BASE, **OTHERS})
        assert state(world, "f/1") is STANDS
        assert [state(world, key) for key in OTHERS] == [ValueState.FAILED] * len(OTHERS)

    play(run, World(loose=True))


def test_what_needs_a_fact_follows_it_to_the_base_that_it_moves_to() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": BASE, "a/2": N(), "c/2": N(needs=("f/1",))})
        plan = world.plan({"a/1": None, "a/2": BASE})
        assert plan is not None
        assert [(one.kind, one.key) for one in plan.operations] == [
            ("update", "a/2"),
            ("delete", "a/1"),
        ]
        assert list(plan.graph.edges) == [(0, 1)]
        await world.commit({"a/1": None, "a/2": BASE})
        world.check()

    play(run)
