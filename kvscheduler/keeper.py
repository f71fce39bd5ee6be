# SPDX-License-Identifier: Apache-2.0
"""Between the engine and its journal: what to write down, and when."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from .errors import JournalError
from .graph import Graph, Node, Spec
from .journal import Journal, Made, Wanted
from .model import Origin, RetryPolicy
from .plan import Operation
from .planner import Draft
from .wayback import Memory

__all__ = ["Keeper"]

# Kept here: to ask an enum for a member costs as much as a call.
_OURS = Origin.NORTHBOUND


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
        wishes = _Wishes(self._graph, values, retry)
        wishes.take_draft(draft)
        wishes.take_back(restoring)
        intents = {operation.key: _intended(operation) for operation in draft.operations}
        if not (wishes.wanted or intents or wishes.rejected):
            return
        wanted = (key for key, wish in wishes.wanted.items() if wish is not None)
        taken_over = self._note_taken_over(dict.fromkeys((*wanted, *intents)))
        try:
            self.journal.begin(wishes.wanted, intents, wishes.rejected)
        except JournalError:
            for node in taken_over:
                self.record(node)
            raise

    def _note_taken_over(self, keys: Iterable[str]) -> list[Node]:
        """Note what others made and is wanted now: after a kill it must not be taken for ours."""
        taken_over = []
        for key in keys:
            node = self._graph.nodes.get(key)
            have = None if node is None else node.have
            if node is not None and have is not None and node.is_property and not have.is_fact:
                made = Made(value=have.value, metadata=node.metadata, adopted=True)
                self.journal.record(key, made)
                taken_over.append(node)
        return taken_over

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
            if node is None or node.is_property:
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
        ours = node.origin is _OURS or node.adopted
        if node.have is None or node.have.is_fact or not ours:
            self.journal.record(node.key, None)
            return
        self.journal.record(node.key, self._made(node, node.have))

    def flush(self) -> None:
        """Make all that was recorded durable."""
        self.journal.flush()


class _Wishes:
    """What is wanted from now on, as the journal takes it."""

    def __init__(self, graph: Graph, values: Container[str], retry: RetryPolicy | None) -> None:
        self.wanted: dict[str, Wanted | None] = {}
        self.rejected: dict[str, Wanted] = {}
        self._nodes = graph.nodes
        self._values = values
        self._retry = retry

    def take_draft(self, draft: Draft) -> None:
        for key, spec in draft.wants.items():
            if spec is None:
                self.wanted[key] = None
            elif spec.base is None:
                self.wanted[key] = self._wish(key, spec.value)
        for key, (value, base, _) in draft.rejected.items():
            if base is None:
                self.rejected[key] = self._wish(key, value)
                continue
            node = self._nodes.get(key)
            counting = draft.wants.get(key, None if node is None else node.want)
            self.wanted[key] = None
            self._take_stand_in(key, counting, base)

    def _wish(self, key: str, value: Any) -> Wanted:
        node = self._nodes.get(key)
        policy = self._retry if key in self._values or node is None else node.retry
        return Wanted(value=value, retry=policy)

    def _take_stand_in(self, key: str, counting: Spec | None, base: str) -> None:
        """Take what counts in the place of an invalid derived value."""
        if counting is not None:
            self.rejected[key] = Wanted(value=counting.value, base=base)

    def take_back(self, memories: Mapping[str, Memory | None]) -> None:
        """Take the wishes of before, for what is being undone."""
        for key, memory in memories.items():
            if memory is None:
                continue
            want, refused = memory.want, memory.rejected
            self.wanted[key] = None
            if want is not None and want.base is None:
                self.wanted[key] = Wanted(value=want.value, retry=memory.retry)
            if refused is None:
                continue
            value, base = refused
            if base is None:
                self.rejected[key] = Wanted(value=value, retry=memory.retry)
            else:
                self._take_stand_in(key, want, base)


def _intended(operation: Operation) -> Any:
    return operation.old if operation.new is None else operation.new
