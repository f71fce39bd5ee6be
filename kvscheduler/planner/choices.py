# SPDX-License-Identifier: Apache-2.0
"""Any-of dependencies across a plan: one support must be there at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..graph import Spec
from ..model import DependsOnAny
from .order import Choice
from .steps import Steps

__all__ = ["choices_for"]

# So many makers and so many removals of a group are weighed; an order that only a further one
# allows is not found, and a value is recreated that need not be.
_CONSIDERED_SUPPORTS = 8


def choices_for(steps: Steps) -> Iterator[Choice]:
    """Yield what the order must see to for values with any-of dependencies."""
    supports = _Supports(steps)
    for key, number in steps.made.items():
        final = steps.outlook.final(key)
        if final is not None and final.anyof and not final.is_fact:
            for group in final.anyof:
                yield from supports.for_creation(key, number, group)
    for key, number in steps.gone.items() if supports.graph.watching else ():
        have = steps.closure.graph.have(key)
        if have is not None and have.anyof:
            for group in have.anyof:
                yield from supports.for_removal(key, number, group)
    for key in supports.standing():
        yield from supports.for_standing(key)


class _Supports:
    def __init__(self, steps: Steps) -> None:
        self.steps = steps
        self.outlook = steps.outlook
        self.graph = steps.closure.graph
        self._groups: dict[tuple[tuple[str, ...], int], _Group] = {}

    def standing(self) -> list[str]:
        """Return the values with any-of dependencies that stay while some support moves."""
        found: dict[str, None] = {}
        if self.graph.watching:
            found.update(self.graph.watching.of(*self.steps.gone))
        for key in (*self.steps.changed, *self.steps.absorbed):
            have = self.graph.have(key)
            final = self.outlook.final(key)
            if (have is not None and have.anyof) or (final is not None and final.anyof):
                found[key] = None
        return sorted(key for key in found if self._stays(key))

    def _stays(self, key: str) -> bool:
        node = self.graph.nodes.get(key)
        if node is None or node.have is None or self.outlook.is_exempt(node):
            return False
        return self.outlook.stands(key) and key not in self.steps.recreated

    def for_creation(self, key: str, number: int, group: DependsOnAny) -> Iterator[Choice]:
        if self._lasting(group, key):
            return
        edges = [(made, number) for made in self._makers(group, key) if made != number]
        if edges:
            yield Choice(key, tuple(edges))

    def for_removal(self, key: str, number: int, group: DependsOnAny) -> Iterator[Choice]:
        if self._lasting(group, key):
            return
        edges = [(number, gone) for gone in self._removals(group, key) if gone != number]
        if edges:
            yield Choice(key, tuple(edges))

    def for_standing(self, key: str) -> Iterator[Choice]:
        have, final = self.graph.have(key), self.outlook.final(key)
        assert have is not None
        assert final is not None
        number = self.steps.changed.get(key)
        if number is None:
            yield from self._hand_over(key, have, final)
            return
        for group in have.anyof:
            gone = self._removals(group, key)
            if not self._lasting(group, key) and gone != [number]:
                edges = [(number, other) for other in gone if other != number]
                yield Choice(key, (*edges, *self._pairs(group, group, key)))
        for group in final.anyof:
            made = self._makers(group, key)
            if not self._lasting(group, key) and made != [number]:
                edges = [(other, number) for other in made if other != number]
                yield Choice(key, (*edges, *self._pairs(group, group, key)))

    def _hand_over(self, key: str, have: Spec, final: Spec) -> Iterator[Choice]:
        """Have what a value comes to need be there before what it gives up goes."""
        before = [group for group in have.anyof if not self._lasting(group, key)]
        after = [group for group in final.anyof if not self._lasting(group, key)]
        gained = [group for group in after if group not in have.anyof]
        for group in before:
            others = [group] if group in final.anyof else gained
            for other in others:
                yield Choice(key, tuple(self._pairs(group, other, key)))

    def _pairs(
        self, before: DependsOnAny, after: DependsOnAny, key: str
    ) -> Iterator[tuple[int, int]]:
        for made in self._makers(after, key):
            for gone in self._removals(before, key):
                if made != gone:
                    yield (made, gone)

    def _lasting(self, group: DependsOnAny, key: str) -> bool:
        """Tell whether some support stands now and throughout."""
        return any(match != key for match in self._supports(group).lasting)

    def _makers(self, group: DependsOnAny, key: str) -> list[int]:
        made = self._supports(group).made
        return [number for match, number in made if match != key][:_CONSIDERED_SUPPORTS]

    def _removals(self, group: DependsOnAny, key: str) -> list[int]:
        gone = self._supports(group).gone
        return [number for match, number in gone if match != key][:_CONSIDERED_SUPPORTS]

    def _supports(self, group: DependsOnAny) -> _Group:
        """Look through the supports of a group once, for all that depend on it."""
        name = (group.prefixes, id(group.where))
        known = self._groups.get(name)
        if known is None:
            known = self._groups[name] = self._look_through(group)
        return known

    def _look_through(self, group: DependsOnAny) -> _Group:
        made, gone, lasting = [], [], []
        for match in self.outlook.matches(group, ""):
            stands, stood = self.outlook.stands(match), self.graph.have(match) is not None
            lasts = stands or match in self.steps.leaving
            if stands and match in self.steps.made:
                made.append((self.steps.made[match], match))
            if stood and match in self.steps.gone:
                gone.append((self.steps.gone[match], match))
            elif stood and lasts:
                lasting.append(match)
        return _Group(_first(made), _first(gone), lasting[:2])


class _Group(NamedTuple):
    """The first few supports that come, that go, and that last; one more than is considered."""

    made: list[tuple[str, int]]
    gone: list[tuple[str, int]]
    lasting: list[str]


def _first(found: list[tuple[int, str]]) -> list[tuple[str, int]]:
    return [(match, number) for number, match in sorted(found)[: _CONSIDERED_SUPPORTS + 1]]
