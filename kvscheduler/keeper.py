# SPDX-License-Identifier: Apache-2.0
"""Between the engine and its journal: what to write down, and when."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from .graph import Graph, Node
from .journal import Journal, Made, Wanted
from .model import Origin, RetryPolicy
from .plan import Operation
from .planner import Draft

__all__ = ["Keeper"]


class Keeper:
    """Writes intents before, and outcomes after, operations happen."""

    def __init__(self, journal: Journal, graph: Graph) -> None:
        self.journal = journal
        self._graph = graph

    def begin(self, draft: Draft, values: Container[str], retry: RetryPolicy | None) -> None:
        """Write down what is wanted now and what is about to happen; durable on return.

        ``retry`` is the policy of the keys in ``values``. Raises ``JournalError`` before
        anything is written.
        """

        def wish(key: str, value: Any) -> Wanted:
            node = self._graph.nodes.get(key)
            policy = retry if key in values or node is None else node.retry
            return Wanted(value=value, retry=policy)

        wanted: dict[str, Wanted | None] = {}
        for key, spec in draft.wants.items():
            if spec is None:
                wanted[key] = None
            elif spec.base is None:
                wanted[key] = wish(key, spec.value)
        intents = {operation.key: _intended(operation) for operation in draft.operations}
        rejected = {
            key: wish(key, value)
            for key, (value, base, _) in draft.rejected.items()
            if base is None
        }
        if wanted or intents or rejected:
            self.journal.begin(wanted, intents, rejected)

    def restore(self, keys: Iterable[str]) -> None:
        """Write down again the invalid wishes that an undone transaction had replaced."""
        nodes, rejected = self._graph.nodes, {}
        for key in keys:
            node = nodes.get(key)
            if node is not None and node.rejected is not None and node.rejected[1] is None:
                rejected[key] = Wanted(value=node.rejected[0], retry=node.retry)
        if rejected:
            self.journal.begin({}, {}, rejected)

    def note(self, draft: Draft) -> None:
        """Write down, soon, what stands as wanted without an operation, or is handed back."""
        for key in (*draft.absorbed, *draft.released):
            self.record(self._graph.nodes[key])

    def record(self, node: Node) -> None:
        """Write down what is known of a key, soon."""
        ours = node.origin is Origin.NORTHBOUND or node.adopted
        if node.have is None or node.have.is_fact or not ours:
            self.journal.record(node.key, None)
            return
        made = Made(value=node.have.value, metadata=node.metadata, adopted=node.adopted)
        self.journal.record(node.key, made)

    def flush(self) -> None:
        """Make all that was recorded durable."""
        self.journal.flush()


def _intended(operation: Operation) -> Any:
    return operation.old if operation.new is None else operation.new
