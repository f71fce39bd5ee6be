# SPDX-License-Identifier: Apache-2.0
"""What the simulation of every failure found in the engine once, each reduced to its smallest."""

from __future__ import annotations

import pytest

from kvscheduler import RetryPolicy, ValueState
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    Call,
    Fault,
    Hang,
    Item,
    MemoryJournal,
    SimulatedError,
    VirtualClock,
    When,
)
from tests.sim.world import World, play

N = Item
RETRY = RetryPolicy(first_delay=1.0, max_delay=8.0)
AFTER = When.AFTER_EFFECT


async def _settled(world: World) -> None:
    await world.scheduler.settle()


def _fails_once(world: World, kind: str, key: str, when: When = When.BEFORE_EFFECT) -> None:
    fault = Fault(key=key, kind=kind, error=SimulatedError(), when=when)
    world.southbound.plan_fault(fault)


def _killed_at(world: World, moment: str, journal: MemoryJournal) -> list[World]:
    """Return a list that gets a world, not started yet, on what a kill at the moment leaves."""
    left: list[World] = []

    def look(now: str, call: Call) -> None:
        if f"{now} of {call.kind} {call.key}" == moment:
            twin = world.southbound.copy(VirtualClock())
            left.append(World(southbound=twin, journal=journal.copy(), marked=world.marked))

    world.southbound.moments.append(look)
    return left


def test_what_is_found_gone_after_a_crash_is_not_ours_when_others_make_it_later() -> None:
    journal = MemoryJournal()
    world = World(journal=journal, marked=False)
    left = _killed_at(world, "after effect of delete a/1", journal)

    async def make_and_delete(world: World) -> None:
        await world.commit({"a/1": N(), "a/2": N()})
        await world.commit({"a/1": None})

    play(make_and_delete, world)
    second = play(_settled, left[0])
    second.southbound.add("a/1", N(data=5))
    after = second.scheduler._supervisor._journal
    assert isinstance(after, MemoryJournal)
    third = World(southbound=second.southbound, journal=after.copy(), marked=False)
    play(_settled, third)

    assert set(after.peek().made) == {"a/2"}
    assert third.southbound.others() == {"a/1": N(data=5)}


def test_what_a_failed_recreate_has_made_all_the_same_is_in_the_journal() -> None:
    journal = MemoryJournal()

    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        _fails_once(world, "create", "a/1", AFTER)
        await world.commit({"a/1": N(shape=1)})
        assert set(world.southbound.ours()) == set(journal.peek().made) == {"a/1"}

    play(run, World(journal=journal))


def test_what_a_reverted_transaction_never_began_is_not_in_the_journal() -> None:
    journal = MemoryJournal()

    async def run(world: World) -> None:
        _fails_once(world, "create", "a/1")
        await world.commit({"a/1": N(), "a/2": N(needs=("a/1",))}, revert=True)
        assert journal.peek().made == {}

    play(run, World(journal=journal))


def test_a_call_that_hangs_during_a_recreate_is_known_to_the_journal_before_the_undo() -> None:
    journal = MemoryJournal()
    world = World(journal=journal, marked=False, kind=AsyncSimulatedDescriptor)
    left = _killed_at(world, "before effect of delete b/1", journal)

    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        hang = Hang()
        world.southbound.plan_fault(Fault(key="a/1", kind="create", hang=hang, when=AFTER))
        await world.commit({"a/1": N(shape=1), "b/1": N()}, revert=True)

    play(run, world)
    second = play(_settled, left[0])

    assert second.southbound.ours() == {"a/1": N()}


