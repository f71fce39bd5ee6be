# SPDX-License-Identifier: Apache-2.0
"""Keeping the books: what plans and operations change in what is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Mapping
from typing import Any

from .graph import Graph, Node, Spec
from .model import Derived, Origin, RetryPolicy, ValueState
from .plan import Operation
from .planner import Draft
from .planner.meaning import same, specify
from .registry import Binding, Registry

__all__ = ["Ledger", "Memory", "state_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """What a node was before a transaction, to return to when it is reverted."""

    want: Spec | None
    have: Spec | None
    rejected: tuple[Any, str | None] | None
    retry: RetryPolicy | None
    blocked: bool
    attempt: int
    error: Exception | None
    adopted: bool
    operation: str
    retry_at: float | None


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
        return ValueState.MISSING if node.lost else ValueState.PENDING
    if node.have is node.want or (node.key in graph.unsettled and node.key not in graph.held):
        return ValueState.CONFIGURED
    return ValueState.PENDING


def _state_of_unwanted(node: Node) -> ValueState:
    if node.doubt is not None:
        return ValueState.PENDING
    if node.have is None:
        return ValueState.REMOVED if node.operation == "delete" else ValueState.NONEXISTENT
    if node.origin is not Origin.NORTHBOUND:
        return ValueState.OBTAINED
    return ValueState.PENDING if node.operation else ValueState.DISCOVERED


class Ledger:
    """Applies drafts, outcomes and observations to the graph.

    ``touched`` collects the keys whose status may have changed since it was last cleared.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.touched: dict[str, None] = {}

    # A draft is taken on.

    def remember(self, draft: Draft) -> dict[str, Memory | None]:
        """Return what is known of all that a draft may change, None for unknown keys."""
        keys = dict.fromkeys(draft.seeds)
        keys.update(dict.fromkeys(draft.rejected))
        keys.update(dict.fromkeys(operation.key for operation in draft.operations))
        for facts in draft.facts.values():
            keys.update(dict.fromkeys(key for key, _ in facts))
        return {key: self._memory(self.graph.nodes.get(key)) for key in keys}

    @staticmethod
    def _memory(node: Node | None) -> Memory | None:
        if node is None:
            return None
        return Memory(
            node.want, node.have, node.rejected, node.retry, node.blocked, node.attempt,
            node.error, node.adopted, node.operation, node.retry_at,
        )  # fmt: skip

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
        for key in draft.absorbed:
            node = graph.nodes[key]
            touched[key] = None
            graph.set_have(node, node.want, node.metadata)
        touched.update(dict.fromkeys(draft.seeds))
        self.place_facts(draft.facts.get(-1, ()))

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
        if node.doubt is not None or node.lost or node.attempt or node.broken:
            node.doubt, node.lost, node.attempt, node.broken = None, False, 0, False
        if kind == "delete":
            self.graph.set_have(node, None, None)
        elif kind == "create":
            if node.origin is not Origin.NORTHBOUND:
                node.origin = Origin.NORTHBOUND
            self.graph.stand(node, metadata)
        else:
            self.graph.stand(node, node.metadata if metadata is None else metadata)

    def place_facts(self, facts: Iterable[tuple[str, Spec | None]]) -> None:
        """Note that facts have come, or gone, with their base."""
        for key, spec in facts:
            node = self.graph.node(key)
            self.touched[key] = None
            self.graph.set_have(node, spec, None)

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
        self._unsettle(node)
        graph.unsettled[key] = None

    # Observations.

    def observe(
        self, key: str, binding: Binding | None, value: Any, metadata: Any, origin: Origin
    ) -> None:
        """Note that a value stands in the southbound; equal to what is known changes nothing."""
        graph = self.graph
        node = graph.node(key)
        have = node.have
        if have is not None and same(have.value, value):
            if metadata is not None and not same(metadata, node.metadata):
                graph.set_have(node, have, metadata)
            self._observe_derived(node, have)
            return
        self.touched[key] = None
        if have is None:
            self._first_seen(node, origin)
        want = node.want
        if want is not None and same(want.value, value):
            spec = want
        else:
            base = want.base if want is not None else (have.base if have is not None else None)
            spec = _seen_spec(binding, key, value, base, plain=node.is_property)
        graph.set_have(node, spec, metadata if metadata is not None else node.metadata)
        node.doubt = None
        node.lost = False
        self._unsettle(node)
        self._observe_derived(node, have)

    def _first_seen(self, node: Node, origin: Origin) -> None:
        ours = origin is Origin.NORTHBOUND or (
            origin is Origin.UNKNOWN and (node.doubt is not None or node.lost)
        )
        node.origin = Origin.NORTHBOUND if ours else Origin.SOUTHBOUND
        node.adopted = not ours and node.want is not None

    def _observe_derived(self, node: Node, before: Spec | None) -> None:
        """Have what nobody retrieves by itself come and go with its base."""
        spec = node.have
        if spec is None or not (spec.derived or (before is not None and before.derived)):
            return
        if before is not spec and before is not None:
            kept = {derived.key for derived in spec.derived}
            for derived in before.derived:
                if derived.key not in kept:
                    self._lose_follower(derived.key, node.key)
        for derived in spec.derived:
            if node.is_property:
                self._observe_property(derived, node.key)
            else:
                self._observe_follower(derived, node.key)

    def _observe_property(self, derived: Derived, base: str) -> None:
        follower = self.graph.node(derived.key)
        if follower.want is not None or not (follower.have is None or follower.is_property):
            return
        if follower.have is None or not same(follower.have.value, derived.value):
            follower.origin = Origin.SOUTHBOUND
            self.touched[derived.key] = None
            self.graph.set_have(follower, Spec(None, derived.value, base), None)
            self._unsettle(follower)

    def _observe_follower(self, derived: Derived, base: str) -> None:
        """Conclude from its base that a derived value stands, where nothing else can tell."""
        node = self.graph.nodes.get(derived.key)
        if node is None or node.late or node.want is None or node.want.base != base:
            return
        want, binding = node.want, node.want.binding
        if binding is not None and binding.retrieve is not None:
            return
        if node.have is not None and same(node.have.value, derived.value):
            return
        if node.have is None and node.doubt is None and not node.lost and want.binding is not None:
            return
        spec = want
        if not same(want.value, derived.value):
            spec = _seen_spec(binding, derived.key, derived.value, base, plain=False)
        self.touched[derived.key] = None
        self.graph.set_have(node, spec, node.metadata)
        node.doubt, node.lost = None, False
        self._unsettle(node)

    def _lose_follower(self, key: str, base: str) -> None:
        """Drop a fact, or a property's derived value, whose base has gone."""
        node = self.graph.nodes.get(key)
        if node is None or node.have is None or node.have.base != base:
            return
        binding = node.have.binding
        if node.is_property or binding is None or binding.retrieve is None:
            self._set_lost(node)

    def lose(self, key: str) -> None:
        """Note that a value stands no longer, though no operation took it away."""
        node = self.graph.nodes.get(key)
        if node is None or (node.have is None and node.doubt is None):
            return
        have = node.have
        node.doubt = None
        if have is None:
            self.touched[key] = None
            self.graph.revision += 1
            return
        self._set_lost(node)
        for derived in have.derived:
            follower = self.graph.nodes.get(derived.key)
            if follower is not None and (follower.is_property or _is_fact(follower.have)):
                self._lose_follower(derived.key, key)

    def _set_lost(self, node: Node) -> None:
        node.lost = node.want is not None
        node.adopted = False
        node.origin = Origin.NORTHBOUND
        self.touched[node.key] = None
        self.graph.set_have(node, None, None)
        self._unsettle(node)

    def _unsettle(self, node: Node) -> None:
        """Have the next planning look at a key that moved by itself, and at who needs it."""
        unsettled, key = self.graph.unsettled, node.key
        if node.want is not None:
            unsettled[key] = None
        unsettled.update(dict.fromkeys(self.graph.dependents(key)))
        unsettled.update(dict.fromkeys(self.graph.watching.of(key)))

    def rebind(self, node: Node, registry: Registry) -> None:
        """Have the descriptor that has come serve what stands without one."""
        have = node.have
        if have is None:
            return
        binding = registry.find(node.key)
        spec = _seen_spec(binding, node.key, have.value, have.base, plain=node.is_property)
        self.touched[node.key] = None
        self.graph.set_have(node, spec, node.metadata)
        self.graph.unsettled[node.key] = None

    # Closing the books of one transaction.

    def publish(self, now: float) -> list[str]:
        """Settle the states of the touched keys; return those that have changed, or are new."""
        graph = self.graph
        changed = []
        for key in self.touched:
            node = graph.nodes.get(key)
            if node is None:
                continue
            if node.have is node.want and node.have is not None and not node.is_troubled:
                state = ValueState.CONFIGURED
            else:
                state = state_of(graph, node)
            if state is not node.state:
                node.state = state
                node.since = now
            changed.append(key)
            if state is ValueState.REMOVED or state is ValueState.NONEXISTENT:
                graph.forget(node)
        self.touched = {}
        return changed

    def restore(self, memories: Mapping[str, Memory | None], but: Container[str]) -> list[str]:
        """Bring back what was known before a reverted transaction, ``but`` where undoing failed.

        Returns the keys that wait for a retry again.
        """
        waiting = []
        for key, memory in memories.items():
            node = self.graph.nodes.get(key)
            if node is None or memory is None or node.late or key in but:
                continue
            self._restore_want(node, memory.want)
            node.rejected, node.retry = memory.rejected, memory.retry
            node.adopted = memory.adopted
            node.blocked, node.attempt, node.error = memory.blocked, memory.attempt, memory.error
            node.operation, node.retry_at = memory.operation, memory.retry_at
            self.touched[key] = None
            if memory.retry_at is not None:
                waiting.append(key)
        self.graph.revision += 1
        return waiting

    def _restore_want(self, node: Node, want: Spec | None) -> None:
        have = node.have
        if node.want is want:
            return
        self.graph.set_want(node, want)
        if have is not None and want is not None and same(have.value, want.value):
            self.graph.set_have(node, want, node.metadata)

    def dismiss(self, key: str) -> None:
        """Let go of a failed key that nobody wants and that has gone all the same."""
        node = self.graph.nodes.get(key)
        if node is None or node.late or node.want is not None or node.rejected is not None:
            return
        if node.have is None and node.doubt is None:
            node.blocked, node.error, node.retry_at = False, None, None
            self.touched[key] = None


def _seen_spec(
    binding: Binding | None, key: str, value: Any, base: str | None, *, plain: bool
) -> Spec:
    """Return the meaning of a value as found; an unreadable one means nothing but itself."""
    try:
        spec = specify(binding, key, value, base, seen=True)
    except Exception:  # noqa: BLE001 - what stands may be invalid by our own rules
        return Spec(binding, value, base, () if base is None else (base,))
    if plain:
        return Spec(binding, value, base, (), (), spec.derived, ())
    return spec


def _is_fact(spec: Spec | None) -> bool:
    return spec is not None and spec.is_fact
