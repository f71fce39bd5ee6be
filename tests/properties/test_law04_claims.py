# SPDX-License-Identifier: Apache-2.0
"""Law 4: an exclusive thing is given up before it is taken, and never wanted twice."""

from __future__ import annotations

import pytest
from hypothesis import given

from kvscheduler import ClaimConflict, ValueState
from kvscheduler.testing import Item
from tests.sim.world import World, play
from tests.strategies import NORTH, Changes, Features, changes, stories

N = Item


@given(story=stories(claims=True))
def test_claims_are_exclusive_at_every_moment(story: tuple[Features, list[Changes]]) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            plan = world.plan(change)
            if plan is not None:
                assert world.order_problems(plan, change) == []
                await world.commit(change)
            world.check()

    play(run)


@given(
    first=changes(Features(), keys=(*NORTH, "c/x", "b/y"), most=4),
    second=changes(Features(), keys=(*NORTH, "c/x", "b/y"), most=4),
)
def test_what_is_wanted_twice_is_refused_before_anything_is_touched(
    first: Changes, second: Changes
) -> None:
    async def run(world: World) -> None:
        await world.commit(first)
        log, revision = len(world.southbound.log), world.scheduler.statuses()
        if await world.commit(second) is None:
            assert len(world.southbound.log) == log
            assert world.scheduler.statuses() == revision
        world.check()

    play(run)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"a/1": N(claims=("c",)), "b/1": N(claims=("c",))}, {"a/1", "b/1"}),
        ({"a/1": N(derives=(("c/x", N()),)), "c/x": N()}, {"a/1", "c/x"}),
        ({"a/1": N(derives=(("c/x", N()),)), "a/2": N(derives=(("c/x", N()),))}, {"a/1", "a/2"}),
    ],
)
def test_a_refusal_names_both_keys(values: Changes, names: set[str]) -> None:
    async def run(world: World) -> None:
        with pytest.raises(ClaimConflict) as planned:
            world.transaction(values).plan()
        with pytest.raises(ClaimConflict) as committed:
            await world.transaction(values).commit()
        assert set(planned.value.keys) == set(committed.value.keys) == names

    play(run)


def test_the_taker_waits_while_the_holder_fails_to_go() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(claims=("c",))})
        world.southbound.fail("a/1", "delete", times=None)

        result = await world.commit({"a/1": None, "b/1": N(claims=("c",))})

        assert result is not None
        assert set(result.errors) == {"a/1"}
        assert world.scheduler.status("b/1").state is ValueState.PENDING
        assert set(world.southbound.ours()) == {"a/1"}
        world.southbound.check()

    play(run)


def test_in_a_resync_only_the_later_key_is_refused() -> None:
    async def run(world: World) -> None:
        values = {"a/1": N(claims=("c",)), "b/1": N(claims=("c",))}
        result = await world.transaction(values, resync="full").commit()

        assert result.operations
        assert set(world.southbound.ours()) == {"a/1"}
        status = world.scheduler.status("b/1")
        assert status.state is ValueState.INVALID
        assert "a/1" in str(status.error)
        assert "b/1" in str(status.error)

    play(run)
