# SPDX-License-Identifier: Apache-2.0
"""Law 3: no operation more than the change takes, and no recreate that could be spared."""

from __future__ import annotations

from hypothesis import given

from kvscheduler.testing import Item
from tests.sim.world import World, play
from tests.strategies import Changes, Features, stories

N = Item


@given(story=stories())
def test_plans_do_what_is_due_and_no_recreate_can_be_spared(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            plan = world.plan(change)
            if plan is not None:
                assert world.work_problems(plan, change) == []
                await world.commit(change)

    play(run)


@given(story=stories(claims=True, any_of=False, invalid=False))
def test_rings_of_claims_are_opened_with_the_fewest_recreates(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            plan = world.plan(change)
            if plan is not None:
                assert world.work_problems(plan, change) == []
                await world.commit(change)

    play(run)


@given(story=stories(most=3))
def test_what_is_set_again_as_it_is_needs_nothing(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        plan = world.transaction(world.oracle.wanted).plan()
        assert plan.is_empty
        calls = len(world.southbound.log)
        await world.scheduler.settle()
        assert len(world.southbound.log) == calls

    play(run)


def recreated(first: Changes, second: Changes) -> list[str]:
    """Return the keys that are recreated on the way from one state to another."""
    keys: list[str] = []

    async def run(world: World) -> None:
        await world.commit(first)
        plan = world.plan(second)
        assert plan is not None
        keys.extend(op.key for op in plan.operations if op.recreate and op.kind == "delete")
        assert world.order_problems(plan, second) == []
        assert world.work_problems(plan, second) == []
        await world.commit(second)
        world.check()

    play(run)
    return keys


def test_of_two_that_swap_claims_the_smaller_key_is_recreated() -> None:
    first: Changes = {"a/1": N(claims=("c",)), "a/2": N(claims=("d",))}
    second: Changes = {"a/1": N(claims=("d",)), "a/2": N(claims=("c",))}

    assert recreated(first, second) == ["a/1"]


def test_of_three_that_pass_claims_round_only_the_smallest_key_is_recreated() -> None:
    first: Changes = {f"a/{n}": N(claims=(f"c{n}",)) for n in (1, 2, 3)}
    second: Changes = {f"a/{n}": N(claims=(f"c{n % 3 + 1}",)) for n in (1, 2, 3)}

    assert recreated(first, second) == ["a/1"]


def test_a_recreate_that_is_due_anyway_opens_the_ring_and_spares_the_other() -> None:
    first: Changes = {"a/1": N(claims=("c",)), "a/2": N(claims=("d",))}
    second: Changes = {"a/1": N(claims=("d",)), "a/2": N(claims=("c",), shape=1)}

    assert recreated(first, second) == ["a/2"]


def test_a_derived_key_that_moves_to_another_base_is_not_touched() -> None:
    derives = (("c/x", N()),)
    first: Changes = {"a/1": N(derives=derives), "b/1": N(needs=("c/x",))}
    second: Changes = {"a/1": None, "a/2": N(derives=derives)}

    assert recreated(first, second) == []
