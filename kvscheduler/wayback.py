# SPDX-License-Identifier: Apache-2.0
"""What was known before a transaction, and the way back there when it is called off."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .graph import Node, Spec
from .ledger import Ledger
from .model import Origin, RetryPolicy
from .plan import Executed
from .planner import Change, Draft
from .planner.meaning import same

__all__ = ["Memory", "WayBack"]


class Memory(NamedTuple):
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
    drifted: bool


class WayBack:
    """Leads back to what stood, be it what was wanted or not; then the wishes count again.

    ``memories`` holds what was known of each key that may have changed, None for nothing.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.memories: dict[str, Memory | None] = {}
        self._ledger = ledger
        self._graph = ledger.graph
        self._held: Mapping[str, str] = ledger.graph.held
        self._lent: dict[str, str] = {}

    def remember(self, draft: Draft) -> None:
        """Keep in mind all that a draft may change, and that has not been changed before."""
        keys = dict.fromkeys(draft.seeds)
        keys.update(dict.fromkeys(draft.rejected))
        keys.update(dict.fromkeys(operation.key for operation in draft.operations))
        keys.update(dict.fromkeys(draft.leaving))
        for facts in draft.facts.values():
            keys.update(dict.fromkeys(key for key, _ in facts))
        for key in keys:
            if key not in self.memories:
                self._recall(key)

    def _recall(self, key: str) -> None:
        node = self._graph.nodes.get(key)
        self.memories[key] = None if node is None else Memory(
            node.want, node.have, node.rejected, node.retry, node.blocked, node.attempt,
            node.error, node.adopted, node.operation, node.retry_at, self._has_drifted(node),
        )  # fmt: skip

    def _has_drifted(self, node: Node) -> bool:
        want, have = node.want, node.have
        if want is None or have is want or node.blocked or node.key not in self._graph.unsettled:
            return False
        return node.lost or have is not None

    def has_stood(self, key: str) -> bool:
        """Tell whether something stood under a key."""
        memory = self.memories.get(key)
        return memory is not None and memory.have is not None

    # There.

    def change(self, executed: Sequence[Executed], failed: Iterable[str]) -> Change:
        """Return the change that leads back from what was done, and has ``failed``."""
        done = {one.operation.key for one in executed}
        stood: dict[str, Spec | None] = {}
        unwanted: list[str] = []
        left_alone: set[str] = set()
        for key, memory in self.memories.items():
            if memory is None:
                stood[key] = None
            elif memory.blocked and self._is_left_alone(key, memory, done):
                self._leave_alone(self._graph.nodes[key], memory)
                # As it stood: what it derived is to stand on it again.
                stood[key] = memory.want if memory.have is None else memory.have
                left_alone.add(key)
            else:
                stood[key] = self._stood(memory)
                if (
                    memory.have is not None
                    and stood[key] is not memory.want
                    and self._is_ours(key)
                ):
                    unwanted.append(key)
        if unwanted or self._held or any(one and one.blocked for one in self.memories.values()):
            self._leave_waiting(unwanted, stood)
        self._note_lent(stood)
        again = tuple(key for key in failed if key not in left_alone)
        return Change(stood=stood, unblock=again, lenient=True, against=_places(executed))

    def _is_ours(self, key: str) -> bool:
        return self._graph.nodes[key].origin is Origin.NORTHBOUND

    def _is_left_alone(self, key: str, memory: Memory, done: Container[str]) -> bool:
        """Tell whether what had failed before needs nothing to be as it was."""
        node = self._graph.nodes[key]
        is_certain = not node.unsure and node.doubt is None
        return key not in done or (is_certain and _is_back(node, memory))

    def _leave_alone(self, node: Node, memory: Memory) -> None:
        """Have what had failed before be as it was, and not be tried again."""
        if node.have is not None and node.have is node.want and memory.have is not None:
            # Equivalent, but not the same: it derived what is to stand again.
            self._graph.set_have(node, memory.have, node.metadata)
        self._restore_state(node, memory)

    @staticmethod
    def _stood(memory: Memory) -> Spec | None:
        """Return what has to stand again, if it can.

        What waited goes on waiting. What had drifted, and was mended on the way, stays so.
        """
        waited = memory.have is None and not memory.blocked
        return memory.want if memory.drifted or waited else memory.have

    def _leave_waiting(self, unwanted: Iterable[str], stood: dict[str, Spec | None]) -> None:
        """Have nobody made, or kept, who waits amid trouble.

        What stands though it is not wanted so is to go, or change; while it is put back, or is
        left alone, it looks as if it were there to stay.
        """
        graph, memories = self._graph, self.memories
        for key, memory in memories.items():
            if memory is not None and memory.have is None and not memory.drifted:
                stood[key] = None
        for key in unwanted:
            for waiter in (*graph.dependents(key), *graph.watching.of(key)):
                if waiter not in memories and graph.have(waiter) is None:
                    self._recall(waiter)
                    stood[waiter] = None

    def _note_lent(self, stood: Mapping[str, Spec | None]) -> None:
        """Note whose wishes have the claims that what stood takes for the time being."""
        for key, spec in stood.items():
            for claim in () if spec is None else spec.claims:
                claimant = self._graph.claimants.get(claim, key)
                if claimant != key:
                    self._lent[claim] = claimant

    # And the wishes.

    def restore(self, but: Container[str]) -> None:
        """Bring back what was known before.

        Of keys in ``but``, where undoing failed, only what is wanted; they stand as they stand.
        The timers of retries have been left running all the while.
        """
        graph = self._graph
        for key, memory in self.memories.items():
            node = graph.nodes.get(key)
            if node is None or memory is None:
                continue
            self._restore_want(node, memory.want)
            node.rejected, node.retry = memory.rejected, memory.retry
            self._hand_back(node, memory)
            if not (node.late or key in but or (memory.blocked and not _is_back(node, memory))):
                self._restore_state(node, memory)
                node.adopted = memory.adopted
        for claim, key in self._lent.items():
            want = graph.nodes[key].want
            if want is not None and claim in want.claims:
                graph.claimants[claim] = key
        graph.held = {**self._held, **graph.held}
        graph.revision += 1

    def _restore_want(self, node: Node, want: Spec | None) -> None:
        have = node.have
        if node.want is want:
            return
        self._graph.set_want(node, want)
        if have is not None and want is not None and same(have.value, want.value):
            self._graph.set_have(node, want, node.metadata)

    def _hand_back(self, node: Node, memory: Memory) -> None:
        """Have what was taken over be the others' again, in whatever state it is."""
        if node.adopted and not memory.adopted:
            node.adopted = False
            self._ledger.find_out(node.key)  # which no operation tells the journal

    def _restore_state(self, node: Node, memory: Memory) -> None:
        # It is taken over again with the wish for it: the journal may refuse the way back.
        self._hand_back(node, memory)
        node.blocked, node.attempt, node.error = memory.blocked, memory.attempt, memory.error
        node.operation, node.retry_at = memory.operation, memory.retry_at
        self._ledger.touched[node.key] = None


def _is_back(node: Node, memory: Memory) -> bool:
    """Tell whether what had failed stands as it did then, or as little."""
    have, stood = node.have, memory.have
    return same(None if have is None else have.value, None if stood is None else stood.value)


def _places(executed: Sequence[Executed]) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for place, one in enumerate(executed):
        first, _ = places.get(one.operation.key, (place, place))
        places[one.operation.key] = (first, place)
    return places
