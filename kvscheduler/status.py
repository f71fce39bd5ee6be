# SPDX-License-Identifier: Apache-2.0
"""What is to be known of each value, down to the root cause of what keeps it waiting."""

from __future__ import annotations

import logging

from .causes import Causes
from .errors import InvalidValue, describe
from .graph import Graph, Node, Spec
from .ledger import state_of
from .model import Depends, DependsOnAny, Origin, Unmet, ValueState, ValueStatus
from .registry import Registry

__all__ = ["Statuses"]

logger = logging.getLogger(__name__)

_PATH = 32
_MAX_REASON = 1000


class Statuses:
    """Builds statuses from one state of the graph; made anew for every look.

    Root causes are followed once and remembered, so that a long chain of waiting values costs
    its length once and not once for each of them.
    """

    def __init__(self, graph: Graph, registry: Registry) -> None:
        self._graph = graph
        self._registry = registry
        self._causes = Causes()

    def status(self, key: str) -> ValueStatus:
        """Return the status of one key; of an unknown one too."""
        node = self._graph.nodes.get(key)
        if node is None:
            state, origin = ValueState.NONEXISTENT, Origin.UNKNOWN
            return ValueStatus(key=key, base=None, state=state, origin=origin)
        spec = node.spec
        state = state_of(self._graph, node)
        return ValueStatus(
            key=key,
            base=self._base(node),
            state=state,
            origin=node.origin,
            adopted=node.adopted,
            since=node.since,
            error=node.error,
            operation=node.operation,
            unmet=self._unmet(node) if state is ValueState.PENDING else (),
            derived=() if spec is None else self._derived(spec),
        )

    def state(self, key: str) -> ValueState:
        """Return where a value stands; NONEXISTENT where nobody knows it."""
        node = self._graph.nodes.get(key)
        return ValueState.NONEXISTENT if node is None else state_of(self._graph, node)

    @staticmethod
    def _base(node: Node) -> str | None:
        spec = node.spec
        if spec is not None:
            return spec.base
        return node.rejected[1] if node.rejected is not None else None

    def _derived(self, spec: Spec) -> tuple[ValueStatus, ...]:
        return tuple(self.status(key) for key in sorted(d.key for d in spec.derived))

    def _unmet(self, node: Node) -> tuple[Unmet, ...]:
        want = node.want
        if want is None:
            return ()
        found = []
        if want.base is not None and not self._stands(want.base):
            found.append(self._missing("base", want.base))
        for dependency in self._dependencies(node.key, want):
            if isinstance(dependency, DependsOnAny):
                if not self._is_met(dependency, node.key):
                    found.append(_missing_any(dependency))
            elif dependency.key not in (node.key, want.base) and not self._stands(dependency.key):
                found.append(self._missing(dependency.label or dependency.key, dependency.key))
        return (*found, *self._claimed(node.key, want))

    @staticmethod
    def _dependencies(key: str, want: Spec) -> tuple[Depends | DependsOnAny, ...]:
        """Ask the descriptor once more, for the labels: it is pure, and people ask rarely."""
        binding = want.binding
        if binding is None or binding.dependencies is None:
            return ()
        try:
            return tuple(binding.dependencies(key, want.value) or ())
        except Exception:  # noqa: BLE001 - then without the labels
            own = tuple(Depends(need) for need in want.needs if need != want.base)
            return (*own, *want.anyof)

    def _stands(self, key: str) -> bool:
        """Tell whether something stands that others may be built on."""
        node = self._graph.nodes.get(key)
        if node is None or node.have is None:
            return False
        fails_to_go = node.blocked or node.late or key in self._graph.held
        return node.want is not None or node.is_property or not fails_to_go

    def _is_met(self, group: DependsOnAny, owner: str) -> bool:
        return any(
            key != owner and self._stands(key) and group.matches(key)
            for prefix in group.prefixes
            for key in self._graph.below(prefix)
        )

    def _missing(self, label: str, key: str) -> Unmet:
        root, in_ring = self._causes.root(key, self._waits_for)
        path = self._causes.path(key, _PATH, self._waits_for)
        cause = f"{root} waits in a ring that nothing closes" if in_ring else self._cause(root)
        return Unmet(label=label, key=key, state=self.state(key), path=path, cause=cause)

    def _waits_for(self, key: str) -> tuple[str, ...]:
        """Return the needs that keep a pending key from standing."""
        node = self._graph.nodes.get(key)
        want = None if node is None else node.want
        if want is None or self.state(key) is not ValueState.PENDING:
            return ()
        return tuple(need for need in want.needs if not self._stands(need))

    def _claimed(self, key: str, want: Spec) -> list[Unmet]:
        """Return the claims that others still hold."""
        found = []
        for claim in want.claims:
            holder = self._graph.holders.get(claim)
            if holder is not None and holder != key:
                cause = f"{holder} still holds {claim}"
                state = self.state(holder)
                found.append(
                    Unmet(label=claim, key=holder, state=state, path=(holder,), cause=cause)
                )
        return found

    def _cause(self, key: str) -> str:
        node = self._graph.nodes.get(key)
        if node is None:
            return self._absent(key)
        state = state_of(self._graph, node)
        if node.error is not None:
            return f"{key} is {state.value}: {describe(node.error)}"
        if state is ValueState.UNIMPLEMENTED:
            return f"{key} is wanted, but no descriptor can make it"
        if state is ValueState.PENDING and node.want is not None:
            for group in node.want.anyof:
                if not self._is_met(group, key):
                    return f"{key} is pending: {_missing_any(group).cause}"
        if state in (ValueState.NONEXISTENT, ValueState.REMOVED):
            return self._absent(key)
        return f"{key} is {state.value}"

    def _absent(self, key: str) -> str:
        """Return why nothing is known under a key: its descriptor may know of its coming."""
        if why := self._asked(key):
            return f"{key} is not there: {why}"
        if self._registry.is_property(key):
            return f"{key} is not there"
        return f"{key} is unknown: nobody wants it"

    def _asked(self, key: str) -> str:
        try:
            binding = self._registry.find(key)
        except InvalidValue:  # two select it
            return ""
        if binding is None or binding.why_absent is None:
            return ""
        try:
            return str(binding.why_absent(key) or "")[:_MAX_REASON]
        except Exception:
            logger.exception("descriptor %s: why_absent() failed on %s", binding.name, key)
            return ""


def _missing_any(group: DependsOnAny) -> Unmet:
    prefixes = " or ".join(group.prefixes)
    below = f"below {prefixes}" if prefixes else "at all"
    return Unmet(
        label=group.label or f"any of {prefixes}",
        key="",
        state=ValueState.NONEXISTENT,
        path=(),
        cause=f"no fitting value stands {below}",
    )
