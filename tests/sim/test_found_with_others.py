# SPDX-License-Identifier: Apache-2.0
"""What the simulation found where others' values are wanted, or descriptors come late."""

from __future__ import annotations

from kvscheduler import JournalError, ValueState
from kvscheduler.testing import Call, Fault, Item, MemoryJournal, SimulatedError, VirtualClock
from tests.sim.world import World, play

N = Item


def test_what_an_adopted_value_needs_is_not_kept_for_its_sake() -> None:
    async def run(world: World) -> None:
        world.southbound.add("b/1", N(), announce=True)
        await world.scheduler.settle()
        await world.transaction({"a/3": N(), "b/1": N(needs=("a/3",))}).commit()
        await world.transaction({"a/3": None, "b/1": N(shape=1)}).commit()
        assert world.southbound.held.keys() == {"b/1"}
        assert world.scheduler.status("b/1").state is ValueState.FAILED

    play(run)


def test_what_others_made_just_as_it_is_wanted_is_adopted_by_a_late_descriptor() -> None:
    async def run(world: World) -> None:
        world.southbound.add("b/1", N())
        await world.transaction({"b/1": N()}).commit()
        world.register("b")
        await world.scheduler.settle()
        assert world.scheduler.status("b/1").state is ValueState.CONFIGURED
        assert world.scheduler.status("b/1").adopted

    play(run, World(prefixes="ac"))


def test_an_adopted_value_in_doubt_that_cannot_be_read_is_left_alone() -> None:
    journal = MemoryJournal()
    first = World(journal=journal)
    left: list[World] = []

    def kill(moment: str, call: Call) -> None:
        if (moment, call.kind) == ("before effect", "update"):
            twin = first.southbound.copy(VirtualClock())
            twin.plan_fault(Fault(kind="retrieve", key="b/", error=SimulatedError()))
            left.append(World(southbound=twin, journal=journal.copy()))

    first.southbound.moments.append(kill)

    async def take_over(world: World) -> None:
        world.southbound.add("b/1", N(), announce=True)
        await world.scheduler.settle()
        await world.transaction({"b/1": N(data=1, needs=("c/1",))}).commit()

    async def look(world: World) -> None:
        await world.scheduler.settle()
        world.southbound.check()

    play(take_over, first)
    again = play(look, left[0])

    assert again.southbound.others().keys() == {"b/1"}


def test_a_registration_is_taken_up_once_the_journal_can_be_written_again() -> None:
    journal = MemoryJournal()
    full = [True]

    def refuse(moment: str) -> None:
        if moment == "before begin" and full:
            full.pop()
            raise JournalError("the disk is full")

    async def run(world: World) -> None:
        await world.transaction({"b/1": N()}).commit()
        journal.moments.append(refuse)
        world.register("b")
        await world.clock.advance(10.0)
        assert world.southbound.ours() == {"b/1": N()}

    play(run, World(prefixes="ac", journal=journal))
    assert not full


def test_a_fact_that_a_late_descriptor_finds_invalid_is_not_made_by_the_next_start() -> None:
    journal, base = MemoryJournal(), N(derives=(("b/y", N(valid=False)),))

    async def run(world: World) -> None:
        await world.transaction({"c/1": base}).commit()
        world.register("b")
        await world.scheduler.settle()
        assert world.scheduler.status("b/y").state is ValueState.INVALID

    async def look(world: World) -> None:
        await world.scheduler.settle()
        assert world.southbound.ours() == {"c/1": base}

    before = play(run, World(prefixes="ac", journal=journal))
    play(look, World(journal=journal.copy(), southbound=before.southbound.copy()))


def test_an_adopted_value_is_updated_where_only_its_recreate_would_keep_its_needs_met() -> None:
    async def run(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N(data=1, needs=("c/2",)), "c/2": N()})

        changes = {"a/1": N(data=2, needs=("b/2",)), "b/2": N(needs=("c/2",)), "c/2": N(shape=1)}
        result = await world.commit(changes)

        assert result is not None
        assert result.ok
        assert world.southbound.others() == {"a/1": changes["a/1"]}
        assert world.scheduler.status("a/1").state is ValueState.CONFIGURED

    play(run)
