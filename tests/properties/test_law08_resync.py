# SPDX-License-Identifier: Apache-2.0
"""Law 8: a resync repairs any drift, and touches nothing that was right nor what others made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler import ValueState
from kvscheduler.testing import Item, NotificationFaults, Unit
from tests.sim.drift import drift
from tests.sim.world import World, play
from tests.strategies import NORTH, Changes, Features, changes, stories

N = Item


def touchable(units: dict[str, Unit], moved: set[str]) -> set[str]:
    """Return what moved and all that leans on it, however indirectly."""
    reach = set(moved)
    while True:
        more = {
            key
            for key, unit in units.items()
            if key not in reach
            and (
                reach & set(unit.holds_on_to())
                or any(one.matches(other) for one in unit.any_of for other in reach)
            )
        }
        if not more:
            return reach
        reach |= more


@given(story=stories(most=3, claims=False), data=st.data(), marked=st.booleans())
def test_after_any_drift_a_resync_ends_in_law_1_and_touches_only_what_moved(
    story: tuple[Features, list[Changes]], data: st.DataObject, marked: bool
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        moved = set[str]()
        for _ in range(data.draw(st.integers(0, 4))):
            moved |= drift(world, data)
        others, begun = world.properties(), len(world.southbound.log)

        kind = data.draw(st.sampled_from(("full", "downstream")))
        result = await world.scheduler.resync(kind)
        await world.scheduler.settle()

        world.check()
        assert set(result.errors) <= world.oracle.invalid()
        assert world.properties() == others
        events = world.southbound.log[begun:]
        called = {event.key for event in events if event.phase == "start"}
        assert called <= touchable(world.oracle.units(), moved)
        calls = [event for event in world.southbound.log if event.phase == "start"]
        await world.scheduler.resync("full")
        assert [e for e in world.southbound.log if e.phase == "start"] == calls

    play(run, World(marked=marked))


@given(story=stories(most=3), data=st.data())
def test_a_full_resync_with_values_wants_just_these(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        for _ in range(data.draw(st.integers(0, 2))):
            drift(world, data)
        change = data.draw(changes(story[0]))
        values = {key: value for key, value in change.items() if value is not None}
        gone = {key: None for key in world.oracle.wanted if key not in values}
        ahead = world.ahead({**gone, **values})
        if ahead is None:
            return
        kind = data.draw(st.sampled_from(("full", "upstream")))
        if kind == "upstream":
            await world.scheduler.refresh()
        world.oracle = ahead

        await world.transaction(values, resync=kind).commit()
        await world.scheduler.settle()

        world.check()

    play(run)


@given(story=stories(most=3, claims=False), data=st.data())
def test_drift_that_is_announced_is_repaired_at_once(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
            drift(world, data, announce=True)
            await world.scheduler.settle()
            world.check()

    play(run)


@given(story=stories(most=3, claims=False), data=st.data(), seed=st.integers(0, 99))
def test_notifications_that_are_lost_doubled_or_late_are_made_good_by_a_resync(
    story: tuple[Features, list[Changes]], data: st.DataObject, seed: int
) -> None:
    async def run(world: World) -> None:
        world.southbound.notification_faults = NotificationFaults(
            lost=0.3, doubled=0.3, overtaken=0.3
        )
        for change in story[1]:
            await world.commit(change)
            for _ in range(3):
                drift(world, data, announce=True)
        await world.scheduler.settle()
        await world.scheduler.resync("full")
        await world.scheduler.settle()
        world.check()

    play(run, World(seed=seed))


@given(story=stories(most=3, claims=False), data=st.data())
def test_after_a_refresh_the_next_transaction_repairs(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        drift(world, data)
        begun = len(world.southbound.log)
        await world.scheduler.refresh()
        calls = world.southbound.log[begun:]
        assert all(event.phase == "retrieve" for event in calls)
        await world.commit({})
        world.check()

    play(run)


@given(story=stories(most=3), data=st.data())
def test_retrieve_changes_nothing(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        drift(world, data)
        before = world.scheduler.statuses()
        found = await world.scheduler.retrieve()
        assert world.scheduler.statuses() == before
        there = {
            k: one.value for p in ("a/", "b/", "c/") for k, one in world.southbound.retrieve(p)
        }
        assert {key: one.value for key, one in found.items()} == there

    play(run)


@given(story=stories(most=3), data=st.data())
def test_nothing_is_concluded_of_what_cannot_be_read(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        prefix = data.draw(st.sampled_from(("a/", "b/", "c/", "a/1")))
        world.southbound.unreadable.add(prefix)
        begun = len(world.southbound.log)

        await world.scheduler.resync("full")

        assert [e for e in world.southbound.log[begun:] if e.phase == "start"] == []
        world.check()

    play(run)


def adopted(world: World) -> World:
    world.southbound.add("a/1", N(data=1))
    return world


def test_an_adopted_value_is_updated_in_place_and_handed_back() -> None:
    async def run(world: World) -> None:
        await world.scheduler.resync("full")
        await world.commit({"a/1": N(data=2)})
        assert world.southbound.others() == {"a/1": N(data=2)}
        assert world.scheduler.status("a/1").adopted
        assert world.scheduler.status("a/1").state is ValueState.CONFIGURED

        await world.commit({"a/1": None})

        assert world.southbound.others() == {"a/1": N(data=2)}
        assert world.scheduler.status("a/1").state is ValueState.OBTAINED
        world.southbound.check()

    play(run, adopted(World()))


def test_an_adopted_value_is_never_recreated_and_the_change_fails_and_says_so() -> None:
    async def run(world: World) -> None:
        await world.scheduler.resync("full")
        await world.commit({"a/1": N(data=1)})
        result = await world.commit({"a/1": N(data=2, shape=1)})
        assert result is not None
        assert set(result.errors) == {"a/1"}
        assert "recreate" in str(result.errors["a/1"])
        assert world.southbound.others() == {"a/1": N(data=1)}
        world.southbound.check()

    play(run, adopted(World()))


@given(data=st.data(), story=stories(most=4, claims=False))
def test_what_others_made_first_is_never_deleted_nor_recreated(
    data: st.DataObject, story: tuple[Features, list[Changes]]
) -> None:
    async def run(world: World) -> None:
        mine = data.draw(st.sets(st.sampled_from(NORTH), max_size=3))
        for key in sorted(mine):
            world.southbound.add(key, N(data=5), announce=data.draw(st.booleans()))
        await world.scheduler.resync("full")
        for change in story[1]:
            await world.commit(change)
            if data.draw(st.booleans()):
                await world.scheduler.resync("full")
        await world.scheduler.settle()
        world.southbound.check()
        assert set(world.southbound.others()) == mine

    play(run)


@pytest.mark.parametrize("kind", ["full", "downstream"])
def test_what_the_northbound_once_made_and_wants_no_longer_goes_in_a_resync(kind: str) -> None:
    old = World()

    async def make(world: World) -> None:
        await world.commit({"a/1": N(derives=(("c/x", N()),)), "b/1": N(needs=("c/x",))})

    async def resync(world: World) -> None:
        world.oracle.change({"b/2": N()})
        await world.transaction({"b/2": N()}, resync="full").commit()
        world.check()

    play(make, old)
    play(resync, World(southbound=old.southbound.copy()))