def test_killed_during_an_undo_an_invalid_wish_is_not_forgotten() -> None:
    journal = MemoryJournal()
    world = World(journal=journal)
    left = _killed_at(world, "after effect of delete a/2", journal)
    invalid = N(valid=False)

    async def run(world: World) -> None:
        await world.commit({"a/1": invalid})
        _fails_once(world, "create", "a/3")
        await world.commit({"a/1": None, "a/2": N(), "a/3": N(needs=("a/2",))}, revert=True)
        assert world.scheduler.values() == {"a/1": invalid}

    async def look(world: World) -> None:
        await world.scheduler.settle()
        assert world.scheduler.values() == {"a/1": invalid}

    play(run, world)
    play(look, left[0])


def test_an_undo_does_not_take_back_a_claim_that_a_late_call_may_hold() -> None:
    async def run(world: World) -> None:
        before = {"a/1": N(claims=("eth0",))}
        await world.commit(before)
        hang = Hang()
        world.southbound.plan_fault(Fault(key="a/2", hang=hang, when=AFTER, stubborn=True))
        await world.transaction(
            {"a/1": None, "a/2": N(claims=("eth0",))}, revert=True, retry=RETRY
        ).commit()
        world.southbound.check()
        hang.release()
        await world.clock.advance(100.0)
        world.southbound.check()
        await world.scheduler.resync("full")
        assert world.southbound.ours() == before

    play(run, World(kind=AsyncSimulatedDescriptor))


def test_nobody_takes_a_claim_that_a_late_update_may_hold() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        hang = Hang()
        world.southbound.plan_fault(Fault(key="a/1", hang=hang, when=AFTER, stubborn=True))
        await world.commit({"a/1": N(claims=("eth0",))}, retry=RETRY)
        await world.commit({"a/1": N(), "a/2": N(claims=("eth0",))}, retry=RETRY)
        assert world.scheduler.status("a/2").state is ValueState.PENDING
        hang.release()
        await world.clock.advance(100.0)
        world.check()

    play(run, World(kind=AsyncSimulatedDescriptor))


def test_a_derived_value_takes_its_claim_once_the_holder_has_given_it_up_at_the_retry() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/2": N(claims=("eth1",))})
        _fails_once(world, "update", "b/2")
        derives = (("b/y", N(claims=("eth1",))),)
        await world.commit({"b/2": N(), "c/1": N(derives=derives)}, retry=RETRY)
        await world.clock.advance(100.0)
        world.check()

    play(run)


def test_a_claim_is_taken_once_a_derived_value_that_moves_has_given_it_up_at_the_retry() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N(derives=(("c/x", N(claims=("eth1",))),))})
        _fails_once(world, "delete", "c/x")
        moved = N(derives=(("c/x", N(shape=1)),))
        await world.commit({"a/3": N(claims=("eth1",)), "b/1": None, "c/2": moved}, retry=RETRY)
        await world.clock.advance(100.0)
        world.check()

    play(run)


def test_a_fact_that_was_to_last_until_the_end_of_a_plan_goes_after_a_failure_too() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/2": N(derives=(("f/2", N()),))})
        _fails_once(world, "create", "c/x", AFTER)
        derives = (("c/x", N()),)
        await world.commit({"a/2": N(any_of=("c/x",)), "b/3": N(derives=derives)}, retry=RETRY)
        await world.clock.advance(100.0)
        world.check()
        assert world.scheduler.status("f/2").state is ValueState.NONEXISTENT

    play(run)


async def _revert_over_a_failed_value(world: World) -> None:
    """Want a/1, which fails, then change it in a transaction that fails and is undone."""
    _fails_once(world, "create", "a/1")
    await world.commit({"a/1": N()})
    _fails_once(world, "create", "b/1")
    change = {"a/1": N(data=1), "b/1": N(needs=("a/1",))}
    result = await world.transaction(change, revert=True).commit()
    assert result.reverted


def test_the_wish_for_a_value_that_had_failed_before_is_in_the_journal_after_an_undo() -> None:
    journal = MemoryJournal()

    async def run(world: World) -> None:
        await _revert_over_a_failed_value(world)
        assert world.scheduler.values() == {"a/1": N()}
        assert {key: wish.value for key, wish in journal.peek().wanted.items()} == {"a/1": N()}

    play(run, World(journal=journal))


