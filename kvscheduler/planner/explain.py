# SPDX-License-Identifier: Apache-2.0
"""Why a wanted value will not stand, down to the root cause."""

from __future__ import annotations

from ..causes import Causes
from ..errors import describe
from .outlook import Outlook

__all__ = ["Explanation"]


class Explanation:
    """Explains waiting keys one after another; what is found for one is kept for the next."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self._causes = Causes()
        self._known: dict[str, tuple[tuple[str, ...], str]] = {}

    def why(self, key: str) -> str:
        """Return what a key waits for, and where that is not the root cause, the root cause."""
        needs, text = self._obstacle(key)
        if not needs:
            return text
        root, in_ring = self._causes.root(key, self._waits_for)
        path = self._causes.path(key, 3, self._waits_for)
        need = path[1] if len(path) > 1 else needs[0]
        text = "is in a ring that cannot be closed" if in_ring else self._obstacle(root)[1]
        via = "" if root in (need, key) else f"waits for {root}, which "
        return f"needs {need}, which {via}{text}"

    def _waits_for(self, key: str) -> tuple[str, ...]:
        return self._obstacle(key)[0]

    def _obstacle(self, key: str) -> tuple[tuple[str, ...], str]:
        """Return the needs that keep a key from standing, or else what does."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find_obstacle(key)
        return known

    def _find_obstacle(self, key: str) -> tuple[tuple[str, ...], str]:
        outlook = self._outlook
        why = outlook.held.get(key) or outlook.denied.get(key)
        if why is not None:
            return (), f"waits: {why}"
        node = outlook.nodes.get(key)
        rejected = outlook.wants.rejected.get(key)
        if rejected is not None:
            return (), f"is invalid: {describe(rejected[2])}"
        want = outlook.wants.spec(key)
        if want is None:
            return (), self._unwanted(key)
        if not want.is_creatable:
            return (), "has no descriptor that could make it"
        if node is not None and outlook.is_frozen(node):
            return (), f"failed: {describe(node.error)}" if node.error else "failed"
        missing = tuple(need for need in want.needs if not outlook.carries(need))
        if missing:
            return missing, ""
        for group in want.anyof:
            if not outlook.is_carried(group, key):
                label = group.label or "any of " + ", ".join(group.prefixes)
                return (), f"needs {label}, of which there is none"
        return (), "needs what it holds up itself"

    def _unwanted(self, key: str) -> str:
        outlook = self._outlook
        node = outlook.nodes.get(key)
        if node is not None and node.rejected is not None:
            return f"is invalid: {describe(node.error)}" if node.error else "is invalid"
        if node is not None and node.have is not None and outlook.is_frozen(node):
            return f"fails to go: {describe(node.error)}" if node.error else "fails to go"
        return "is not there" if outlook.wants.registry.is_property(key) else "nobody wants"
