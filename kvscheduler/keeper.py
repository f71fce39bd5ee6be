# SPDX-License-Identifier: Apache-2.0
"""Between the engine and its journal: what to write down, and when."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from .graph import Graph, Node, Spec
from .journal import Journal, Made, Wanted
from .ledger import Memory
from .model import Origin, RetryPolicy
from .plan import Operation
from .planner import Draft

__all__ = ["Keeper"]


class Keeper:
    """Writes intents before, and outcomes after, operations happen."""

    def __init__(self, journal: Journal, graph: Graph) -> None:
        self.journal = journal
        self._graph = graph

    def begin(
        self,
        draft: Draft,
        values: Container[str],
        retry: RetryPolicy | None,
        restoring: Mapping[str, Memory | None],
    ) -> None:
        """Write down what is wanted now and what is about to happen; durable on return.

        ``retry`` is the policy of the keys in ``values``; ``restoring`` is what was known of
        what is being undone: all wishes come back in the same step, be they part of the way back
        or not. Raises ``JournalError`` before anything is written.
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
        for key, memory in restoring.items():
            if memory is None:
                continue
            want, refused = memory.want, memory.rejected
            wanted[key] = None
            if want is not None and want.base is None:
                wanted[key] = Wanted(value=want.value, retry=memory.retry)
            if refused is not None and refused[1] is None:
                rejected[key] = Wanted(value=refused[0], retry=memory.retry)
        if wanted or intents or rejected:
            self.journal.begin(wanted, intents, rejected)

    def note(self, draft: Draft) -> None:
        """Write down, soon, what stands as wanted without an operation, or is handed back."""
        for key in (*draft.absorbed, *draft.released):
            self.record(self._graph.nodes[key])

    def catch_up(self, keys: Iterable[str]) -> None:
        """Write down, soon, what has been read, or has become doubtful, since the last time.

        Without it the journal would go on saying that something is ours that is long gone, and
        take for ours what others may make in its place; or forget what a failed call has made.
        """
        nodes = self._graph.nodes
        for key in keys:
            node = nodes.get(key)
            if node is None:
                self.journal.record(key, None)
            elif node.late or node.unsure or (node.have is None and node.doubt is not None):
                spec = node.doubt if node.have is None else node.have
                if spec is not None and not spec.is_fact:
                    self.journal.record(key, self._made(node, spec, doubtful=True))
            else:
                self.record(node)

    @staticmethod
    def _made(node: Node, spec: Spec, *, doubtful: bool = False) -> Made:
        return Made(
            value=spec.value, metadata=node.metadata, adopted=node.adopted, doubtful=doubtful
        )

    def record(self, node: Node) -> None:
        """Write down what is known of a key, soon."""
        ours = node.origin is Origin.NORTHBOUND or node.adopted
        if node.have is None or node.have.is_fact or not ours:
            self.journal.record(node.key, None)
            return
        self.journal.record(node.key, self._made(node, node.have))

    def flush(self) -> None:
        """Make all that was recorded durable."""
        self.journal.flush()


def _intended(operation: Operation) -> Any:
    return operation.old if operation.new is None else operation.new
