# SPDX-License-Identifier: Apache-2.0
"""From the values of a change to what they mean: specs, derived values, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ClaimConflict, InvalidValue
from ..graph import Graph, Node, Spec
from ..registry import Binding, Registry
from .change import Change
from .meaning import same, specify

__all__ = ["Wants", "resolve"]


class Wants:
    """The changed wishes of one change: key to new spec, None for wanted no longer.

    ``rejected`` maps invalid keys to (value, base, error); ``unblocked`` holds the failed keys
    that are to be tried again.
    """

    def __init__(self, graph: Graph, registry: Registry, change: Change) -> None:
        self.graph = graph
        self.registry = registry
        self.change = change
        self.specs: dict[str, Spec | None] = {}
        self.rejected: dict[str, tuple[Any, str | None, InvalidValue]] = {}
        self.unblocked: dict[str, None] = {}

    def spec(self, key: str) -> Spec | None:
        """Return what is wanted under a key once the change is in."""
        if key in self.specs:
            return self.specs[key]
        node = self.graph.nodes.get(key)
        return None if node is None else node.want


def resolve(graph: Graph, registry: Registry, change: Change) -> Wants:
    """Work out the wishes of a change; raise ``ClaimConflict`` where two exclude each other.

    A lenient change refuses the later one instead: of a standing and a new value the new one,
    of two new ones the one whose key sorts last. What stood once is taken as it stood.
    """
    if change.stood:
        wants = Wants(graph, registry, change)
        wants.specs.update(change.stood)
        wants.unblocked.update(dict.fromkeys(change.unblock or ()))
        return wants
    refused: dict[str, tuple[InvalidValue, bool]] = {}
    while True:
        wants = Wants(graph, registry, change)
        try:
            _Resolution(wants, refused).run()
        except ClaimConflict as conflict:
            if not change.lenient:
                raise
            later = _later(graph, conflict.keys, refused)
            refused[later] = (InvalidValue(str(conflict)), later in refused)
        else:
            return wants


def _later(graph: Graph, keys: Iterable[str], refused: dict[str, Any]) -> str:
    def rank(key: str) -> tuple[bool, bool, str]:
        node = graph.nodes.get(key)
        stands = node is not None and node.want is not None and node.have is not None
        return (key in refused and refused[key][1], not stands, key)

    candidates = sorted(keys, key=rank)
    return next((k for k in reversed(candidates) if not refused.get(k, (0, False))[1]), max(keys))


class _Resolution:
    """One attempt at resolving a change, with the refusals that earlier attempts came to."""

    def __init__(self, wants: Wants, refused: dict[str, tuple[InvalidValue, bool]]) -> None:
        self.wants = wants
        self.graph = wants.graph
        self.change = wants.change
        self.specs = wants.specs
        self.refused = refused
        self.changed_bases: list[tuple[str, Spec | None, Spec | None]] = []
        self.once_derived: list[str] = []
        self.gainers: dict[str, str] = {}

    def run(self) -> None:
        for key in self._deleted():
            self._delete(key)
        values = self._values()
        for key in sorted(values):
            self._set(key, values[key])
        if self.changed_bases:
            self._drop_derived()
            for base, _, new in self.changed_bases:
                if new is not None and new.derived:
                    self._gain_derived(base, new)
        if self.once_derived:
            self._check_once_derived()
        self._check_claims()
        self._unblock()

    def _values(self) -> Mapping[str, Any]:
        values = self.change.values
        if self.change.rebind:
            values = dict(values)
            for key, node in self.graph.nodes.items():
                if node.rejected is not None and node.rejected[1] is None:
                    values.setdefault(key, node.rejected[0])
                elif node.want is not None and self._is_rebound(key, node.want):
                    values.setdefault(key, node.want.value)
        return values

    def _is_rebound(self, key: str, want: Spec) -> bool:
        """Tell whether another descriptor serves a value, or one derived from it, by now."""
        if want.base is not None:
            return False
        try:
            if self.wants.registry.find(key) is not want.binding:
                return True
            for derived in want.derived:
                node = self.graph.nodes.get(derived.key)
                known = None if node is None or node.want is None else node.want.binding
                if self.wants.registry.find(derived.key) is not known:
                    return True
        except InvalidValue:
            return True
        return False

    def _deleted(self) -> Iterable[str]:
        if not self.change.replace:
            return sorted(set(self.change.deletes)) if self.change.deletes else ()
        kept = self.change.values
        return sorted(
            key for key, node in self.graph.nodes.items() if key not in kept and _is_own_wish(node)
        )

    def _delete(self, key: str) -> None:
        node = self.graph.nodes.get(key)
        if node is None:
            return
        if not _is_own_wish(node):
            if node.want is None and node.blocked:
                self.wants.unblocked[key] = None
            return
        self.specs[key] = None
        self.wants.unblocked[key] = None
        if node.want is not None and node.want.derived:
            self.changed_bases.append((key, node.want, None))
            self.wants.unblocked.update(dict.fromkeys(d.key for d in node.want.derived))

    def _set(self, key: str, value: Any) -> None:
        node = self.graph.nodes.get(key)
        old = None
        if node is not None:
            old = node.want
            if old is not None and old.base is not None:
                self.once_derived.append(key)
                old = None
        if key in self.refused:
            self._refuse(key, value, old)
            return
        try:
            binding = self.wants.registry.find(key)
            if old is not None and self._is_unchanged(key, node, old, binding, value):
                if self._needs_another_try(node, old):
                    self.wants.unblocked[key] = None
                return
            spec = specify(binding, key, value)
        except InvalidValue as error:
            self.wants.rejected[key] = (value, None, error)
            return
        self.specs[key] = spec
        if node is not None:
            self.wants.unblocked[key] = None
        if spec.derived or (old is not None and old.derived):
            self.changed_bases.append((key, old, spec))

    def _needs_another_try(self, node: Node | None, old: Spec) -> bool:
        """Tell whether setting an equal value again has anything to mend."""
        if node is None or not node.is_calm:
            return True
        nodes = self.graph.nodes
        return any(
            (follower := nodes.get(one.key)) is not None and not follower.is_calm
            for one in old.derived
        )

    def _is_unchanged(
        self, key: str, node: Node | None, old: Spec, binding: Binding | None, value: Any
    ) -> bool:
        if self.change.rebind and self._is_rebound(key, old):
            return False
        return _is_same(node, old, binding, value)

    def _refuse(self, key: str, value: Any, old: Spec | None) -> None:
        error, again = self.refused[key]
        self.wants.rejected[key] = (value, None, error)
        if again:
            self.specs[key] = None
            if old is not None and old.derived:
                self.changed_bases.append((key, old, None))

    def _drop_derived(self) -> None:
        for base, old, new in self.changed_bases:
            kept = {derived.key for derived in new.derived} if new is not None else ()
            for derived in old.derived if old is not None else ():
                if derived.key in kept or self.specs.get(derived.key) is not None:
                    continue
                node = self.graph.nodes.get(derived.key)
                # Elsewhere: only in dry runs amid an undo, where a base is wanted without it.
                if node is not None and _derived_from(node) == base:  # pragma: no branch
                    self.specs[derived.key] = None

    def _gain_derived(self, base: str, spec: Spec) -> None:
        for key, value in spec.derived:
            self._check_owner(key, base)
            if key in self.refused:
                self._refuse_derived(key, value, base)
                continue
            current = self.wants.spec(key)
            try:
                binding = self.wants.registry.find(key)
                node = self.graph.nodes.get(key)
                if current is not None and _is_same(node, current, binding, value):
                    continue
                self.specs[key] = specify(binding, key, value, base)
            except InvalidValue as error:
                self.wants.rejected[key] = (value, base, error)
                if self._is_fact_no_more(key):
                    self.specs[key] = None
                else:
                    self._keep_predecessor(key, base)

    def _is_fact_no_more(self, key: str) -> bool:
        """Tell whether a descriptor has come for what was a fact, and so none of its values."""
        current = self.wants.spec(key)
        if current is None or current.binding is not None:
            return False
        try:
            return self.wants.registry.find(key) is not None
        except InvalidValue:  # two have come
            return True

    def _refuse_derived(self, key: str, value: Any, base: str) -> None:
        error, again = self.refused[key]
        self.wants.rejected[key] = (value, base, error)
        if again:
            self.specs[key] = None
        else:
            self._keep_predecessor(key, base)

    def _check_owner(self, key: str, base: str) -> None:
        """Refuse a key that is wanted otherwise too, be that value valid or not."""
        other = self.gainers.setdefault(key, base)
        if other != base:
            raise ClaimConflict(key, (other, base))
        current = self.wants.spec(key)
        if current is not None and current.base != base:
            owners = (base, key) if current.base is None else (current.base, base)
            raise ClaimConflict(key, owners)
        node = self.graph.nodes.get(key)
        rejected = node.rejected if node is not None else None
        if key in self.wants.rejected:
            rejected = self.wants.rejected[key][:2]
        elif key in self.specs or rejected is None:
            return
        owner = rejected[1]
        if owner == base:
            return
        if owner is None:
            raise ClaimConflict(key, (base, key))
        raise ClaimConflict(key, (owner, base))

    def _keep_predecessor(self, key: str, base: str) -> None:
        """Let a derived key that moves with an invalid value take its valid one along."""
        node = self.graph.nodes.get(key)
        old = None if node is None else node.want
        if old is None or old.base is None or old.base == base:
            return
        self.specs[key] = specify(old.binding, key, old.value, base)

    def _check_once_derived(self) -> None:
        """Refuse a key that the northbound takes from a base that still derives it."""
        for key in self.once_derived:
            node = self.graph.nodes[key]
            base = None if node.want is None else node.want.base
            owner = None if base is None else self.wants.spec(base)
            is_set = self.specs.get(key) is not None
            is_set = is_set or (key in self.wants.rejected and key not in self.refused)
            if base is None or owner is None or not is_set:
                continue
            if any(derived.key == key for derived in owner.derived):
                raise ClaimConflict(key, (key, base))

    def _check_claims(self) -> None:
        claiming = [key for key, spec in self.specs.items() if spec is not None and spec.claims]
        if not claiming:
            return
        taken: dict[str, str] = {}
        claimants = self.graph.claimants
        for key in sorted(claiming):
            spec = self.specs[key]
            for claim in spec.claims if spec is not None else ():
                other = taken.setdefault(claim, key)
                if other != key:
                    raise self._exclusion(claim, other, key)
                holder = claimants.get(claim)
                if holder is None or holder == key:
                    continue
                still = self.wants.spec(holder)
                if still is not None and claim in still.claims:
                    raise self._exclusion(claim, holder, key)

    def _exclusion(self, claim: str, *keys: str) -> ClaimConflict:
        """Name the keys that the northbound set where the change can still choose."""
        if not self.change.lenient:
            return ClaimConflict(claim, keys)
        bases = []
        for key in keys:
            spec = self.wants.spec(key)
            bases.append(key if spec is None or spec.base is None else spec.base)
        return ClaimConflict(claim, bases if bases[0] != bases[1] else keys)

    def _unblock(self) -> None:
        nodes = self.graph.nodes
        if self.change.unblock is None:
            blocked = [key for key, node in nodes.items() if node.blocked]
            self.wants.unblocked.update(dict.fromkeys(blocked))
        elif self.change.unblock:
            self.wants.unblocked.update(dict.fromkeys(self.change.unblock))
        for key in tuple(self.wants.unblocked):
            spec = self.wants.spec(key)
            if spec is not None and spec.derived:
                self.wants.unblocked.update(dict.fromkeys(d.key for d in spec.derived))


def _is_same(node: Node | None, old: Spec, binding: Binding | None, value: Any) -> bool:
    """Tell whether a wish is what was wanted already, of the same descriptor and valid."""
    return (
        old.binding is binding
        and (node is None or node.rejected is None)
        and same(old.value, value)
    )


def _is_own_wish(node: Node) -> bool:
    if node.want is not None:
        return node.want.base is None
    return node.rejected is not None and node.rejected[1] is None


def _derived_from(node: Node) -> str | None:
    if node.want is not None:
        return node.want.base
    return node.rejected[1] if node.rejected is not None else None
