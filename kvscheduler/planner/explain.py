# SPDX-License-Identifier: Apache-2.0
"""Why a wanted value will not stand, down to the root cause."""

from __future__ import annotations

from ..errors import describe
from .outlook import Outlook

__all__ = ["Explanation"]


class Explanation:
    """Explains waiting keys one after another; what is found for one is kept for the next."""

    def __init__(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self._roots: dict[str, tuple[str, str]] = {}

    def why(self, key: str) -> str:
        """Return what a key waits for, and where that is not the root cause, the root cause."""
        need, text = self._obstacle(key)
        if need is None:
            return text
        root, text = self._root(need)
        return f"needs {need}, which " + (
            text if root == need else f"waits for {root}, which {text}"
        )

    def _root(self, key: str) -> tuple[str, str]:
        """Return the last of the keys that wait for each other, and what keeps that one."""
        path: dict[str, None] = {}
        at, found = key, self._roots.get(key)
        while found is None:
            path[at] = None
            need, text = self._obstacle(at)
            if need is None:
                found = (at, text)
            elif need in path:
                found = (need, "is in a ring that cannot be closed")
            else:
                at, found = need, self._roots.get(need)
        self._roots.update(dict.fromkeys(path, found))
        return found

    def _obstacle(self, key: str) -> tuple[str | None, str]:
        """Return the need that keeps a key from standing, or else what does."""
        outlook = self._outlook
        why = outlook.held.get(key) or outlook.denied.get(key)
        if why is not None:
            return None, f"waits: {why}"
        node = outlook.nodes.get(key)
        rejected = outlook.wants.rejected.get(key)
        if rejected is not None:
            return None, f"is invalid: {describe(rejected[2])}"
        want = outlook.wants.spec(key)
        if want is None:
            return None, self._unwanted(key)
        if not want.is_creatable:
            return None, "has no descriptor that could make it"
        if node is not None and outlook.is_frozen(node):
            return None, f"failed: {describe(node.error)}" if node.error else "failed"
        for need in want.needs:
            if not outlook.stands(need):
                return need, ""
        for group in want.anyof:
            if not outlook.is_met(group, key):
                label = group.label or "any of " + ", ".join(group.prefixes)
                return None, f"needs {label}, of which there is none"
        return None, "needs what it holds up itself"

    def _unwanted(self, key: str) -> str:
        node = self._outlook.nodes.get(key)
        if node is not None and node.rejected is not None:
            return f"is invalid: {describe(node.error)}" if node.error else "is invalid"
        return "nobody wants"
