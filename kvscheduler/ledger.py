# SPDX-License-Identifier: Apache-2.0
"""Keeping the books: what plans and operations change in what is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .graph import Graph, Node, Spec
from .model import Origin, ValueState
from .plan import Operation
from .planner import Draft

__all__ = ["Ledger", "state_of"]

# Kept here: to ask an enum for a member costs as much as a call.
_OURS = Origin.NORTHBOUND
_CONFIGURED, _PENDING = ValueState.CONFIGURED, ValueState.PENDING
_NONEXISTENT, _REMOVED = ValueState.NONEXISTENT, ValueState.REMOVED


def state_of(graph: Graph, node: Node) -> ValueState:
    """Return where a value stands."""
    if node.blocked or node.late:
        return ValueState.FAILED if node.retry_at is None else ValueState.RETRYING
    if node.rejected is not None:
        return ValueState.INVALID
    if node.want is None:
        return _state_of_unwanted(node)
    if not node.want.is_creatable and not node.adopted:
        return ValueState.UNIMPLEMENTED
    if node.have is None:
        is_missing = node.lost and node.key in graph.unsettled  # no plan has looked at it yet
        return ValueState.MISSING if is_missing else _PENDING
    if node.have is node.want or (node.key in graph.unsettled and node.key not in graph.held):
        return _CONFIGURED
    return _PENDING


def _state_of_unwanted(node: Node) -> ValueState:
    if node.doubt is not None:
        return _PENDING
    if node.have is None:
        return _REMOVED if node.operation == "delete" else _NONEXISTENT
    if node.origin is not _OURS:
        return ValueState.OBTAINED
    return _PENDING if node.operation else ValueState.DISCOVERED


class Ledger:
    """Applies drafts and outcomes to the graph.

    ``touched`` collects the keys whose status may have changed since it was last cleared,
    ``found_out`` those of which something is known that no operation told.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.touched: dict[str, None] = {}
        self.found_out: dict[str, None] = {}
        self._passing: dict[str, Spec | None] = {}

    # A draft is taken on.

    def take_on(self, draft: Draft, *, retrying: bool = False) -> None:
        """Note what a draft wants; the operations follow one by one.

        A retry goes on counting the attempts of what it unblocks.
        """
        graph, touched = self.graph, self.touched
        graph.unsettled.clear()
        if graph.held or draft.held:
            touched.update(dict.fromkeys((*graph.held, *draft.held)))
            graph.held = draft.held
        for key in draft.unblocked:
            self._unblock(key, retrying=retrying)
        for key, spec in draft.wants.items():
            node = graph.node(key)
            touched[key] = None
            if spec is not None and node.have is not None and node.is_property:
                node.adopted = True
            graph.set_want(node, spec)
            if node.rejected is not None:
                node.rejected = node.error = None
        for key, (value, base, error) in draft.rejected.items():
            node = graph.node(key)
            node.rejected, node.error = (value, base), error
            graph.revision += 1
            touched[key] = None
        for key in draft.released:
            graph.nodes[key].adopted = False
        self._pass(draft.absorbed)
        touched.update(dict.fromkeys(draft.seeds))
        if draft.facts:
            self.place_facts(draft.facts.get(-1, ()))

    def _pass(self, keys: Sequence[str]) -> None:
        """Note that what stands passes for what is wanted, without an operation."""
        if self._passing:
            self._passing = {}
        for key in keys:
            node = self.graph.nodes[key]
            self.touched[key] = None
            self._passing[key] = node.have
            self.graph.set_have(node, node.want, node.metadata)

    def take_back(self) -> None:
        """Have what was to pass for another value without an operation pass for the old one.

        Unless what it was to stand on has come about: then it has moved.
        """
        graph = self.graph
        # Bases first: what derives from them follows them.
        for key in sorted(self._passing, key=self._is_derived):
            node, have = graph.nodes[key], self._passing[key]
            if node.have is None or self._has_moved(key, node.have):
                continue
            if have is not None and have.is_fact and graph.have(have.base or "") is None:
                have = None  # it went with its base, and has not come with another
            graph.set_have(node, have, node.metadata)
            self.leave_open((key,))
            self.find_out(key)

    def _is_derived(self, key: str) -> bool:
        have = self.graph.nodes[key].have
        return have is not None and have.base is not None

    def _has_moved(self, key: str, spec: Spec) -> bool:
        graph = self.graph
        if spec.base is not None:
            base = graph.nodes.get(spec.base)
            return base is not None and base.have is base.want
        return all(graph.have(need) is not None for need in spec.needs) and all(
            any(
                graph.have(other) is not None and other != key and group.matches(other)
                for prefix in group.prefixes
                for other in graph.below(prefix)
            )
            for group in spec.anyof
        )

    def _unblock(self, key: str, *, retrying: bool) -> None:
        node = self.graph.nodes.get(key)
        if node is None:
            return
        if node.blocked:
            self.graph.revision += 1
            self.touched[key] = None
        node.blocked = False
        if not retrying:
            node.attempt = 0
        node.retry_at = None
        if node.rejected is None:
            node.error = None

    # Outcomes of operations.

    def succeeded(self, operation: Operation, node: Node, metadata: Any) -> None:
        """Note that an operation did what it should."""
        kind = operation.kind
        self.touched[node.key] = None
        node.operation = kind
        if node.doubt is not None or node.lost or node.attempt or node.broken or node.unsure:
            node.doubt, node.lost, node.attempt, node.broken = None, False, 0, False
            node.unsure = False
            self.graph.perhaps.pop(node.key, None)
        if kind == "delete":
            self.graph.set_have(node, None, None)
        elif kind == "create":
            if node.origin is not _OURS:
                node.origin = _OURS
            self.graph.stand(node, metadata)
        else:
            self.graph.stand(node, node.metadata if metadata is None else metadata)

    def place_facts(self, facts: Iterable[tuple[str, Spec | None]]) -> None:
        """Note that facts have come, or gone, with their base."""
        for key, spec in facts:
            node = self.graph.node(key)
            self.touched[key] = None
            self.graph.set_have(node, spec, None)

    def find_out(self, key: str) -> None:
        """Note that something is known of a key that no operation has told."""
        self.touched[key] = self.found_out[key] = None

    def leave(self, facts: Iterable[str]) -> None:
        """Note that a draft is done, and gone the facts that were to stand until then."""
        self.place_facts((key, None) for key in facts)

    def failed(self, key: str, kind: str, error: Exception) -> None:
        """Note that an operation failed: the key is not touched until it is unblocked."""
        graph = self.graph
        node = graph.node(key)
        self.touched[key] = None
        graph.revision += 1
        node.operation = kind or node.operation
        node.blocked = True
        node.error = error
        if kind == "create":
            node.doubt = node.want
        elif kind:
            node.unsure = True
        if kind:
            self.found_out[key] = None
            if kind != "delete" and node.want is not None and node.want.claims:
                # Each of several failures in a row may have had its effect.
                claims = (*graph.perhaps.get(key, ()), *node.want.claims)
                graph.perhaps[key] = tuple(dict.fromkeys(claims))
        self.unsettle(node)
        graph.unsettled[key] = None

    def leave_open(self, keys: Iterable[str]) -> None:
        """Have the next planning look at keys that a run has left as they were not to be.

        And at who needs what is not there: a ring is made as one, and a fact may have been lost
        on its way from base to base, so it may stand already.
        """
        graph = self.graph
        for key in keys:
            graph.unsettled[key] = None
            node = graph.nodes.get(key)
            if node is not None and node.have is None:
                self.unsettle(node)

    def unsettle(self, node: Node) -> None:
        """Have the next planning look at a key that moved by itself, and at who needs it."""
        unsettled, key = self.graph.unsettled, node.key
        if node.want is not None:
            unsettled[key] = None
        unsettled.update(dict.fromkeys(self.graph.dependents(key)))
        unsettled.update(dict.fromkeys(self.graph.watching.of(key)))

    # Closing the books of one transaction.

    def publish(self, now: float) -> list[str]:
        """Settle the states of the touched keys; return those that have changed, or are new."""
        graph = self.graph
        changed = []
        for key in self.touched:
            node = graph.nodes.get(key)
            if node is None:
                continue
            have = node.have
            if (
                have is node.want
                and have is not None
                and not (node.blocked or node.late or node.rejected is not None)
            ):
                state = _CONFIGURED
            else:
                state = state_of(graph, node)
            if state is not node.state:
                node.state = state
                node.since = now
            changed.append(key)
            if state is _REMOVED or state is _NONEXISTENT:
                graph.forget(node)
        self.touched = {}
        return changed

    def dismiss(self, key: str) -> None:
        """Let go of a failed key that nobody wants and that has gone all the same."""
        node = self.graph.nodes.get(key)
        if node is None or node.late or node.want is not None or node.rejected is not None:
            return
        if node.have is None and node.doubt is None:
            node.blocked, node.error, node.retry_at = False, None, None
            self.touched[key] = None
