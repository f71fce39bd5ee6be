# SPDX-License-Identifier: Apache-2.0
"""Law 1: what settles is the largest set of wanted values that can stand, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.testing import ConflictExpected, Item
from tests.sim.states import check_reasons, check_states
from tests.sim.world import World, play
from tests.strategies import ALL, Changes, Features, changes, features, items, stories

N = Item


@given(story=stories())
def test_after_every_transaction_exactly_what_can_stand_stands(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
            await world.scheduler.settle()
            world.check()
            check_states(world)
            check_reasons(world)

    play(run)


@given(story=stories(derives=True, invalid=True))
def test_an_engine_that_ignores_what_a_base_derives_converges_too(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
            world.southbound.check()
            mine = {k: v.bare() for k, v in world.southbound.ours().items()}
            assert mine == {k: v.bare() for k, v in world.oracle.configured().items()}

    play(run, World(loose=True))


@given(data=st.data(), on=features(properties=True))
def test_properties_that_come_and_go_take_their_dependents_with_them(
    data: st.DataObject, on: Features
) -> None:
    async def run(world: World) -> None:
        for _ in range(data.draw(st.integers(1, 5))):
            if data.draw(st.booleans()):
                await world.commit(data.draw(changes(on)))
            else:
                await _move_a_property(world, data)
            world.check()
            check_states(world)

    play(run)


async def _move_a_property(world: World, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(("a/p", "b/p")))
    derives = data.draw(st.sampled_from(((), ((f"f/{key}", N()),), ((f"{key}/x", N()),))))
    if key in world.southbound.held and data.draw(st.booleans()):
        world.southbound.remove(key, announce=True)
    else:
        value = N(data=data.draw(st.integers(0, 1)), derives=derives)
        world.southbound.add(key, value, announce=True)
    await world.scheduler.settle()


@given(change=changes(ALL), late=changes(ALL))
def test_values_whose_descriptor_comes_late_are_taken_up_then(
    change: Changes, late: Changes
) -> None:
    async def run(world: World) -> None:
        first = await world.commit(change)
        world.check()
        if first is None:
            return
        world.register("c")
        try:
            world.oracle.reconsider()
        except ConflictExpected:  # only the later key is refused then: see law 4
            return
        await world.scheduler.settle()
        world.check()
        await world.commit(late)
        world.check()

    play(run, World(prefixes="ab"))


@given(data=st.data())
def test_the_order_of_setting_makes_no_difference(data: st.DataObject) -> None:
    on = data.draw(features())
    values = data.draw(st.dictionaries(st.sampled_from(("a/1", "a/2", "b/1")), items(on)))
    order = data.draw(st.permutations(sorted(values)))

    async def one_by_one(world: World) -> None:
        for key in order:
            if await world.commit({key: values[key]}) is None:
                return
        world.check()

    play(one_by_one)


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ({}, {"a/1": N(needs=("a/2",)), "a/2": N(needs=("a/1",))}, {"a/1", "a/2"}),
        ({}, {"a/1": N(any_of=("b/",)), "b/1": N(any_of=("a/",))}, set()),
        ({"b/1": N(needs=("a/1",))}, {"a/1": N(), "b/1": None}, {"a/1"}),
        (
            {"a/1": N(derives=(("c/x", N()),))},
            {"a/1": None, "a/2": N(derives=(("c/x", N()),))},
            {"a/2", "c/x"},
        ),
        (
            {"a/1": N(), "b/1": N(needs=("a/1",))},
            {"a/1": None, "a/2": N(), "b/1": N(needs=("a/2",))},
            {"a/2", "b/1"},
        ),
        (
            {"c/1": N(), "a/1": N(any_of=(("b/", "c/"),)), "b/1": N(any_of=("a/",))},
            {"c/1": None},
            set(),
        ),
    ],
    ids=["veth pair", "any-of pair", "deleted while met", "moves", "swapped", "loses ground"],
)
def test_the_cases_that_the_law_names_end_right(
    first: Changes, second: Changes, stands: set[str]
) -> None:
    async def run(world: World) -> None:
        await world.commit(first)
        await world.commit(second)
        world.check()

    assert set(play(run).southbound.ours()) == stands
