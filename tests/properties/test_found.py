# SPDX-License-Identifier: Apache-2.0
"""What the properties found in the engine once, each reduced to its smallest."""

from __future__ import annotations

import pytest

from kvscheduler import RetryPolicy, ValueState
from kvscheduler.testing import Fault, Item, SimulatedDescriptor, SimulatedError, When
from tests.sim.world import World, check_all, play

N = Item


def test_an_any_of_may_be_met_by_what_the_value_itself_derives_while_it_goes() -> None:
    check_all(
        {"a/1": N(), "a/3": N(any_of=(("c/", "a/1"),), derives=(("c/x", N()),))},
        {"a/1": None},
    )


@pytest.mark.parametrize("leans", [N(needs=("f/2",)), N(any_of=("f/",))], ids=["needs", "any-of"])
def test_a_fact_that_moves_is_not_there_before_its_new_base(leans: Item) -> None:
    check_all(
        {"a/1": N(derives=(("f/2", N()),))},
        {"a/1": leans, "b/3": N(derives=(("f/2", N()),))},
    )


@pytest.mark.parametrize("valid", [(True, False), (False, True), (False, False), (True, True)])
def test_a_key_of_two_bases_is_refused_whichever_is_valid(valid: tuple[bool, bool]) -> None:
    check_all(
        {f"a/{number}": N(derives=(("c/x", N(valid=good)),)) for number, good in enumerate(valid)}
    )


def test_a_derived_key_that_moves_with_an_invalid_value_keeps_its_last_valid_one() -> None:
    check_all(
        {"a/1": N(), "a/2": N(derives=(("c/x", N()),))},
        {"a/1": N(derives=(("c/x", N(valid=False)),)), "a/2": N()},
    )


def test_any_of_rings_fall_with_the_property_that_grounded_them() -> None:
    async def run(world: World) -> None:
        either = N(any_of=(("a/", "b/"),))
        await world.commit({"a/3": either, "b/2": either})
        world.southbound.add("b/p", N(), announce=True)
        await world.scheduler.settle()
        assert set(world.southbound.ours()) == {"a/3", "b/2"}
        world.southbound.remove("b/p", announce=True)
        await world.scheduler.settle()
        world.check()

    play(run)


def test_an_adopted_value_that_begins_to_derive_is_not_recreated_either() -> None:
    async def run(world: World) -> None:
        world.southbound.add("a/2", N(data=5))
        await world.scheduler.resync("full")
        await world.commit({"a/2": N(derives=(("c/x", N()),), shape=1)})
        world.southbound.check()

    play(run)


def test_a_label_that_cannot_be_told_costs_nothing_but_the_label() -> None:
    class Nameless(SimulatedDescriptor):
        def label(self, key: str) -> str:
            raise LookupError(key)

    world = World(prefixes="ab")
    world.scheduler.register(Nameless(world.southbound, "c", "c/"))

    async def run(world: World) -> None:
        await world.transaction({"c/1": N(), "a/1": N(needs=("c/1",))}).commit()
        assert set(world.southbound.ours()) == {"a/1", "c/1"}

    play(run, world)


def test_a_value_may_give_up_the_fact_that_it_needed_itself() -> None:
    # Its own fact goes with the very update, so no moment between can be looked at.
    async def run(world: World) -> None:
        await world.commit({"a/3": N(needs=("f/2",), derives=(("f/2", N()),))})
        result = await world.commit({"a/3": N(data=1)})
        assert result is not None
        assert [(one.operation.kind, one.error) for one in result.operations] == [("update", None)]
        world.check()

    play(run)


@pytest.mark.parametrize("either", [("a/", "b/"), ("a/",)], ids=["own kind too", "others only"])
def test_a_ring_waits_for_the_any_of_of_each_member(either: tuple[str, ...]) -> None:
    check_all(
        {"a/1": N(), "b/2": N(needs=("c/1",), any_of=(either,)), "c/1": N(needs=("b/2",))},
    )


def test_a_ring_that_is_recreated_is_gone_before_it_is_made_again() -> None:
    check_all(
        {"b/2": N(needs=("c/1",), shape=1), "b/3": N(needs=("c/1",)), "c/1": N(needs=("b/2",))},
        {"b/2": N()},
    )


def test_a_value_that_was_lost_and_cannot_come_back_says_what_it_waits_for() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N(), "b/2": N(needs=("b/1",))})
        world.southbound.plan_fault(
            Fault(key="b/2", kind="delete", error=SimulatedError(), when=When.AFTER_EFFECT)
        )
        await world.commit({"b/1": None})
        await world.clock.advance(100.0)
        status = world.scheduler.status("b/2")
        assert status.state in {ValueState.PENDING, ValueState.MISSING}
        assert [one.key for one in status.unmet] == ["b/1"]

    play(run, World(retry=RetryPolicy()))