def test_the_wish_for_a_value_that_had_failed_before_outlives_an_undo_that_fails() -> None:
    async def run(world: World) -> None:
        _fails_once(world, "delete", "a/1")
        await _revert_over_a_failed_value(world)
        assert world.scheduler.values() == {"a/1": N()}
        await world.scheduler.resync("full")
        assert world.southbound.ours() == {"a/1": N()}

    play(run)


@pytest.mark.parametrize("failing", ["b/1", "b/3"])
def test_a_ring_that_loses_its_ground_while_one_fails_to_go_goes_with_the_next_resync(
    failing: str,
) -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N(needs=("b/3",)), "b/3": N(needs=("b/1",))})
        _fails_once(world, "delete", failing)
        await world.commit({"b/1": N(any_of=("b/",)), "b/3": N(needs=("b/1",))})
        await world.scheduler.resync("full")
        world.check()

    play(run)


def test_what_a_held_up_base_derives_anew_is_made_once_the_late_call_is_over() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/3": N(derives=(("a/z", N()), ("c/x", N())))})
        world.southbound.plan_fault(Fault(key="a/z", kind="update", hang=Hang(), when=AFTER))
        kept = N(shape=1, derives=(("c/x", N(data=1)),))
        change = {"a/2": N(derives=(("a/z", N(data=1)),)), "a/3": kept}
        await world.commit(change, retry=RETRY)
        await world.clock.advance(100.0)
        world.check()

    play(run, World(kind=AsyncSimulatedDescriptor))


def test_a_circle_that_lost_its_ground_while_one_failed_to_go_goes_with_the_retry() -> None:
    async def run(world: World) -> None:
        start = {"a/2": N(any_of=("b/",)), "b/2": N(needs=("a/2",)), "b/1": N()}
        await world.commit(start, retry=RETRY)
        _fails_once(world, "delete", "b/2")
        await world.commit({"b/1": None}, retry=RETRY)
        await world.clock.advance(100.0)
        world.check()

    play(run)


def test_an_undo_brings_back_a_derived_value_that_went_for_nothing() -> None:
    async def run(world: World) -> None:
        deriving = {"b/3": N(derives=(("f/1", N()),))}
        await world.commit({**deriving, "c/1": N(derives=(("b/y", N(needs=("f/1",))),))})
        _fails_once(world, "update", "b/3")
        change = {"a/1": N(needs=("b/p",), derives=(("f/1", N()),)), "b/3": N()}
        result = await world.transaction(change, revert=True).commit()
        assert result.reverted
        world.check()

    play(run)


def test_an_undo_takes_a_fact_back_from_where_it_has_moved() -> None:
    async def run(world: World) -> None:
        ring = {"b/2": N(needs=("f/2",)), "c/1": N(needs=("b/2",), derives=(("f/2", N()),))}
        await world.commit({"a/1": N(), **ring})
        _fails_once(world, "delete", "c/1")
        change = {"a/1": N(shape=1, derives=(("f/2", N()),)), "b/2": None, "c/1": None}
        result = await world.transaction(change, revert=True).commit()
        assert result.reverted
        world.check()

    play(run)


@pytest.mark.parametrize("marked", [True, False])
def test_a_value_of_others_is_theirs_after_a_kill_while_it_is_taken_over(*, marked: bool) -> None:
    journal = MemoryJournal()
    world = World(journal=journal, marked=marked)
    left = _killed_at(world, "before effect of update a/1", journal)

    async def take_over(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.transaction({"a/1": N(data=1)}).commit()

    async def hand_back(world: World) -> None:
        await world.scheduler.settle()
        await world.transaction({"a/1": None}).commit()
        world.southbound.check()

    play(take_over, world)
    again = play(hand_back, left[0])

    assert again.southbound.others() == {"a/1": N(data=1)}
