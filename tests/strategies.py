# SPDX-License-Identifier: Apache-2.0
"""Generated universes: a few keys below three prefixes, items that lean on them, transactions.

Every example switches some of the features off, so that the others come to meet more often.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hypothesis import strategies as st

from kvscheduler.testing import Item

__all__ = [
    "ALL",
    "DERIVED",
    "FACTS",
    "NORTH",
    "PROPERTIES",
    "Changes",
    "Features",
    "changes",
    "features",
    "items",
    "stories",
]

Changes = dict[str, Item | None]

NORTH = ("a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "c/1")
DERIVED = ("c/x", "b/y", "a/z")
FACTS = ("f/1", "f/2")
PROPERTIES = ("a/p", "b/p")
CLAIMS = ("eth0", "eth1", "eth2")
PREFIXES = ("a/", "b/", "c/", "f/", "c/x")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the items of an example make use of."""

    needs: bool = True
    any_of: bool = True
    derives: bool = True
    claims: bool = True
    shapes: bool = True
    invalid: bool = False
    properties: bool = False


ALL = Features(invalid=True, properties=True)


def features(**fixed: bool) -> st.SearchStrategy[Features]:
    """Draw which features an example makes use of; those given by name are fixed."""
    chosen = {
        field.name: st.just(fixed[field.name]) if field.name in fixed else st.booleans()
        for field in dataclasses.fields(Features)
    }
    return st.builds(Features, **chosen)


def _few(values: Sequence[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(
        lambda chosen: tuple(sorted(chosen))
    )


def _any_of() -> st.SearchStrategy[tuple[str | tuple[str, ...], ...]]:
    pair = st.lists(st.sampled_from(PREFIXES), min_size=2, max_size=2, unique=True).map(tuple)
    one = st.one_of(st.sampled_from(PREFIXES), pair)
    return st.lists(one, max_size=1).map(tuple)


@st.composite
def items(draw: st.DrawFn, on: Features, *, derived: bool = False) -> Item:
    """Draw an item; a derived one derives nothing."""
    targets = NORTH + (DERIVED + FACTS if on.derives else ())
    targets += PROPERTIES if on.properties else ()
    names: tuple[str, ...] = ()
    if on.derives and not derived:
        names = draw(_few(DERIVED + FACTS, 2))
    return Item(
        data=draw(st.integers(0, 1)),
        needs=draw(_few(targets, 2)) if on.needs else (),
        any_of=draw(_any_of()) if on.any_of else (),
        derives=tuple((name, draw(items(on, derived=True))) for name in names),
        claims=draw(_few(CLAIMS, 1)) if on.claims else (),
        shape=draw(st.sampled_from((0, 0, 0, 1))) if on.shapes else 0,
        valid=draw(st.sampled_from((True, True, True, False))) if on.invalid else True,
    )


def changes(
    on: Features, *, keys: Sequence[str] = NORTH, most: int = 5
) -> st.SearchStrategy[Changes]:
    """Draw a transaction: keys to set, and to delete (None)."""
    value = st.one_of(items(on), items(on), items(on), st.none())
    drawn = st.dictionaries(st.sampled_from(keys), value, max_size=most)
    return drawn.map(lambda changes: {key: _sound(key, changes[key]) for key in changes})


def _sound(key: str, value: Item | None) -> Item | None:
    """Leave out that a value derives itself."""
    if value is None:
        return None
    derives = tuple(one for one in value.derives if one[0] != key)
    return dataclasses.replace(value, derives=derives)


@st.composite
def stories(draw: st.DrawFn, /, *, most: int = 4, **fixed: bool) -> tuple[Features, list[Changes]]:
    """Draw the features and some transactions that make use of them."""
    on = draw(features(**fixed))
    return on, draw(st.lists(changes(on), min_size=1, max_size=most))
