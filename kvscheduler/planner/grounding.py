# SPDX-License-Identifier: Apache-2.0
"""Whether any-of dependencies stand on firm ground, or only hold each other up."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..graph import Spec
from .outlook import Outlook

__all__ = ["Grounding"]

Neighbours = Callable[[str], Iterable[str]]

# Up to so many keys are looked at below a suspect before all that stands on it is.
_NEARBY_KEYS = 256


class Grounding:
    """Checks suspects: values that lost a support, or whose dependencies changed.

    First all that they stand on is looked at, as long as that is little; else all that stands
    on them, which is taken away and then rebuilt from the ground.
    """

    def __init__(self, outlook: Outlook, dependents: Neighbours, watchers: Neighbours) -> None:
        self._outlook = outlook
        self._dependents = dependents
        self._watchers = watchers
        self._standing: dict[str, list[list[str]]] = {}
        # What was found to stand on firm ground: firm ground itself for what is looked at next.
        self._firm: set[str] = set()

    def ungrounded(self, suspects: Iterable[str]) -> list[str]:
        """Return the suspects, and what stands on them, that nothing firm holds up."""
        doubtful = [k for k in suspects if self._outlook.stands(k) and not self._is_firm(k)]
        if not doubtful:
            return []
        region = self._above(doubtful)
        firm = self._rebuild(region)
        return [key for key in region if key not in firm]

    def _is_firm(self, suspect: str) -> bool:
        region: dict[str, Spec] = {}
        stack = [suspect]
        while stack:
            key = stack.pop()
            spec = None if key in region or key in self._firm else self._bound(key)
            if spec is None:
                continue
            if len(region) >= _NEARBY_KEYS:
                return False
            region[key] = spec
            stack.extend(spec.needs)
            for standing in self._supports(key, spec):
                stack.extend(standing)
                if len(stack) > _NEARBY_KEYS:
                    return False
        self._firm |= self._rebuild(region)
        return suspect not in region or suspect in self._firm

    def _bound(self, key: str) -> Spec | None:
        node = self._outlook.nodes.get(key)
        if node is not None and node.have is not None and self._outlook.is_settled(node):
            return None
        return self._outlook.final(key)

    def _supports(self, key: str, spec: Spec) -> list[list[str]]:
        """Return, for each any-of dependency of a key, what will stand and meets it."""
        known = self._standing.get(key)
        if known is None:
            stands, matches = self._outlook.stands, self._outlook.matches
            known = [list(filter(stands, matches(group, key))) for group in spec.anyof]
            self._standing[key] = known
        return known

    def _above(self, keys: Iterable[str]) -> dict[str, Spec]:
        region: dict[str, Spec] = {}
        stack = list(keys)
        while stack:
            key = stack.pop()
            spec = None if key in region else self._bound(key)
            if spec is None:
                continue
            region[key] = spec
            for other in self._dependents(key):
                final = self._bound(other)
                if final is not None and key in final.needs:
                    stack.append(other)
            stack.extend(self._watchers(key))
        return region

    def _rebuild(self, region: dict[str, Spec]) -> set[str]:
        """Return the part of a region that stands, given that all around it does."""
        firm: set[str] = set()
        left = dict(region)
        while layer := self._layer(left):
            firm.update(layer)
            for key in layer:
                del left[key]
        return firm

    def _layer(self, left: dict[str, Spec]) -> dict[str, Spec]:
        """Return the largest part of what is left that needs no any-of support from it."""
        layer = {key: spec for key, spec in left.items() if self._is_held_up(key, spec, left)}
        needing: dict[str, list[str]] = {}
        loose = []
        for key, spec in layer.items():
            for need in spec.needs:
                needing.setdefault(need, []).append(key)
            if any(self._lacks(need, layer, left) for need in spec.needs):
                loose.append(key)
        while loose:
            key = loose.pop()
            if layer.pop(key, None) is not None:
                loose.extend(needing.get(key, ()))
        return layer

    def _is_held_up(self, key: str, spec: Spec, left: dict[str, Spec]) -> bool:
        return not spec.anyof or all(
            any(k not in left for k in standing) for standing in self._supports(key, spec)
        )

    def _lacks(self, need: str, layer: dict[str, Spec], left: dict[str, Spec]) -> bool:
        if need in left:
            return need not in layer
        return not self._outlook.stands(need)
