# SPDX-License-Identifier: Apache-2.0
"""Any-of dependencies across a plan: one support must be there at every moment."""

from __future__ import annotations

from collections.abc import Iterator

from ..graph import Spec
from ..model import DependsOnAny
from .order import Choice
from .steps import Steps

__all__ = ["choices_for"]

_CONSIDERED = 8


def choices_for(steps: Steps) -> Iterator[Choice]:
    """Yield what the order must see to for values with any-of dependencies."""
    supports = _Supports(steps)
    for key, number in steps.made.items():
        final = steps.outlook.final(key)
        if final is not None and final.anyof and not final.is_fact:
            for group in final.anyof:
                yield from supports.for_creation(key, number, group)
    for key, number in steps.gone.items():
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

    def standing(self) -> list[str]:
        """Return the values with any-of dependencies that stay while some support moves."""
        found: dict[str, None] = {}
        if self.graph.watching:
            for key in self.steps.gone:
                found.update(dict.fromkeys(self.graph.watching.of(key)))
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
        if have is None or final is None:
            return
        number = self.steps.changed.get(key)
        if number is None:
            yield from self._hand_over(key, have, final)
            return
        for group in have.anyof:
            if not self._lasting(group, key):
                edges = [(number, gone) for gone in self._removals(group, key)]
                yield Choice(key, (*edges, *self._pairs(group, group, key)))
        for group in final.anyof:
            if not self._lasting(group, key):
                edges = [(made, number) for made in self._makers(group, key)]
                yield Choice(key, (*edges, *self._pairs(group, group, key)))

    def _hand_over(self, key: str, have: Spec, final: Spec) -> Iterator[Choice]:
        for index, group in enumerate(have.anyof):
            after = final.anyof[index] if index < len(final.anyof) else group
            if not self._lasting(group, key):
                yield Choice(key, tuple(self._pairs(group, after, key)))

    def _pairs(
        self, before: DependsOnAny, after: DependsOnAny, key: str
    ) -> Iterator[tuple[int, int]]:
        for made in self._makers(after, key):
            for gone in self._removals(before, key):
                if made != gone:
                    yield (made, gone)

    def _lasting(self, group: DependsOnAny, key: str) -> bool:
        """Tell whether some support stands now and throughout."""
        return any(
            match not in self.steps.gone
            and self.graph.have(match) is not None
            and self.outlook.stands(match)
            for match in self.outlook.matches(group, key)
        )

    def _makers(self, group: DependsOnAny, key: str) -> list[int]:
        made = self.steps.made
        found = [
            made[match]
            for match in self.outlook.matches(group, key)
            if match in made and self.outlook.stands(match)
        ]
        return sorted(found)[:_CONSIDERED]

    def _removals(self, group: DependsOnAny, key: str) -> list[int]:
        gone = self.steps.gone
        found = [
            gone[match]
            for match in self.outlook.matches(group, key)
            if match in gone and self.graph.have(match) is not None
        ]
        return sorted(found)[:_CONSIDERED]
