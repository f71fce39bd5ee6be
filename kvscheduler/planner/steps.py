# SPDX-License-Identifier: Apache-2.0
"""From what will stand to operations: which values are made, changed, removed or recreated."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from ..graph import Node, Spec
from ..plan import Operation
from .closure import Closure
from .meaning import equivalent, must_recreate, same
from .rings import rings

__all__ = ["LEFT_ALONE", "Steps"]

LEFT_ALONE = "the change needs a recreate, but others made the value: it is left as it is"


class Steps:
    """The operations that a closure comes to, for one choice of recreated keys.

    ``made``, ``gone`` and ``changed`` map keys to the number of the operation that brings them
    about; a fact is brought about by the operation of its base. ``recreated`` maps keys to why.
    ``stuck_recreates`` holds what cannot be recreated since a stuck value needs it.
    """

    def __init__(self, closure: Closure) -> None:
        self.closure = closure
        self.outlook = closure.outlook
        self.nodes = closure.nodes
        self.updated: dict[str, Spec] = {}
        self.absorbed: dict[str, Spec] = {}
        self.demanded: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.facts: dict[int, list[tuple[str, Spec | None]]] = {}
        self.leaving: list[str] = []
        self.recreated: dict[str, str] = {}
        self.stuck_recreates: dict[str, str] = {}
        self.operations: list[Operation] = []
        self.made: dict[str, int] = {}
        self.gone: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self._leaders = self._ring_leaders()
        self._classify()

    def _ring_leaders(self) -> dict[str, str]:
        """Return the smallest key of each new ring for its members, to keep them side by side."""
        found: dict[str, str] = {}
        if not self.closure.rings:
            return found
        for ring in rings(list(self.closure.rings), self._needs_in_rings):
            found.update(dict.fromkeys(ring, min(ring)))
        return found

    def _needs_in_rings(self, key: str) -> list[str]:
        final = self.outlook.final(key)
        members = self.closure.rings
        return [] if final is None else [need for need in final.needs if need in members]

    # What becomes of values that stand and are wanted.

    def _classify(self) -> None:
        for key, want in self.closure.staying.items():
            if key in self.outlook.removed:
                continue
            node = self.nodes[key]
            have = node.have
            assert have is not None
            if not self.outlook.is_exempt(node) and (lost := self._lost_support(key, have)):
                self.demanded[key] = f"{lost} was taken away"
            elif node.broken:
                self.demanded[key] = "it had broken"
            elif node.unsure and same(have.value, want.value):
                self._make_sure(node, want)
            elif have is not want:
                self._classify_change(node, have, want)

    def _make_sure(self, node: Node, want: Spec) -> None:
        """Do again what failed and may have had its effect: nothing tells what stands now."""
        if node.operation == "update" and want.binding is not None and want.binding.update:
            self.updated[node.key] = want
        else:
            self.demanded[node.key] = "what stands is not known after a failure"

    def _lost_support(self, key: str, have: Spec) -> str | None:
        """Return what the value needs and the southbound itself took away."""
        graph = self.closure.graph
        for need in have.needs:
            if graph.have(need) is None:
                return need
        for group in have.anyof:
            if not any(graph.have(k) is not None for k in self.outlook.matches(group, key)):
                return group.label or " or ".join(group.prefixes)
        return None

    def _classify_change(self, node: Node, have: Spec, want: Spec) -> None:
        key, binding = node.key, want.binding
        if binding is None:
            self.absorbed[key] = want
        elif have.binding is not binding and have.binding is not None:
            self.demanded[key] = f"{binding.name} serves it now, no longer {have.binding.name}"
        elif equivalent(binding, key, have.value, want.value):
            self.absorbed[key] = want
        elif not must_recreate(binding, key, have.value, want.value, node.metadata):
            self.updated[key] = want
        elif self.outlook.is_exempt(node):
            self.refused[key] = LEFT_ALONE
        else:
            how = "has no update" if binding.update is None else "demands it for this change"
            self.demanded[key] = f"descriptor {binding.name} {how}"

    # Operations.

    def build(self, extra: dict[str, str]) -> None:
        """Make the operations, with some more keys recreated than is demanded."""
        self.recreated = {**self.demanded, **extra}
        self.stuck_recreates = {}
        self._spread()
        self.operations, self.made, self.gone, self.changed = [], {}, {}, {}
        making = {**self.outlook.added, **{k: self._final(k) for k in self.recreated}}
        updating = {k: s for k, s in self.updated.items() if k not in self.recreated}
        entries = [(False, key) for key in (*self.outlook.removed, *self.recreated)]
        entries += [(True, key) for key in (*making, *updating)]
        for is_coming, key in sorted(entries, key=self._rank):
            if not is_coming:
                self._add_delete(key)
            elif key in making:
                self._add_create(key, making[key])
            else:
                self._add_update(key, updating[key])
        self._place_facts()

    def _rank(self, entry: tuple[bool, str]) -> tuple[int, bool, str, str]:
        """Put deletions first, then go by key; on a way back undo the last that was done first."""
        is_coming, key = entry
        first, last = self.outlook.wants.change.against.get(key, (-1, -1))
        is_both = is_coming and key in self.recreated
        return (-first if is_both else -last, is_coming, self._leaders.get(key, key), key)

    def build_creates(self) -> None:
        """Make the operations of a change that only creates, in the order they were found."""
        operations, made = self.operations, self.made
        for key, spec in self.outlook.added.items():
            binding = spec.binding
            if binding is None:
                continue  # a fact
            made[key] = len(operations)
            reason = self._why_created(key, spec)
            operations.append(
                Operation("create", key, spec.base, binding.name, None, spec.value, reason)
            )
        if len(operations) < len(self.outlook.added):
            self._place_facts()

    def build_updates(self) -> None:
        """Make the operations of a change that only updates, in key order."""
        for key in sorted(self.updated):
            self._add_update(key, self.updated[key])

    def is_joined(self) -> bool:
        """Tell whether an update adds a dependency, and so may close a ring."""
        for key in self.changed:
            have = self.closure.graph.have(key)
            old = () if have is None else have.needs
            if any(need not in old for need in self.updated[key].needs):
                return True
        return False

    def is_recreatable(self, key: str) -> bool:
        """Tell whether something stands under a key before and after, and may be touched."""
        node = self.nodes.get(key)
        if node is None or node.have is None or not self.outlook.stands(key):
            return False
        return not self.outlook.is_stuck(node)

    def _final(self, key: str) -> Spec:
        spec = self.outlook.final(key)
        assert spec is not None
        return spec

    def _spread(self) -> None:
        """Recreate also what loses its support while another value is recreated."""
        stack = list(self.recreated)
        while stack:
            key = stack.pop()
            for lost in (key, *(fact for fact in self._facts_of(key) if self._stays(fact, key))):
                for dependent in self._cut_off(lost):
                    self.recreated[dependent] = f"{key} is recreated"
                    stack.append(dependent)

    def _facts_of(self, key: str) -> Iterator[str]:
        """Yield the facts that a value has brought about; one may have moved on from it."""
        have = self.closure.graph.have(key)
        for derived in have.derived if have is not None else ():
            fact = self.closure.graph.have(derived.key)
            if fact is not None and fact.is_fact and fact.base == key:
                yield derived.key

    def _stays(self, fact: str, base: str) -> bool:
        """Tell whether a fact is this base's before and after; if not it is handed over."""
        final = self.outlook.final(fact)
        return final is None or final.base == base

    def _cut_off(self, lost: str) -> Iterator[str]:
        """Yield the values that need a key before and after, and so cannot outlast its absence."""
        for dependent in sorted(self.closure.graph.dependents(lost)):
            node = self.nodes[dependent]
            if node.have is None or lost not in node.have.needs or self._is_free(node):
                continue
            if self.outlook.is_stuck(node):
                self.stuck_recreates[lost] = f"{dependent} still stands and needs it"
                continue
            final = self.outlook.final(dependent)
            if final is not None and lost in final.needs:
                if final.is_fact:
                    continue
                yield dependent

    def _is_free(self, node: Node) -> bool:
        return self.outlook.is_exempt(node) or node.key in self.recreated

    def _add_delete(self, key: str) -> None:
        node = self.nodes[key]
        spec = node.have if node.have is not None else node.doubt
        if spec is None or spec.is_fact:
            return
        why = self.recreated.get(key)
        reason = self._why_removed(key) if why is None else why
        self.gone[key] = len(self.operations)
        new = None if why is None else self._final(key).value
        self.operations.append(_operation("delete", key, spec, spec.value, new, reason, why))

    def _add_create(self, key: str, spec: Spec) -> None:
        if spec.is_fact:
            return
        why = self.recreated.get(key)
        self.made[key] = len(self.operations)
        if why is None:
            reason, old = self._why_created(key, spec), None
        else:
            have = self.nodes[key].have
            reason, old = why, None if have is None else have.value
        self.operations.append(_operation("create", key, spec, old, spec.value, reason, why))

    def _add_update(self, key: str, spec: Spec) -> None:
        have = self.nodes[key].have
        old = None if have is None else have.value
        self.changed[key] = len(self.operations)
        if self.nodes[key].unsure:
            reason = "what stands is not known after a failure"
        else:
            reason = "the value changed" if key in self.outlook.wants.specs else "it had drifted"
        self.operations.append(_operation("update", key, spec, old, spec.value, reason, None))

    def _place_facts(self) -> None:
        """Have facts come and go with the operation of their base.

        Where that has none, they come at once and leave last, so that nobody misses them.
        """
        self.facts, self.leaving = {}, []
        for key in self.outlook.removed:
            have = self.nodes[key].have
            if have is None or not have.is_fact:
                continue
            remover = self.remover(have.base)
            if remover is None:
                self.leaving.append(key)
            else:
                self._place(key, None, remover, self.gone)
        for key, spec in self.outlook.added.items():
            if spec.is_fact:
                self._place(key, spec, self.maker(spec.base), self.made)
        for key in self.recreated:
            self._place_recreated_facts(key)

    def _place_recreated_facts(self, key: str) -> None:
        have, want = self.nodes[key].have, self.absorbed.get(key)
        if have is not None and have.is_fact and want is not None:
            self._place(key, None, self.remover(have.base), self.gone)
            self._place(key, want, self.maker(want.base), self.made)
        for fact in self._facts_of(key):
            if fact in self.outlook.removed:
                continue
            final = self._final(fact)
            if final.base == key:
                self._place(fact, None, self.gone[key], self.gone)
                self._place(fact, final, self.made[key], self.made)

    def maker(self, base: str | None) -> int | None:
        """Return the operation that brings about a base's facts."""
        return self.made.get(base or "", self.changed.get(base or ""))

    def remover(self, base: str | None) -> int | None:
        """Return the operation that takes away a base's facts."""
        return self.gone.get(base or "", self.changed.get(base or ""))

    def _place(self, key: str, spec: Spec | None, by: int | None, where: dict[str, int]) -> None:
        if by is not None:
            where[key] = by
        self.facts.setdefault(-1 if by is None else by, []).append((key, spec))

    # Reasons.

    def _why_removed(self, key: str) -> str:
        want = self.outlook.wants.spec(key)
        if want is None:
            return "no longer wanted"
        for need in want.needs:
            if not self.outlook.stands(need):
                return f"needs {need}, which will not be there"
        return "needs what will not be there"

    def _why_created(self, key: str, spec: Spec) -> str:
        if key in self.outlook.wants.specs:
            return "wanted" if spec.base is None else _why_derived(spec.base)
        node = self.nodes.get(key)
        if node is not None and node.blocked:
            return "tried again after a failure"
        if node is not None and node.lost:
            return "it is missing"
        for need in spec.needs:
            if need in self.outlook.added:
                return f"{need} is there now"
        return "it is missing" if not spec.anyof else "what it waited for is there now"


@functools.lru_cache(maxsize=1)
def _why_derived(base: str) -> str:
    """Return one text for all that a base brings along."""
    return f"derived from {base}"


def _operation(
    kind: str, key: str, spec: Spec, old: object, new: object, reason: str, recreate: str | None
) -> Operation:
    name = spec.binding.name if spec.binding is not None else ""
    return Operation(kind, key, spec.base, name, old, new, reason, recreate is not None)
