# SPDX-License-Identifier: Apache-2.0
"""Law 1 by example: rings of values that stand together or not at all, whatever else waits."""

from __future__ import annotations

import pytest

from kvscheduler.testing import Item
from tests.sim.world import World, check_all, play
from tests.strategies import Changes

N = Item
RING: Changes = {"a/1": N(needs=("b/1",)), "b/1": N(needs=("a/1",))}
CREATED = [("create", "a/1"), ("create", "b/1")]


def test_a_ring_that_leans_on_another_one_stands_at_once() -> None:
    second: Changes = {"a/2": N(needs=("b/2",), any_of=("b/1",)), "b/2": N(needs=("a/2",))}

    (plan,) = check_all({**RING, **second})

    assert sorted(plan) == [("create", key) for key in ("a/1", "a/2", "b/1", "b/2")]


@pytest.mark.parametrize("key", ["c/1", "a/0", "b/0"])
def test_a_ring_stands_beside_a_chain_that_waits_for_what_nobody_wants(key: str) -> None:
    (plan,) = check_all({**RING, key: N(needs=("a/none",)), "c/2": N(needs=(key,))})

    assert plan == CREATED


def test_a_ring_that_waited_for_a_value_closes_though_others_made_what_needs_it() -> None:
    waiting: Changes = {"a/1": N(needs=("b/1", "c/1")), "b/1": N(needs=("a/1",))}

    async def run(world: World) -> None:
        world.southbound.add("b/p", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({**waiting, "b/p": N(needs=("a/1",))})
        plan = world.plan({"c/1": N()})
        assert plan is not None
        keys = [one.key for one in plan.operations if one.key != "b/p"]
        assert sorted(keys) == ["a/1", "b/1", "c/1"]

    play(run)


def test_a_ring_with_a_derived_value_in_it_waits_for_all_that_its_members_need() -> None:
    base = N(derives=(("b/y", N(needs=("c/1",))),), needs=("c/2",))

    plans = check_all({"a/1": base, "c/1": N(needs=("b/y",))}, {"c/2": N()}, {"c/2": None})

    assert plans[0] == []
    assert sorted(plans[1]) == [("create", key) for key in ("a/1", "b/y", "c/1", "c/2")]
    assert sorted(plans[2]) == [("delete", key) for key in ("a/1", "b/y", "c/1", "c/2")]


def test_a_ring_goes_before_what_only_one_of_it_needs() -> None:
    ring: Changes = {"a/0": N(), "b/1": N(needs=("a/0", "c/1")), "c/1": N(needs=("b/1",))}

    plans = check_all(ring, dict.fromkeys(ring))

    assert plans[1].index(("delete", "b/1")) < plans[1].index(("delete", "a/0"))


def test_a_value_that_stands_may_come_to_need_a_fact_of_its_own() -> None:
    plans = check_all({"a/1": N()}, {"a/1": N(needs=("f/1",), derives=(("f/1", N()),))})

    assert plans[1] == [("update", "a/1")]


@pytest.mark.parametrize("group", [("c/",), (("b/9", "c/"),)])
def test_a_ring_waits_for_any_of_what_one_of_it_needs_from_outside(
    group: tuple[str | tuple[str, ...], ...],
) -> None:
    joined: Changes = {"a/1": N(needs=("b/1",), any_of=group), "b/1": N(needs=("a/1",))}

    plans = check_all({"a/1": N()}, {**joined, "c/9": N(), "a/9": N(needs=("a/1",))})

    assert plans[1][0] == ("create", "c/9")
    assert plans[1][-1] == ("create", "a/9")


@pytest.mark.parametrize("falls", [False, True], ids=["alone", "after one that falls"])
@pytest.mark.parametrize("swap", [N(any_of=("b/",)), N(any_of=("b/",), needs=("c/2",))])
def test_two_that_come_to_hold_each_other_up_in_the_air_both_fall(
    swap: Item, *, falls: bool
) -> None:
    before: Changes = {
        "a/0": N(needs=("c/3",)),
        "a/1": N(any_of=("c/",)),
        "b/1": N(any_of=("a/1",)),
        "c/2": N(),
        "c/3": N(),
    }
    fallen: Changes = {"a/0": N(needs=("c/3",), data=1), "c/3": None} if falls else {}

    plans = check_all(before, {"a/1": swap, **fallen})

    gone = [key for kind, key in plans[1] if kind == "delete"]
    assert sorted(gone) == (["a/0", "a/1", "b/1", "c/3"] if falls else ["a/1", "b/1"])
