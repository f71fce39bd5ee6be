# SPDX-License-Identifier: Apache-2.0
"""The state that a change leads to, as an overlay on the graph: what will stand, and as what."""

from __future__ import annotations

from collections.abc import Iterator

from ..graph import Graph, Node, Spec
from ..keyindex import KeyIndex
from ..model import DependsOnAny
from .wants import Wants

__all__ = ["Outlook"]


class Outlook:
    """What will stand when the change is through; optimistic while it is being worked out.

    ``added`` will be made, in an order in which that is possible; ``removed`` will go. ``held``
    keys stay as they stand, ``denied`` ones cannot be made now; both say why.
    """

    def __init__(self, wants: Wants, held: dict[str, str], denied: dict[str, str]) -> None:
        self.wants = wants
        self.graph = wants.graph
        self.nodes = wants.graph.nodes
        self.held = held
        self.denied = denied
        self.added: dict[str, Spec] = {}
        self.removed: dict[str, None] = {}
        self._added_keys: KeyIndex | None = None

    def stands(self, key: str) -> bool:
        """Tell whether something will stand under a key."""
        if key in self.added:
            return True
        node = self.nodes.get(key)
        return node is not None and node.have is not None and key not in self.removed

    def carries(self, key: str) -> bool:
        """Tell whether what will stand under a key may be built on.

        What is to go and only fails to carries nothing new, be it wanted or not: it would be
        taken away again with the next attempt.
        """
        if key in self.added:
            return True
        if not self.stands(key):
            return False
        node = self.nodes[key]
        if self.is_exempt(node) or not self.is_stuck(node):
            return True
        fails_to_go = node.operation == "delete" and self.is_frozen(node)
        return not fails_to_go and self.wants.spec(key) is not None

    def final(self, key: str) -> Spec | None:
        """Return what will stand under a key."""
        spec = self.added.get(key)
        if spec is not None:
            return spec
        node = self.nodes.get(key)
        if node is None or node.have is None or key in self.removed:
            return None
        if self.is_stuck(node):
            return node.have
        want = self.wants.spec(key)
        return node.have if want is None else want

    def is_frozen(self, node: Node) -> bool:
        """Tell whether the key must not be touched now.

        It failed, a late call runs, or its descriptor is not there any more.
        """
        if node.late or (node.blocked and node.key not in self.wants.unblocked):
            return True
        have = node.have if node.have is not None else node.doubt
        return have is not None and have.binding is None and have.base is None

    def is_stuck(self, node: Node) -> bool:
        """Tell whether what stands under the key stays as it is, whatever is wanted."""
        return self.is_frozen(node) or node.key in self.held

    def is_exempt(self, node: Node) -> bool:
        """Tell whether others made it: then it stands without regard to dependencies."""
        return node.adopted or node.is_property

    def is_settled(self, node: Node) -> bool:
        """Tell whether what stands is beyond dependencies: others made it, or it is stuck."""
        return self.is_exempt(node) or self.is_stuck(node)

    def add(self, key: str, spec: Spec) -> None:
        """Note that a key will be made."""
        self.added[key] = spec
        if self._added_keys is not None:
            self._added_keys.add(key)

    def drop(self, key: str) -> None:
        """Note that a key will not stand."""
        if self.added.pop(key, None) is None:
            self.removed[key] = None
        elif self._added_keys is not None:
            self._added_keys.discard(key)

    def matches(self, group: DependsOnAny, owner: str) -> Iterator[str]:
        """Yield the keys of a group that stand now or will stand, each once, unordered."""
        seen, selective = {owner}, group.where is not None
        for prefix in group.prefixes:
            for source in self._sources():
                for key in source.below(prefix):
                    if key in seen:
                        continue
                    seen.add(key)
                    if not selective or group.matches(key):
                        yield key

    def _sources(self) -> tuple[Graph | KeyIndex, ...]:
        if not self.added:
            return (self.graph,)
        if self._added_keys is None:
            self._added_keys = KeyIndex(self.added)
        return (self.graph, self._added_keys)

    def is_met(self, group: DependsOnAny, owner: str) -> bool:
        """Tell whether something will stand that meets an any-of dependency."""
        return any(map(self.stands, self.matches(group, owner)))

    def is_carried(self, group: DependsOnAny, owner: str) -> bool:
        """Tell whether something may be built on that meets an any-of dependency."""
        return any(map(self.carries, self.matches(group, owner)))

    def is_ready(self, key: str, spec: Spec) -> bool:
        """Tell whether all that a value needs will stand."""
        return all(map(self.stands, spec.needs)) and all(
            self.is_met(group, key) for group in spec.anyof
        )
