# SPDX-License-Identifier: Apache-2.0
"""Law 5: with revert, a transaction that fails leaves everything as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler import TransactionResult, ValueState
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    Fault,
    Item,
    SimulatedDescriptor,
    SimulatedError,
    When,
)
from tests.sim.states import must_revert, states
from tests.sim.world import World, play
from tests.strategies import Changes, Features, changes, features, stories

N = Item
KINDS = st.sampled_from((SimulatedDescriptor, AsyncSimulatedDescriptor))


@given(
    story=stories(most=2, invalid=False),
    data=st.data(),
    kind=KINDS,
    at=st.integers(0, 6),
    when=st.sampled_from(When),
)
def test_a_failure_anywhere_leaves_the_same_values_in_the_same_states(
    story: tuple[Features, list[Changes]],
    data: st.DataObject,
    kind: type[SimulatedDescriptor],
    at: int,
    when: When,
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        change = data.draw(changes(story[0]))
        plan = world.plan(change)
        if plan is None or at >= len(plan.operations):
            return
        doomed = plan.operations[at]
        before, oracle = states(world), world.oracle
        due = must_revert(world, change, doomed.key)
        world.southbound.plan_fault(
            Fault(key=doomed.key, kind=doomed.kind, error=SimulatedError(), when=when)
        )

        result = await world.commit(change, revert=True)
        await world.scheduler.settle()

        world.southbound.check()
        assert result is not None
        assert doomed.key in result.errors
        assert result.reverted is due
        if due:
            assert states(world) == before
            world.oracle = oracle
            world.check()

    play(run, World(kind=kind))


@given(
    story=stories(most=2),
    data=st.data(),
    kind=KINDS,
    when=st.sampled_from(When),
)
def test_an_undo_on_top_of_a_failure_leaves_the_same_values_in_the_same_states(
    story: tuple[Features, list[Changes]],
    data: st.DataObject,
    kind: type[SimulatedDescriptor],
    when: When,
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        await _fail(world, data.draw(changes(story[0])), data.draw(st.integers(0, 4)), when)
        before, wanted = states(world), world.scheduler.values()

        change, at = data.draw(changes(story[0])), data.draw(st.integers(0, 6))
        result = await _fail(world, change, at, when, revert=True)

        world.southbound.check()
        if result is None or not result.reverted:
            return
        if not any(one.revert and one.error for one in result.operations):
            assert states(world) == before
            assert world.scheduler.values() == wanted

    play(run, World(kind=kind))


async def _fail(
    world: World, change: Changes, at: int, when: When, *, revert: bool = False
) -> TransactionResult | None:
    """Commit a change of which one operation fails; None where it is refused."""
    plan = world.plan(change)
    if plan is not None and at < len(plan.operations):
        doomed = plan.operations[at]
        world.southbound.plan_fault(
            Fault(key=doomed.key, kind=doomed.kind, error=SimulatedError(), when=when)
        )
    return await world.commit(change, revert=revert)


@given(story=stories(most=2, invalid=False), data=st.data())
def test_an_invalid_value_is_refused_before_anything_is_touched(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        change = data.draw(changes(story[0]))
        change["a/1"] = N(data=9, valid=False)
        if world.ahead(change) is None:
            return
        before, calls = states(world), len(world.southbound.log)

        result = await world.transaction(change, revert=True).commit()

        assert set(result.errors) >= {"a/1"}
        assert len(world.southbound.log) == calls
        assert states(world) == before

    play(run)


@given(story=stories(most=2, invalid=False))
def test_a_revert_transaction_in_which_nothing_fails_is_like_any_other(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change, revert=True)
            world.check()

    play(run)


@given(on=features(), data=st.data())
def test_what_the_undo_could_not_undo_is_reported(on: Features, data: st.DataObject) -> None:
    async def run(world: World) -> None:
        await world.commit({"b/2": N()})
        southbound = world.southbound
        southbound.fail("b/1", "create")
        southbound.fail("a/1", "delete", times=None)

        result = await world.transaction(
            {"a/1": N(), "b/1": N(needs=("a/1",))}, revert=True
        ).commit()

        assert set(result.errors) == {"a/1", "b/1"}
        assert set(southbound.ours()) == {"a/1", "b/2"}
        assert world.scheduler.status("a/1").state in {ValueState.FAILED, ValueState.RETRYING}

    play(run)


@pytest.mark.parametrize("resync", ["full", "upstream", "downstream"])
def test_revert_with_a_resync_is_a_value_error(resync: str) -> None:
    async def run(world: World) -> None:
        with pytest.raises(ValueError, match="revert"):
            await world.scheduler.transaction(resync=resync, revert=True).commit()

    play(run)
