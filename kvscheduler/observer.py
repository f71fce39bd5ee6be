# SPDX-License-Identifier: Apache-2.0
"""Noting what is seen in the southbound: values that came, changed or went by themselves."""

from __future__ import annotations

import contextlib
from typing import Any

from .graph import Node, Spec
from .ledger import Ledger
from .model import Derived, Origin
from .planner.meaning import same, specify
from .registry import Binding, Registry

__all__ = ["Observer"]


class Observer:
    """Enters what was seen into the ledger's books, with what follows from it."""

    def __init__(self, ledger: Ledger, registry: Registry) -> None:
        self._ledger = ledger
        self._graph = ledger.graph
        self._registry = registry

    def observe(
        self, key: str, binding: Binding | None, value: Any, metadata: Any, origin: Origin
    ) -> None:
        """Note that a value stands in the southbound; equal to what is known changes nothing."""
        graph = self._graph
        node = graph.node(key)
        have = node.have
        graph.perhaps.pop(key, None)
        if node.unsure:
            node.unsure = False
            self._ledger.found_out[key] = None
        if have is not None and same(have.value, value):
            if metadata is not None and not same(metadata, node.metadata):
                # Written down as well: after a kill a descriptor is given what it told last.
                self._ledger.find_out(key)
                graph.set_have(node, have, metadata)
            self._observe_derived(node, have)
            return
        self._ledger.find_out(key)
        if have is None:
            self._first_seen(node, origin)
        want = node.want
        # A wish from before its descriptor came has another meaning, or none.
        if want is not None and want.binding is binding and same(want.value, value):
            spec = want
        else:
            base = want.base if want is not None else (have.base if have is not None else None)
            spec = _seen_spec(binding, key, value, base, plain=node.is_property)
        graph.set_have(node, spec, metadata if metadata is not None else node.metadata)
        node.doubt = None
        node.lost = False
        self._ledger.unsettle(node)
        self._observe_derived(node, have)

    def _first_seen(self, node: Node, origin: Origin) -> None:
        perhaps_ours = (node.doubt is not None or node.lost) and not node.adopted
        ours = origin is Origin.NORTHBOUND or (origin is Origin.UNKNOWN and perhaps_ours)
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
            if node.want is None:
                self._observe_unwanted(derived, node)
            else:
                self._observe_follower(derived, node.key)

    def _observe_unwanted(self, derived: Derived, base: Node) -> None:
        """Have the derived values of a property, and facts of what was found, stand with it."""
        binding = None
        with contextlib.suppress(Exception):  # planning reports it, with the key
            binding = self._registry.find(derived.key)
        if binding is not None and binding.retrieve is not None:
            return
        if base.is_property:
            binding = None
        follower = self._graph.node(derived.key)
        if follower.want is not None or follower.late:
            return
        if follower.have is not None and same(follower.have.value, derived.value):
            return
        follower.origin = base.origin
        self._ledger.find_out(derived.key)
        spec = _seen_spec(binding, derived.key, derived.value, base.key, plain=False)
        self._graph.set_have(follower, spec, None)
        self._ledger.unsettle(follower)

    def tie(self, key: str) -> None:
        """Have what was found by itself, but derives from what was found here, follow its base."""
        base = self._graph.nodes.get(key)
        if base is None or base.have is None or base.is_property:
            return
        for derived in base.have.derived:
            node = self._graph.nodes.get(derived.key)
            if node is None or node.have is None or node.want is not None or node.is_property:
                continue
            have = node.have
            if have.base is None and not node.late:
                spec = _seen_spec(have.binding, derived.key, have.value, key, plain=False)
                self._ledger.touched[derived.key] = None
                self._graph.set_have(node, spec, node.metadata)

    def _observe_follower(self, derived: Derived, base: str) -> None:
        """Conclude from its base that a derived value stands, where nothing else can tell."""
        node = self._graph.nodes.get(derived.key)
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
        self._ledger.find_out(derived.key)
        self._graph.set_have(node, spec, node.metadata)
        node.doubt, node.lost = None, False
        self._ledger.unsettle(node)

    def _lose_follower(self, key: str, base: str) -> None:
        """Drop what has gone with its base, and cannot be retrieved by itself."""
        node = self._graph.nodes.get(key)
        if node is None or node.have is None or node.have.base != base:
            return
        binding = node.have.binding
        if node.is_property or binding is None or binding.retrieve is None:
            self._set_lost(node)

    def lose(self, key: str) -> None:
        """Note that a value stands no longer, though no operation took it away."""
        node = self._graph.nodes.get(key)
        if node is None or (node.have is None and node.doubt is None):
            return
        have = node.have
        node.doubt, node.unsure = None, False
        self._graph.perhaps.pop(key, None)
        self._ledger.found_out[key] = None
        if have is None:
            self._ledger.touched[key] = None
            self._graph.revision += 1
            return
        self._set_lost(node)
        for derived in have.derived:
            follower = self._graph.nodes.get(derived.key)
            if follower is not None and (follower.is_property or _is_fact(follower.have)):
                self._lose_follower(derived.key, key)

    def _set_lost(self, node: Node) -> None:
        node.lost = node.want is not None
        node.adopted = False
        node.origin = Origin.NORTHBOUND
        self._ledger.find_out(node.key)
        self._graph.set_have(node, None, None)
        self._ledger.unsettle(node)

    def rebind(self, node: Node) -> None:
        """Have the descriptor that has come serve what stands without one."""
        have = node.have
        if have is None:
            return
        binding = self._registry.find(node.key)
        spec = _seen_spec(binding, node.key, have.value, have.base, plain=node.is_property)
        self._ledger.touched[node.key] = None
        self._graph.set_have(node, spec, node.metadata)
        self._graph.unsettled[node.key] = None


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
