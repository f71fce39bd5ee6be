# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies: items that lean on each other, in shapes or at random, and transactions.

A shape draws a configuration (keys with the items wanted under them) of which it is certain that
it has that shape; ``graphs`` draws any of them, ``sequences`` makes transactions of it. ``items``,
``changes`` and ``stories`` draw what comes, from a few keys, so that everything meets everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from hypothesis import strategies as st

from .item import Item

__all__ = [
    "SHAPES",
    "Changes",
    "Features",
    "Graph",
    "Universe",
    "any_of",
    "chains",
    "changes",
    "claims",
    "cycles",
    "derived",
    "diamonds",
    "features",
    "graphs",
    "items",
    "sequences",
    "stories",
]

Graph = dict[str, Item]
Changes = dict[str, Item | None]
Shape = Callable[..., st.SearchStrategy[Graph]]

_MOST_LINKS = 6


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """The few names that generated values are about.

    ``north`` are keys to set; ``derived`` keys that items derive and some descriptor serves,
    ``facts`` such that none serves; ``properties`` are made by the southbound alone.
    """

    north: tuple[str, ...] = ("a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "c/1")
    derived: tuple[str, ...] = ("c/x", "b/y", "a/z")
    facts: tuple[str, ...] = ("f/1", "f/2")
    properties: tuple[str, ...] = ("a/p", "b/p")
    claims: tuple[str, ...] = ("eth0", "eth1", "eth2")
    prefixes: tuple[str, ...] = ("a/", "b/", "c/", "f/", "c/x")


SMALL = Universe()


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


def features(**fixed: bool) -> st.SearchStrategy[Features]:
    """Draw which features an example makes use of; those given by name are fixed.

    With some of them switched off the others come to meet more often.
    """
    chosen = {
        field.name: st.just(fixed[field.name]) if field.name in fixed else st.booleans()
        for field in dataclasses.fields(Features)
    }
    return st.builds(Features, **chosen)


# What comes.


@st.composite
def items(
    draw: st.DrawFn, on: Features, *, derived: bool = False, universe: Universe = SMALL
) -> Item:
    """Draw an item; a derived one derives nothing."""
    derivable = universe.derived + universe.facts
    targets = universe.north + (derivable if on.derives else ())
    targets += universe.properties if on.properties else ()
    names: tuple[str, ...] = ()
    if on.derives and not derived:
        names = draw(_few(derivable, 2))
    return Item(
        data=draw(st.integers(0, 1)),
        needs=draw(_few(targets, 2)) if on.needs else (),
        any_of=draw(_groups(universe.prefixes)) if on.any_of else (),
        derives=tuple((name, draw(items(on, derived=True, universe=universe))) for name in names),
        claims=draw(_few(universe.claims, 1)) if on.claims else (),
        shape=draw(st.sampled_from((0, 0, 0, 1))) if on.shapes else 0,
        valid=draw(st.sampled_from((True, True, True, False))) if on.invalid else True,
    )


def changes(
    on: Features,
    *,
    keys: Sequence[str] | None = None,
    most: int = 5,
    universe: Universe = SMALL,
) -> st.SearchStrategy[Changes]:
    """Draw a transaction: keys to set, and to delete (None)."""
    item = items(on, universe=universe)
    value = st.one_of(item, item, item, st.none())
    drawn = st.dictionaries(st.sampled_from(keys or universe.north), value, max_size=most)
    return drawn.map(lambda changes: {key: _sound(key, changes[key]) for key in changes})


@st.composite
def stories(
    draw: st.DrawFn, /, *, most: int = 4, universe: Universe = SMALL, **fixed: bool
) -> tuple[Features, list[Changes]]:
    """Draw the features and some transactions that make use of them."""
    on = draw(features(**fixed))
    each = changes(on, universe=universe)
    return on, draw(st.lists(each, min_size=1, max_size=most))


def _few(values: Sequence[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(
        lambda chosen: tuple(sorted(chosen))
    )


def _groups(prefixes: Sequence[str]) -> st.SearchStrategy[tuple[str | tuple[str, ...], ...]]:
    pair = st.lists(st.sampled_from(prefixes), min_size=2, max_size=2, unique=True).map(tuple)
    one = st.one_of(st.sampled_from(prefixes), pair)
    return st.lists(one, max_size=1).map(tuple)


def _sound(key: str, value: Item | None) -> Item | None:
    """Leave out that a value derives itself."""
    if value is None:
        return None
    derives = tuple(one for one in value.derives if one[0] != key)
    return dataclasses.replace(value, derives=derives)


# Shapes.


@st.composite
def chains(
    draw: st.DrawFn, universe: Universe = SMALL, *, least: int = 2, most: int = _MOST_LINKS
) -> Graph:
    """Draw values each of which needs the next; the last needs nothing."""
    keys = _names(draw, universe, least, most)
    following = [*((key,) for key in keys[1:]), ()]
    return {key: draw(_plain(needs=needs)) for key, needs in zip(keys, following, strict=True)}


@st.composite
def diamonds(draw: st.DrawFn, universe: Universe = SMALL, *, most: int = _MOST_LINKS) -> Graph:
    """Draw one value that needs several, all of which need one and the same."""
    top, bottom, *sides = _names(draw, universe, 4, most)
    graph = {side: draw(_plain(needs=(bottom,))) for side in sides}
    return {top: draw(_plain(needs=tuple(sides))), **graph, bottom: draw(_plain())}


@st.composite
def cycles(
    draw: st.DrawFn, universe: Universe = SMALL, *, least: int = 2, most: int = _MOST_LINKS
) -> Graph:
    """Draw values each of which needs the next, and the last the first."""
    keys = _names(draw, universe, least, most)
    following = [*keys[1:], keys[0]]
    return {key: draw(_plain(needs=(need,))) for key, need in zip(keys, following, strict=True)}


@st.composite
def any_of(draw: st.DrawFn, universe: Universe = SMALL, *, most: int = _MOST_LINKS) -> Graph:
    """Draw a value that needs any below some prefixes, and at least one that is below them."""
    first, *others = _names(draw, universe, 2, most)
    met = draw(st.sampled_from(others))
    fitting = [prefix for prefix in universe.prefixes if met.startswith(prefix)] or [met]
    further = draw(st.lists(st.sampled_from(universe.prefixes), max_size=1))
    group = tuple(dict.fromkeys([draw(st.sampled_from(fitting)), *further]))
    graph = {key: draw(_plain()) for key in others}
    return {first: draw(_plain(any_of=(group,))), **graph}


@st.composite
def derived(draw: st.DrawFn, universe: Universe = SMALL, *, most: int = _MOST_LINKS) -> Graph:
    """Draw a value that derives others, one of which needs what it does not derive itself."""
    base, *others = _names(draw, universe, 2, most)
    waiting, *more = _chosen(draw, universe.derived + universe.facts, 1, 3)
    if waiting in universe.facts:  # a fact needs nothing: it has no descriptor to say so
        waiting = draw(st.sampled_from(universe.derived))
    needed = draw(st.sampled_from(others))
    derives = {waiting: draw(_plain(needs=(needed,)))}
    derives |= {name: draw(_plain()) for name in more if name not in derives}
    graph = {key: draw(_plain()) for key in others}
    return {base: draw(_plain(derives=tuple(derives.items()))), **graph}


@st.composite
def claims(draw: st.DrawFn, universe: Universe = SMALL, *, most: int = _MOST_LINKS) -> Graph:
    """Draw values that each claim something, no two the same."""
    limit = min(most, len(universe.claims))
    keys = _names(draw, universe, 2, limit)
    held = draw(st.permutations(universe.claims))
    return {key: draw(_plain(claims=(claim,))) for key, claim in zip(keys, held, strict=False)}


SHAPES: Mapping[str, Shape] = {
    "chains": chains,
    "diamonds": diamonds,
    "cycles": cycles,
    "any_of": any_of,
    "derived": derived,
    "claims": claims,
}


def graphs(universe: Universe = SMALL, *, most: int = _MOST_LINKS) -> st.SearchStrategy[Graph]:
    """Draw a configuration of one of the shapes, of at most so many values set."""
    return st.one_of([shape(universe, most=most) for shape in SHAPES.values()])


@st.composite
def sequences(
    draw: st.DrawFn, graph: st.SearchStrategy[Graph] | None = None, *, most: int = 6
) -> list[Changes]:
    """Draw transactions that set up a configuration bit by bit, in any order, and change it.

    Each sets some of its values, deletes some, and gives some another content, another shape or
    the place of another: what was right before is in its way then.
    """
    whole = draw(graphs() if graph is None else graph)
    story: list[Changes] = []
    waiting = draw(st.permutations(sorted(whole)))
    while waiting:
        count = draw(st.integers(1, len(waiting)))
        story.append({key: whole[key] for key in waiting[:count]})
        waiting = waiting[count:]
    for _ in range(draw(st.integers(0, max(0, most - len(story))))):
        keys = draw(st.lists(st.sampled_from(sorted(whole)), min_size=1, unique=True))
        story.append({key: draw(_changed(key, whole)) for key in keys})
    return story


def _changed(key: str, whole: Graph) -> st.SearchStrategy[Item | None]:
    item = whole[key]
    others = [_sound(key, whole[other]) for other in sorted(whole)]
    return st.one_of(
        st.none(),
        st.just(item),
        st.just(dataclasses.replace(item, data=item.data + 1)),
        st.just(dataclasses.replace(item, shape=1 - item.shape)),
        st.sampled_from(others),
    )


def _plain(**fixed: object) -> st.SearchStrategy[Item]:
    """Draw an item of which nothing but its content is left to chance."""
    return st.builds(Item, data=st.integers(0, 1), **{k: st.just(v) for k, v in fixed.items()})


def _names(draw: st.DrawFn, universe: Universe, least: int, most: int) -> list[str]:
    return _chosen(draw, universe.north, least, most)


def _chosen(draw: st.DrawFn, names: Sequence[str], least: int, most: int) -> list[str]:
    limit = min(most, len(names))
    if limit < least:
        raise ValueError(f"takes {least} of {list(names)}, and at most {most}")
    return draw(st.lists(st.sampled_from(names), min_size=least, max_size=limit, unique=True))
