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
        self._roots: dict[str, str] = {}

    def why(self, key: str) -> str:
        """Return what a key waits for, and where that is not the root cause, the root cause."""
        need, text = self._obstacle(key)
        if need is None:
            return text
        root = self._root(need)
        return f"needs {need}, {root}"

    def _root(self, key: str) -> str:
        path: list[str] = []
        seen: set[str] = set()
        text = ""
        at: str | None = key
        while at is not None:
            if at in self._roots:
                text = self._roots[at]
                break
            if at in seen:
                text = f"which is in a ring with {at} that cannot be closed"
                break
            seen.add(at)
            path.append(at)
            last = at
            at, text = self._obstacle(at)
            if at is None:
                text = f"which {text}" if last == key else f"which waits for {last}: it {text}"
        for visited in path:
            self._roots[visited] = text if visited == key else text
        return text

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
