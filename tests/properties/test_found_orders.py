# SPDX-License-Identifier: Apache-2.0
"""Orders that were hard to find, or that there are none of, each reduced to its smallest."""

from __future__ import annotations

import itertools

from kvscheduler.testing import Item, Replay
from tests.sim.world import World, check_all, play
from tests.strategies import Changes

N = Item


def test_an_any_of_outlasts_one_update_that_swaps_its_only_facts_by_a_recreate() -> None:
    plans = check_all(
        {"a/1": N(derives=(("f/1", N()),)), "c/1": N(any_of=("f/",))},
        {"a/1": N(derives=(("f/2", N()),))},
    )

    assert plans[1] == [("delete", "c/1"), ("update", "a/1"), ("create", "c/1")]


def test_a_fact_that_moves_against_a_claim_has_what_needs_it_recreated() -> None:
    base = N(derives=(("f/1", N()),), claims=("e",))
    plans = check_all({"a/1": base, "c/1": N(needs=("f/1",))}, {"a/1": None, "b/1": base})

    gone, made = [("delete", "c/1"), ("delete", "a/1")], [("create", "b/1"), ("create", "c/1")]
    assert plans[1] == gone + made


def test_a_ring_that_stands_is_left_alone_when_another_one_comes() -> None:
    ring: Changes = {"a/1": N(needs=("b/1",)), "b/1": N(needs=("a/1",))}
    other: Changes = {"a/2": N(needs=("b/2",)), "b/2": N(needs=("a/2",))}
    plans = check_all(ring, {**other, "c/1": N(needs=("a/1",))})

    assert sorted(plans[1]) == [("create", "a/2"), ("create", "b/2"), ("create", "c/1")]


def test_what_moves_beside_a_ring_of_claims_is_not_recreated_for_it() -> None:
    moved, leans = N(derives=(("c/x", N()),)), N(any_of=(("c/1", "c/2"),))
    ring: Changes = {"a/1": N(claims=("c",)), "a/2": N(claims=("d",))}
    swapped: Changes = {"a/1": N(claims=("d",)), "a/2": N(claims=("c",))}
    plans = check_all(
        {**ring, "b/1": moved, "b/2": leans, "c/1": N()},
        {**swapped, "b/1": None, "b/3": moved, "c/1": None, "c/2": N()},
    )

    assert {key for kind, key in plans[1] if kind == "delete"} == {"a/1", "b/1", "c/1"}


def test_a_large_change_keeps_the_last_support_as_long_as_a_small_one() -> None:
    story: Changes = {"b/1": N(any_of=("c/",)), "c/1": N(), "c/2": N(needs=("b/1",))}
    strangers: Changes = {f"a/x{number}": N() for number in range(16)}
    small = check_all(story, dict.fromkeys(story))
    large = check_all({**story, **strangers}, dict.fromkeys({**story, **strangers}))

    assert small[1] == [one for one in large[1] if one[1] in story]
    assert small[1] == [("delete", "c/2"), ("delete", "b/1"), ("delete", "c/1")]


def test_the_fact_that_goes_with_an_update_holds_nothing_up_before_it() -> None:
    plans = check_all(
        {
            "b/2": N(any_of=("f/",), derives=(("f/2", N()),)),
            "b/3": N(claims=("e",), derives=(("f/1", N()),)),
        },
        {"b/2": N(claims=("e",)), "b/3": N()},
    )

    assert plans[1] == [("delete", "b/2"), ("update", "b/3"), ("create", "b/2")]


def test_an_any_of_that_nothing_can_keep_costs_no_other_one_its_support() -> None:
    kept: Changes = {
        "a/1": N(any_of=(("b/2", "a/p"),)),
        "b/2": N(any_of=("a/1",)),
        "b/1": N(any_of=("c/",)),
    }

    async def run(world: World) -> None:
        world.southbound.add("a/p", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({**kept, "c/2": N()})
        world.southbound.remove("a/p")
        result = await world.transaction({**kept, "c/3": N()}, resync="full").commit()
        done = [one.operation.key for one in result.operations]
        assert sorted(done) == ["a/1", "b/2", "c/2", "c/3"]
        assert done.index("c/3") < done.index("c/2")

    play(run)


def test_two_that_held_each_other_up_on_what_has_vanished_cannot_go_in_order() -> None:
    pair: Changes = {"a/1": N(any_of=(("b/2", "a/p"),)), "b/2": N(any_of=("a/1",))}

    async def run(world: World) -> None:
        world.southbound.add("a/p", N(), announce=True)
        await world.scheduler.settle()
        await world.commit(pair)
        before, begun = world.stand(), len(world.southbound.log)
        world.southbound.remove("a/p")
        await world.scheduler.resync("full")

        world.check()
        steps = [one for one in world.southbound.log[begun:] if one.phase == "start"]
        assert sorted(one.key for one in steps) == ["a/1", "b/2"]
        for order in itertools.permutations(steps):
            assert Replay(world.rules, before, {}).run(order)

    play(run)


def test_facts_of_a_base_that_needs_no_update_come_at_once_and_leave_last() -> None:
    deriving: Changes = {"b/3": N(derives=(("f/1", N()),))}

    async def run(world: World) -> None:
        await world.commit({"b/3": N()})
        result = await world.commit({**deriving, "a/1": N(any_of=("f/",)), "a/2": N()})
        assert result is not None
        assert [one.operation.key for one in result.operations] == ["a/1", "a/2"]
        result = await world.commit({"b/3": N(), "a/1": N(data=1)})
        assert result is not None
        assert [one.operation.kind for one in result.operations] == ["update"]

    play(run, World(loose=True))


def test_two_rings_are_opened_each_by_its_smallest_key() -> None:
    first: Changes = {f"{name}/{at}": N(claims=(f"{name}{at}",)) for name in "ab" for at in (1, 2)}
    second: Changes = {
        f"{name}/{at}": N(claims=(f"{name}{3 - at}",)) for name in "ab" for at in (1, 2)
    }
    plans = check_all(first, second)

    assert {key for kind, key in plans[1] if kind == "delete"} == {"a/1", "b/1"}


def test_a_recreate_that_a_later_one_makes_superfluous_is_taken_back() -> None:
    # a/1 alone would open its ring with a/2, but a/2 opens that one and its ring with a/3.
    plans = check_all(
        {"a/1": N(claims=("1",)), "a/2": N(claims=("2", "3")), "a/3": N(claims=("4",))},
        {"a/1": N(claims=("2",)), "a/2": N(claims=("1", "4")), "a/3": N(claims=("3",))},
    )

    assert {key for kind, key in plans[1] if kind == "delete"} == {"a/2"}
