# SPDX-License-Identifier: Apache-2.0
"""What is to be known of each value, down to the root cause of what keeps it waiting."""

from __future__ import annotations

from .errors import describe
from .graph import Graph, Node, Spec
from .ledger import state_of
from .model import Depends, DependsOnAny, Origin, Unmet, ValueState, ValueStatus

__all__ = ["Statuses"]

_PATH = 32


class Statuses:
    """Builds statuses from one state of the graph; made anew for every look.

    Root causes are followed once and remembered, so that a long chain of waiting values costs
    its length once and not once for each of them.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._obstacles: dict[str, str | None] = {}
        self._roots: dict[str, tuple[str, bool]] = {}

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
            elif dependency.key != node.key and not self._stands(dependency.key):
                found.append(self._missing(dependency.label or dependency.key, dependency.key))
        return tuple(found)

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
        return self._graph.have(key) is not None

    def _is_met(self, group: DependsOnAny, owner: str) -> bool:
        return any(
            key != owner and self._stands(key) and group.matches(key)
            for prefix in group.prefixes
            for key in self._graph.below(prefix)
        )

    def _missing(self, label: str, key: str) -> Unmet:
        root, in_ring = self._root(key)
        path = [key]
        while path[-1] != root and len(path) < _PATH:
            following = self._obstacle(path[-1])
            if following is None or following in path:
                break
            path.append(following)
        path[-1] = path[-1] if len(path) < _PATH else root
        cause = f"{root} waits in a ring that nothing closes" if in_ring else self._cause(root)
        return Unmet(label=label, key=key, state=self.state(key), path=tuple(path), cause=cause)

    def _root(self, key: str) -> tuple[str, bool]:
        """Return the last of the keys that wait for each other, and whether that is a ring."""
        path: dict[str, None] = {}
        at, found = key, self._roots.get(key)
        while found is None:
            path[at] = None
            following = self._obstacle(at)
            if following is None:
                found = (at, False)
            elif following in path:
                found = (following, True)
            else:
                at, found = following, self._roots.get(following)
        self._roots.update(dict.fromkeys(path, found))
        return found

    def _obstacle(self, key: str) -> str | None:
        """Return the first need that keeps a pending key from standing."""
        if key in self._obstacles:
            return self._obstacles[key]
        node = self._graph.nodes.get(key)
        found = None
        want = None if node is None else node.want
        if want is not None and self.state(key) is ValueState.PENDING:
            found = next((need for need in want.needs if not self._stands(need)), None)
        self._obstacles[key] = found
        return found

    def _cause(self, key: str) -> str:
        node = self._graph.nodes.get(key)
        if node is None:
            return f"{key} is unknown: nobody wants it"
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
            return f"{key} is unknown: nobody wants it"
        return f"{key} is {state.value}"


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
