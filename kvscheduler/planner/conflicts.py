# SPDX-License-Identifier: Apache-2.0
"""What must not be touched holds up what it needs, and what wants its claims."""

from __future__ import annotations

from ..graph import Spec
from .closure import Closure
from .outlook import Outlook
from .wants import Wants

__all__ = ["Conflicts", "close"]


def close(
    wants: Wants, seeds: tuple[str, ...], held: dict[str, str], denied: dict[str, str]
) -> Closure:
    """Return what will stand once the change is through; adds to what is held and denied."""
    while True:
        closure = Closure(Outlook(wants, held, denied), seeds)
        closure.run()
        if not Conflicts(closure).find():
            return closure


class Conflicts:
    """Finds what a closure takes away or makes though something stuck forbids it."""

    def __init__(self, closure: Closure) -> None:
        self._closure = closure
        self._outlook = closure.outlook
        self._graph = closure.graph
        self._nodes = closure.nodes

    def find(self) -> bool:
        """Note newly held and denied keys; tell whether there were any."""
        before = len(self._outlook.held) + len(self._outlook.denied)
        for key in self._outlook.removed:
            self._hold_needed(key)
        if self._graph.holders or self._graph.perhaps:
            for key, spec in (*self._outlook.added.items(), *self._closure.staying.items()):
                if spec.claims and key not in self._outlook.removed:
                    self._deny_claimed(key, spec)
        return len(self._outlook.held) + len(self._outlook.denied) > before

    def _hold_needed(self, key: str) -> None:
        for dependent in self._graph.dependents(key):
            node = self._nodes[dependent]
            if node.have is None or dependent in self._outlook.removed:
                continue
            if (
                key in node.have.needs
                and self._outlook.is_stuck(node)
                and not self._outlook.is_exempt(node)
            ):
                self.hold(key, f"{dependent} still stands and needs it")
        for watcher in self._graph.watching.of(key) if self._graph.watching else ():
            node = self._nodes[watcher]
            if node.have is None or watcher in self._outlook.removed:
                continue
            if self._outlook.is_stuck(node) and not self._closure.is_met(watcher, node.have):
                self.hold(key, f"{watcher} still stands and needs it")

    def hold(self, key: str, why: str) -> None:
        """Keep what stands under a key, and what that needs."""
        stack = [(key, why)]
        while stack:
            key, why = stack.pop()
            node = self._nodes.get(key)
            if node is None or node.have is None or key in self._outlook.held:
                continue
            self._outlook.held[key] = why
            if self._outlook.is_exempt(node):
                continue  # what others made stands whatever it needs
            reason = f"{key} still stands and needs it"
            stack.extend(
                (need, reason) for need in node.have.needs if need in self._outlook.removed
            )

    def _deny_claimed(self, key: str, spec: Spec) -> None:
        for claim in spec.claims:
            holder = self._graph.holders.get(claim)
            if holder is None or holder == key:
                continue
            stays = self._outlook.final(holder)
            if stays is None or claim not in stays.claims:
                continue
            self._deny(key, f"{holder} still holds {claim}")
        for holder, claims in self._graph.perhaps.items():
            if holder == key or not self._outlook.is_frozen(self._nodes[holder]):
                continue
            for claim in spec.claims:
                if claim in claims:
                    self._deny(key, f"{holder} failed and may hold {claim}")

    def _deny(self, key: str, why: str) -> None:
        if key in self._closure.staying:
            self._outlook.held.setdefault(key, why)
        else:
            self._outlook.denied.setdefault(key, why)
