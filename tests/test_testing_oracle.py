# SPDX-License-Identifier: Apache-2.0
"""The oracle, against cases worked out by hand and against the words of law 1 tried one by one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.model import DependsOnAny
from kvscheduler.testing import (
    ConflictExpected,
    Item,
    Oracle,
    Rules,
    SimulatedDescriptor,
    SimulatedSouthbound,
    Unit,
    reasons,
    standing,
)


def rules() -> Rules:
    southbound = SimulatedSouthbound()
    return Rules(SimulatedDescriptor(southbound, name, f"{name}/") for name in "abc")


def expected(
    values: dict[str, Item], properties: dict[str, Item] | None = None
) -> dict[str, Item]:
    oracle = Oracle(rules())
    oracle.change(values)
    return oracle.configured(properties)


N = Item


@pytest.mark.parametrize(
    ("values", "stands"),
    [
        ({"a/1": N(needs=("a/2",))}, set()),
        ({"a/1": N(needs=("a/2",)), "a/2": N()}, {"a/1", "a/2"}),
        ({"a/1": N(needs=("a/2",)), "a/2": N(needs=("a/1",))}, {"a/1", "a/2"}),
        ({"a/1": N(needs=("a/2",)), "a/2": N(needs=("a/1", "c/9"))}, set()),
        ({"a/1": N(needs=("a/1",))}, {"a/1"}),
        ({"a/1": N(any_of=("b/",)), "b/1": N(any_of=("a/",))}, set()),
        ({"a/1": N(any_of=("b/",)), "b/1": N(needs=("a/1",))}, set()),
        ({"a/1": N(any_of=("a/",))}, set()),
        ({"a/1": N(any_of=("b/",)), "b/1": N()}, {"a/1", "b/1"}),
        (
            {"a/1": N(any_of=("b/",)), "b/1": N(any_of=("a/", "c/")), "c/1": N()},
            {"c/1"},
        ),
        (
            {"a/1": N(any_of=("b/",)), "b/1": N(any_of=(("a/", "c/"),)), "c/1": N()},
            {"a/1", "b/1", "c/1"},
        ),
        ({"a/1": N(derives=(("a/1/x", N()),))}, {"a/1", "a/1/x"}),
        ({"a/1": N(derives=(("a/1/x", N(needs=("c/9",))),))}, {"a/1"}),
        ({"a/1": N(needs=("a/1/x",), derives=(("a/1/x", N()),))}, {"a/1", "a/1/x"}),
        ({"a/1": N(derives=(("fact/1", N()),)), "b/1": N(needs=("fact/1",))}, {"a/1", "b/1"}),
        ({"b/1": N(needs=("fact/1",))}, set()),
        ({"a/1": N(valid=False)}, set()),
        ({"none/1": N(), "b/1": N(needs=("none/1",))}, set()),
    ],
)
def test_the_oracle_knows_what_stands(values: dict[str, Item], stands: set[str]) -> None:
    assert set(expected(values)) == stands


def test_properties_count_as_present_with_what_they_derive() -> None:
    values = {"b/1": N(needs=("a/1",)), "b/2": N(needs=("a/1/up",)), "b/3": N(any_of=("a/1/",))}

    found = expected(values, {"a/1": N(derives=(("a/1/up", N()),))})

    assert found == values


def test_an_invalid_value_counts_as_its_last_valid_predecessor_claims_included() -> None:
    oracle = Oracle(rules())
    good = N(data=1, claims=("c",))
    oracle.change({"a/1": good})
    oracle.change({"a/1": N(data=2, valid=False)})

    with pytest.raises(ConflictExpected):
        oracle.change({"a/2": N(claims=("c",))})

    assert oracle.configured() == {"a/1": good}
    assert oracle.invalid() == {"a/1"}
    oracle.change({"a/1": None})
    assert oracle.configured() == {}


@pytest.mark.parametrize(
    "values",
    [
        {"a/1": N(claims=("c",)), "b/1": N(claims=("c",))},
        {"a/1": N(derives=(("c/x", N()),)), "c/x": N()},
        {"a/1": N(derives=(("c/x", N()),)), "a/2": N(derives=(("c/x", N()),))},
        {"a/1": N(derives=(("c/x", N(claims=("c",))),)), "a/2": N(claims=("c",))},
    ],
)
def test_the_oracle_refuses_what_is_wanted_twice(values: dict[str, Item]) -> None:
    oracle = Oracle(rules())

    with pytest.raises(ConflictExpected):
        oracle.change(values)

    assert oracle.configured() == {}


def test_reasons_name_what_is_missing() -> None:
    oracle = Oracle(rules())
    oracle.change({"a/1": N(needs=("a/2", "b/1"), any_of=("c/",)), "b/1": N()})

    units = oracle.units()

    assert reasons(units, standing(units)) == {"a/1": ("a/2", "any:c/")}


KEYS = ("a", "b", "c", "d", "e")


@st.composite
def small_units(draw: st.DrawFn) -> dict[str, Unit]:
    some = st.lists(st.sampled_from(KEYS), max_size=2, unique=True).map(tuple)
    return {
        key: Unit(
            key=key,
            value=0,
            needs=draw(some),
            any_of=tuple(DependsOnAny(prefixes=prefixes) for prefixes in [draw(some)] if prefixes),
        )
        for key in KEYS
    }


def stands_by_the_words(units: dict[str, Unit]) -> set[str]:
    """Try all subsets: closed, and each any-of met by what stands in a world without the value."""
    best: set[str] = set()
    for size in range(len(units) + 1):
        for subset in itertools.combinations(sorted(units), size):
            chosen = set(subset)
            closed = all(set(units[key].needs) <= chosen for key in chosen)
            if closed and all(_is_grounded(key, chosen, units) for key in chosen):
                best |= chosen
    return best


def _is_grounded(key: str, chosen: set[str], units: dict[str, Unit]) -> bool:
    if not units[key].any_of:
        return True
    without = stands_by_the_words({name: units[name] for name in chosen if name != key})
    return all(any(one.matches(name) for name in without) for one in units[key].any_of)


@given(units=small_units())
def test_layers_come_to_the_same_as_the_words_of_the_law(units: dict[str, Unit]) -> None:
    assert standing(units) == stands_by_the_words(units)
