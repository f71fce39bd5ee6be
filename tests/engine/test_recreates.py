# SPDX-License-Identifier: Apache-2.0
"""Recreates by example: what they take along, what they spare, and what plans say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kvscheduler import DependsOnAny, Descriptor, Plan
from kvscheduler.testing import Item
from tests.engine.stage import Plain, Stage, act
from tests.sim.world import World, check_all, play
from tests.strategies import Changes

N = Item


def told(plan: Plan | None) -> list[tuple[str, str, str]]:
    """Return the operations of a plan, in order, with their reasons."""
    assert plan is not None
    return [(one.kind, one.key, one.reason) for one in plan.operations]


def base(*facts: str, shape: int = 1) -> Item:
    return N(derives=tuple((fact, N()) for fact in facts), shape=shape)


def test_both_halves_of_a_recreate_say_what_was_and_what_will_be() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "b/1": N(needs=("a/1",))})
        plan = world.plan({"a/1": N(shape=1)})
        assert plan is not None
        assert [(one.kind, one.key, one.old, one.new) for one in plan.operations] == [
            ("delete", "b/1", N(needs=("a/1",)), N(needs=("a/1",))),
            ("delete", "a/1", N(), N(shape=1)),
            ("create", "a/1", N(), N(shape=1)),
            ("create", "b/1", N(needs=("a/1",)), N(needs=("a/1",))),
        ]

    play(run)


@pytest.mark.parametrize("after", [base("f/1", "f/2"), base("f/2"), base("f/2", "f/3")])
@pytest.mark.parametrize("leans", [N(needs=("f/2",)), N(any_of=("f/2",))])
def test_a_recreate_takes_along_what_leans_on_its_facts(after: Item, leans: Item) -> None:
    plans = check_all(
        {"b/1": base("f/1", "f/2", shape=0), "a/1": leans, "c/1": leans}, {"b/1": after}
    )

    gone = [("delete", "a/1"), ("delete", "c/1")]
    made = [("create", "a/1"), ("create", "c/1")]
    assert plans[1] == [*gone, ("delete", "b/1"), ("create", "b/1"), *made]


def test_a_recreate_takes_along_all_that_needs_it_and_not_its_facts_alone() -> None:
    plans = check_all(
        {"a/1": base("0/fact", shape=0), "b/1": N(needs=("a/1",)), "c/1": N(needs=("a/1",))},
        {"a/1": base("0/fact")},
    )

    assert [key for kind, key in plans[1] if kind == "create"] == ["a/1", "b/1", "c/1"]


def test_what_comes_to_need_a_recreated_value_is_only_updated() -> None:
    plans = check_all({"a/1": N(), "c/1": N()}, {"a/1": N(shape=1), "c/1": N(needs=("a/1",))})

    assert plans[1] == [("delete", "a/1"), ("create", "a/1"), ("update", "c/1")]


def test_a_fact_that_moves_away_from_a_recreated_value_takes_nothing_along() -> None:
    plans = check_all(
        {"a/1": base("f/1", shape=0), "b/1": N(), "c/1": N(needs=("f/1",))},
        {"a/1": N(shape=1), "b/1": base("f/1", shape=0)},
    )

    assert plans[1] == [("update", "b/1"), ("delete", "a/1"), ("create", "a/1")]


def test_what_needs_a_ring_that_an_update_closes_waits_for_all_of_it() -> None:
    check_all(
        {"a/1": N(needs=("c/1",)), "c/1": N()},
        {
            "a/1": N(needs=("b/1", "c/1")),
            "b/1": N(needs=("a/1", "c/2")),
            "c/2": N(),
            "c/3": N(needs=("b/1",)),
        },
    )


@pytest.mark.parametrize("first", ["b/1", "b/2"])
def test_a_plan_is_the_same_whatever_came_first(first: str) -> None:
    lean: Changes = {"b/1": N(needs=("a/1",)), "b/2": N(needs=("a/1",))}

    async def run(world: World) -> None:
        await world.commit({"a/1": N(), first: lean[first]})
        await world.commit({**lean, "c/1": N(needs=("b/1", "b/2"))})
        plan = told(world.plan({"a/1": N(shape=1)}))
        assert plan[0] == ("delete", "c/1", "b/2 is recreated")

    play(run)


def test_updates_go_by_key_those_that_are_tried_again_as_well() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/2": N(), "a/3": N()})
        world.southbound.fail("a/2", "update", retriable=False)
        await world.commit({"a/2": N(data=1)})
        plan = told(world.plan({"a/3": N(data=1), "a/2": N(data=1)}))
        assert [key for _, key, _ in plan] == ["a/2", "a/3"]

    play(run)


def test_the_members_of_a_ring_come_and_go_side_by_side() -> None:
    ring: Changes = {"a/1": N(needs=("c/1",)), "c/1": N(needs=("a/1",)), "b/1": N()}
    last: Changes = {"a/1": N(needs=("b/9", "c/1")), "b/9": N()}

    (plan,) = check_all({**ring, **last})

    assert plan == [("create", key) for key in ("b/1", "b/9", "a/1", "c/1")]


class Plainest(Descriptor[Any, Any]):
    name, key_prefix = "a", "a/"

    def create(self, key: str, value: Any) -> Any:
        pass

    def delete(self, key: str, value: Any, metadata: Any) -> None:
        pass


class Demanding(Plain):
    def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
        return True


@pytest.mark.parametrize(
    ("descriptor", "why"),
    [
        (Plainest(), "descriptor a has no update"),
        (Demanding(), "descriptor a demands it for this change"),
    ],
)
def test_a_recreate_says_who_asks_for_it(descriptor: Descriptor[Any, Any], why: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        plan = told(stage.plan({"a/1": 2}))
        assert plan == [("delete", "a/1", why), ("create", "a/1", why)]

    act(story, descriptor)


class Labelled(Plain):
    """Its values, all but the first, need any a that has a name."""

    def dependencies(self, key: str, value: Any) -> Iterable[DependsOnAny]:
        return [DependsOnAny(prefixes=("a/",), label=value)]


@pytest.mark.parametrize(("label", "lost"), [("a friend", "a friend"), ("", "a/")])
def test_what_lost_its_last_support_is_recreated_and_says_what_was_taken_away(
    label: str, lost: str
) -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "b/1": label})
        await stage.scheduler.notify("a/1", None)
        done = [one.operation for one in stage.scheduler.history[-1].operations]
        assert [(one.kind, one.key, one.reason) for one in done] == [
            ("delete", "b/1", f"{lost} was taken away"),
            ("create", "a/1", "it is missing"),
            ("create", "b/1", f"{lost} was taken away"),
        ]

    act(story, one, Labelled("b"))


def test_what_others_made_is_not_recreated_for_a_support_that_was_taken_away() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N()})
        world.southbound.add("a/1", N(), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N(needs=("b/1",))})
        world.southbound.remove("b/1", announce=True)
        await world.scheduler.settle()
        result = world.scheduler.history[-1]
        assert result.ok
        done = [one.operation for one in result.operations]
        assert [(one.kind, one.key) for one in done] == [("create", "b/1")]

    play(run)


def test_the_members_of_a_ring_that_stands_go_by_their_own_keys_beside_a_new_one() -> None:
    old: Changes = {"a/1": N(needs=("c/1",)), "c/1": N(needs=("a/1",)), "b/1": N()}
    new: Changes = {"a/8": N(needs=("a/1", "a/9")), "a/9": N(needs=("a/8",))}
    changed: Changes = {
        "a/1": N(needs=("c/1",), data=1),
        "c/1": N(needs=("a/1",), data=1),
        "b/1": N(data=1),
    }

    async def run(world: World) -> None:
        await world.commit(old)
        plan = told(world.plan({**new, **changed}))
        assert [key for kind, key, _ in plan if kind == "update"] == ["a/1", "b/1", "c/1"]

    play(run)


def test_a_fact_may_change_while_its_base_is_recreated() -> None:
    plans = check_all(
        {"a/1": N(derives=(("f/1", N()),)), "c/1": N(needs=("f/1",))},
        {"a/1": N(derives=(("f/1", N(data=1)),), shape=1)},
    )

    assert [kind for kind, _ in plans[1]] == ["delete", "delete", "create", "create"]


def test_what_is_to_need_a_recreated_value_at_the_second_attempt_is_only_updated() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N(), "c/1": N()})
        world.southbound.fail("c/1", "update", retriable=False)
        await world.commit({"c/1": N(needs=("a/1",))})
        plan = told(world.plan({"a/1": N(shape=1), "c/1": N(needs=("a/1",))}))
        assert [(kind, key) for kind, key, _ in plan] == [
            ("delete", "a/1"),
            ("create", "a/1"),
            ("update", "c/1"),
        ]

    play(run)


def test_what_another_descriptor_serves_from_now_on_is_made_anew_by_that() -> None:
    class Nearer(Plain):
        def __init__(self) -> None:
            super().__init__("nearer")
            self.key_prefix = "a/b/"

    far, near = Plain(), Nearer()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/b/1": 2})
        stage.scheduler.register(near)
        await stage.scheduler.settle()
        done = [one.operation for one in stage.scheduler.history[-1].operations]
        why = "nearer serves it now, no longer a"
        assert [(one.kind, one.key, one.reason) for one in done] == [
            ("delete", "a/b/1", why),
            ("create", "a/b/1", why),
        ]

    act(story, far)
    assert (far.held, near.held) == ({"a/1": 1}, {"a/b/1": 2})


def test_of_two_values_that_swap_claims_that_of_others_is_not_the_one_recreated() -> None:
    async def run(world: World) -> None:
        world.southbound.add("a/1", N(claims=("x",)), announce=True)
        await world.scheduler.settle()
        await world.commit({"a/1": N(claims=("x",)), "b/1": N(claims=("y",))})
        plan = told(world.plan({"a/1": N(claims=("y",)), "b/1": N(claims=("x",))}))
        assert [(kind, key) for kind, key, _ in plan] == [
            ("delete", "b/1"),
            ("update", "a/1"),
            ("create", "b/1"),
        ]

    play(run)


def test_an_any_of_whose_only_facts_one_update_swaps_is_recreated_around_that() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": base("f/1"), "c/1": N(any_of=("f/",))})
        why = "its support disappears in between"
        assert told(world.plan({"a/1": base("f/2")})) == [
            ("delete", "c/1", why),
            ("update", "a/1", "the value changed"),
            ("create", "c/1", why),
        ]

    play(run)


def test_what_must_not_be_touched_is_not_recreated_for_a_support_that_is_swapped() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": base("f/1"), "c/1": N(any_of=("f/",))})
        world.southbound.fail("c/1", "update", retriable=False)
        await world.commit({"c/1": N(any_of=("f/",), data=1)})
        plan = told(world.plan({"a/1": base("f/2")}))
        assert [key for _, key, _ in plan if key == "c/1"] == []

    play(run)
