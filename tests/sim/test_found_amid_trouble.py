# SPDX-License-Identifier: Apache-2.0
"""What failures one upon the other found in the engine once, each reduced to its smallest."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kvscheduler import JournalError, ValueState
from kvscheduler.testing import (
    Fault,
    Item,
    MemoryJournal,
    SimulatedDescriptor,
    SimulatedError,
    When,
)
from tests.sim.world import World, play

N = Item


def test_an_undo_leaves_alone_what_was_to_pass_to_a_base_that_was_never_made() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N(derives=(("b/y", N()), ("f/2", N())))})
        fault = Fault(key="a/1", kind="create", error=SimulatedError(), when=When.AFTER_EFFECT)
        world.southbound.plan_fault(fault)
        moved = {"a/2": N(derives=(("f/2", N()),)), "a/3": N(derives=(("b/y", N()),))}

        result = await world.transaction({"a/1": N(), "b/1": N(), **moved}, revert=True).commit()

        done = [(one.operation.kind, one.operation.key) for one in result.operations]
        assert done == [("create", "a/1"), ("delete", "a/1")]
        assert world.scheduler.status("b/y").base == world.scheduler.status("f/2").base == "b/1"
        assert world.scheduler.status("f/2").state is ValueState.CONFIGURED

    play(run)


def test_an_undo_leaves_alone_what_has_outlived_its_support() -> None:
    async def run(world: World) -> None:
        ring = {"b/1": N(needs=("c/1",)), "c/1": N(needs=("b/1",))}
        await world.commit({**ring, "c/2": N(any_of=("c/1",))})
        world.southbound.fail("c/2", "delete", times=2)
        world.southbound.fail("b/1", "delete", when=When.AFTER_EFFECT)
        await world.commit({"b/1": None, "c/1": None, "c/2": None})

        result = await world.transaction({"c/2": None}, revert=True).commit()

        assert result.reverted
        assert set(world.southbound.ours()) == {"c/1", "c/2"}
        await world.scheduler.resync()
        assert world.southbound.ours() == {}

    play(run)


def test_what_others_made_is_theirs_again_though_the_undo_fails_on_it() -> None:
    journal = MemoryJournal()

    async def run(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        world.southbound.unreadable.add("")
        for _ in range(2):
            fault = Fault(key="a/1", kind="update", error=SimulatedError(), when=When.AFTER_EFFECT)
            world.southbound.plan_fault(fault)

        result = await world.transaction({"a/1": N(data=1)}, revert=True).commit()

        assert result.reverted
        assert journal.peek().made == {}
        world.southbound.unreadable.clear()
        await world.scheduler.resync()
        assert not world.scheduler.status("a/1").adopted
        assert world.scheduler.status("a/1").state is ValueState.OBTAINED

    play(run, World(journal=journal))


@pytest.mark.parametrize("name", ["f/1", "b/y"])
def test_what_was_to_pass_to_a_base_that_cannot_be_made_does_not_count_as_there(name: str) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(derives=((name, N()),)), "c/1": N(needs=(name,))})
        world.watch()
        world.southbound.fail("b/2", "create")
        base = N(needs=("b/2",), derives=((name, N()),))

        await world.commit({"a/1": N(data=1), "a/2": base, "b/2": N()})

        assert set(world.southbound.ours()) == {"a/1"}
        assert name not in world.scheduler.values(view="configured")
        assert world.scheduler.status("c/1").state is ValueState.PENDING
        await world.scheduler.resync()
        world.check()

    play(run)


@pytest.mark.parametrize("fact_of_before", [N(), N(data=1)])
def test_a_fact_that_has_passed_to_a_value_that_only_derives_more_stays_with_it(
    fact_of_before: Item,
) -> None:
    async def run(world: World) -> None:
        before = {"a/3": N(derives=(("f/2", fact_of_before),)), "b/2": N()}
        await world.commit({**before, "c/1": N(needs=("f/2",))})
        world.southbound.fail("a/1", "create")

        change = {"a/3": None, "b/2": N(derives=(("f/2", N()),)), "a/1": N()}
        result = await world.transaction(change).commit()

        done = sorted((one.operation.kind, one.operation.key) for one in result.operations)
        assert done == [("create", "a/1"), ("delete", "a/3")]
        assert world.scheduler.status("f/2").state is ValueState.CONFIGURED
        assert world.scheduler.values(view="configured")["f/2"] == N()

    play(run, World(loose=True))


def test_a_fact_goes_with_its_base_where_it_could_not_pass_to_another() -> None:
    async def run(world: World) -> None:
        before = {"a/3": N(derives=(("f/2", N()),)), "b/2": N(needs=("c/1",)), "c/1": N()}
        await world.commit({**before, "c/2": N(needs=("f/2",))})
        world.southbound.fail("a/1", "create")

        moved = {"a/3": None, "b/2": N(needs=("a/1",), derives=(("f/2", N()),))}
        await world.transaction({**moved, "a/1": N()}).commit()

        assert "f/2" not in world.scheduler.values(view="configured")
        assert set(world.southbound.ours()) == {"c/1"}
        await world.scheduler.resync()
        assert set(world.southbound.ours()) == {"a/1", "b/2", "c/1", "c/2"}
        assert world.scheduler.status("f/2").state is ValueState.CONFIGURED

    play(run, World(kind=_Lax))


def test_what_is_handed_back_stays_so_where_the_journal_refuses_the_undo() -> None:
    journal = MemoryJournal()
    begun: list[str] = []

    def refuse(moment: str) -> None:
        if moment == "before begin":
            begun.append(moment)
            if len(begun) == 2:
                raise JournalError("the disk is full")

    async def run(world: World) -> None:
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N(shape=1), "c/2": N()})  # refused: others made it
        world.southbound.fail("c/2", "delete", when=When.AFTER_EFFECT)
        journal.moments.append(refuse)

        with pytest.raises(JournalError):
            await world.transaction({"a/1": None, "c/2": None}, revert=True).commit()
        await world.scheduler.resync()

        assert world.scheduler.status("a/1").state is ValueState.OBTAINED
        assert not world.scheduler.status("a/1").adopted
        assert journal.peek().made == {}

    play(run, World(journal=journal))


@pytest.mark.parametrize("before", [{}, {"a/1": N(data=1)}])
def test_a_ring_goes_whole_where_it_is_a_fact_of_one_of_it_that_does_not_come(
    before: Mapping[str, Item],
) -> None:
    async def run(world: World) -> None:
        await world.commit(before)
        world.southbound.fail("a/1", "update" if before else "create")
        ring = {"a/1": N(needs=("b/1",), derives=(("f/1", N()),)), "b/1": N(needs=("f/1",))}

        result = await world.transaction(ring).commit()

        assert set(world.southbound.ours()) == before.keys()
        assert result.errors.keys() == {"a/1"}
        assert world.scheduler.status("b/1").state is ValueState.PENDING
        await world.scheduler.resync()
        assert set(world.southbound.ours()) == {"a/1", "b/1"}

    play(run)


def test_a_ring_goes_whole_where_a_claim_of_one_of_it_is_not_given_up() -> None:
    async def run(world: World) -> None:
        await world.commit({"c/1": N(claims=("x",))})
        world.southbound.fail("c/1", "delete")
        ring = {"a/1": N(needs=("b/1",), claims=("x",)), "b/1": N(needs=("a/1",))}

        await world.commit({"c/1": None, **ring})

        assert set(world.southbound.ours()) == {"c/1"}
        assert world.scheduler.status("b/1").state is ValueState.PENDING
        await world.scheduler.resync()
        assert set(world.southbound.ours()) == {"a/1", "b/1"}

    play(run)


def test_what_needs_a_fact_goes_where_that_is_lost_on_its_way_to_a_base_that_is_held_up() -> None:
    async def run(world: World) -> None:
        before = {"a/3": N(derives=(("f/2", N()),)), "b/2": N(needs=("c/1",)), "c/1": N()}
        await world.commit({**before, "c/2": N(needs=("f/2",)), "c/3": N(needs=("b/2",))})
        world.southbound.fail("a/1", "create")
        world.southbound.fail("c/3", "delete")

        moved = {"a/3": None, "b/2": N(needs=("a/1",), derives=(("f/2", N()),))}
        await world.transaction({**moved, "a/1": N(), "c/3": None}).commit()

        assert set(world.southbound.ours()) == {"b/2", "c/1", "c/3"}
        assert world.scheduler.status("c/2").state is ValueState.PENDING
        await world.scheduler.resync()
        assert set(world.southbound.ours()) == {"a/1", "b/2", "c/1", "c/2"}

    play(run, World(kind=_Lax))


class _Lax(SimulatedDescriptor):
    """What an item needs is no part of what it configures."""

    def equivalent(self, key: str, old: Item, new: Item) -> bool:
        return old.data == new.data
