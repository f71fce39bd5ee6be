# SPDX-License-Identifier: Apache-2.0
"""The checkers of laws 2, 3 and 4 accept what the laws allow and name what they forbid."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from kvscheduler.testing import (
    Item,
    Oracle,
    Rules,
    SimulatedDescriptor,
    SimulatedSouthbound,
    Unit,
    check_graph,
    check_least_work,
    check_order,
    legal_order,
)
from kvscheduler.testing.least import Move

N = Item
RULES = Rules(
    SimulatedDescriptor(SimulatedSouthbound(), name, f"{name}/", loose=True) for name in "abc"
)
Units = dict[str, Unit]


def units(values: dict[str, Item]) -> Units:
    oracle = Oracle(RULES)
    oracle.change(values)
    return oracle.stand()


def steps(text: str, after: Units) -> list[Move]:
    kinds = {"+": "create", "~": "update", "-": "delete"}
    made = []
    for word in text.split():
        key = word[1:]
        new = None if word[0] == "-" else after[key].value
        made.append(Move(kinds[word[0]], key, new))
    return made


SWAP_A, SWAP_B = N(data=1, claims=("c",)), N(data=1, claims=("d",))
ON_1, ON_2 = N(needs=("a/1",)), N(needs=("a/2",))
BEFORE_SWAP = {"a/1": SWAP_A, "a/2": SWAP_B}
AFTER_SWAP = {"a/1": SWAP_B, "a/2": SWAP_A}
DERIVES = N(derives=(("c/x", N()),))

LEGAL = [
    ("create in order", {}, {"a/1": N(), "b/1": ON_1}, "+a/1 +b/1"),
    ("delete in order", {"a/1": N(), "b/1": ON_1}, {}, "-b/1 -a/1"),
    ("swap", {"a/1": N(), "b/1": ON_1}, {"a/2": N(), "b/1": ON_2}, "+a/2 ~b/1 -a/1"),
    ("cycle", {}, {"a/1": ON_2, "a/2": ON_1, "b/1": ON_1}, "+a/2 +a/1 +b/1"),
    ("cycle goes", {"a/1": ON_2, "a/2": ON_1}, {}, "-a/2 -a/1"),
    ("joined", {"a/1": N()}, {"a/1": ON_2, "a/2": ON_1}, "+a/2 ~a/1"),
    ("joined first", {"a/1": N()}, {"a/1": ON_2, "a/2": ON_1}, "~a/1 +a/2"),
    (
        "claims move",
        {"a/1": N(claims=("c",)), "b/1": N()},
        {"a/1": N(), "b/1": N(claims=("c",))},
        "~a/1 ~b/1",
    ),
    ("claims swap", BEFORE_SWAP, AFTER_SWAP, "-a/1 ~a/2 +a/1"),
    ("handed over", {"a/1": DERIVES, "c/x": N()}, {"a/2": DERIVES, "c/x": N()}, "+a/2 -a/1"),
    ("fact", {}, {"a/1": N(derives=(("f", N()),)), "b/1": N(needs=("f",))}, "+a/1 +b/1"),
    ("own derived", {}, {"a/1": N(needs=("c/x",), derives=(("c/x", N()),))}, "+a/1 +c/x"),
    ("own fact", {}, {"a/1": N(needs=("f",), derives=(("f", N()),))}, "+a/1"),
]


def world(values: dict[str, Item]) -> Units:
    """Spell values out; keys that a base derives are left to it."""
    derived = {name for item in values.values() for name, _ in item.derives}
    return units({key: item for key, item in values.items() if key not in derived})


@pytest.mark.parametrize(
    ("before", "after", "order"), [c[1:] for c in LEGAL], ids=[c[0] for c in LEGAL]
)
def test_a_legal_order_passes(before: dict[str, Item], after: dict[str, Item], order: str) -> None:
    old, new = world(before), world(after)

    assert check_order(RULES, steps(order, new), old, new) == []


ILLEGAL = [
    ("too early", {}, {"a/1": N(), "b/1": ON_1}, "+b/1 +a/1", "stands without a/1"),
    ("too soon gone", {"a/1": N(), "b/1": ON_1}, {}, "-a/1 -b/1", "stands without a/1"),
    (
        "swap late",
        {"a/1": N(), "b/1": ON_1},
        {"a/2": N(), "b/1": ON_2},
        "-a/1 +a/2 ~b/1",
        "without",
    ),
    ("half a cycle", {}, {"a/1": ON_2, "a/2": ON_1, "b/1": ON_1}, "+a/1 +b/1 +a/2", "not whole"),
    (
        "cycle lacks",
        {},
        {"a/1": ON_2, "a/2": N(needs=("a/1", "b/1")), "b/1": N()},
        "+a/1 +b/1 +a/2",
        "still lacks b/1",
    ),
    (
        "claims",
        {"a/1": N(claims=("c",)), "b/1": N()},
        {"a/1": N(), "b/1": N(claims=("c",))},
        "~b/1 ~a/1",
        "c is held by ['a/1', 'b/1']",
    ),
    (
        "cycle mate stays",
        {"a/1": ON_2, "a/2": ON_1},
        {"a/1": ON_2, "a/2": ON_1},
        "-a/1 +a/1",
        "without",
    ),
    ("any", {}, {"a/1": N(any_of=("b/",)), "b/1": N()}, "+a/1 +b/1", "without any"),
    (
        "handed over late",
        {"a/1": DERIVES, "c/x": N()},
        {"a/2": DERIVES, "c/x": N()},
        "-a/1 +a/2",
        "without a/1",
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "order", "problem"), [c[1:] for c in ILLEGAL], ids=[c[0] for c in ILLEGAL]
)
def test_an_illegal_order_is_named(
    before: dict[str, Item], after: dict[str, Item], order: str, problem: str
) -> None:
    old, new = world(before), world(after)

    problems = check_order(RULES, steps(order, new), old, new)

    assert any(problem in text for text in problems), problems


class Edges:
    def __init__(self, *edges: tuple[int, int]) -> None:
        self.edges = edges

    def predecessors(self, node: int) -> Iterable[int]:
        return (first for first, then in self.edges if then == node)


def test_a_graph_without_a_needed_edge_is_found_out() -> None:
    old, new = world({}), world({"a/1": N(), "b/1": ON_1, "b/2": ON_1})
    plan = steps("+a/1 +b/1 +b/2", new)

    lacking = check_graph(RULES, plan, Edges((0, 1)), old, new, rng=random.Random(1), samples=20)
    enough = check_graph(
        RULES, plan, Edges((0, 1), (0, 2)), old, new, rng=random.Random(1), samples=20
    )

    assert any("b/2 stands without a/1" in text for text in lacking)
    assert enough == []


def test_a_recreate_for_nothing_and_an_update_of_nothing_are_found_out() -> None:
    old = world({"a/1": N(data=1), "a/2": N()})
    new = world({"a/1": N(data=2), "a/2": N()})

    assert check_least_work(RULES, steps("~a/1", new), old, new) == []
    assert check_least_work(RULES, steps("-a/1 +a/1", new), old, new) == [
        "a/1: is recreated for nothing"
    ]
    assert check_least_work(RULES, steps("~a/1 ~a/2", new), old, new) == [
        "a/2: does ['update'] where [] is due"
    ]


def test_a_swap_of_claims_needs_one_recreate_and_only_one() -> None:
    old, new = world({"a/1": SWAP_A, "a/2": SWAP_B}), world({"a/1": SWAP_B, "a/2": SWAP_A})

    assert legal_order(RULES, old, new, ()) is None
    assert check_least_work(RULES, steps("-a/1 ~a/2 +a/1", new), old, new) == []
    both = check_least_work(RULES, steps("-a/1 -a/2 +a/1 +a/2", new), old, new)
    assert len(both) == 2


def test_what_stands_on_a_recreated_value_is_recreated_too() -> None:
    old = world({"a/1": N(shape=1), "b/1": ON_1})
    new = world({"a/1": N(shape=2), "b/1": ON_1})

    assert check_least_work(RULES, steps("-b/1 -a/1 +a/1 +b/1", new), old, new) == []
    assert legal_order(RULES, old, new, {"a/1"}) is None
