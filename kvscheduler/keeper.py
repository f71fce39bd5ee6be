# SPDX-License-Identifier: Apache-2.0
"""Between the engine and its journal: what to write down, and what to make of it at start."""

from __future__ import annotations

import logging
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from .errors import InvalidValue
from .graph import Graph, Node, Spec
from .journal import Journal, Made, Records, Wanted
from .model import Origin, RetryPolicy
from .plan import Operation
from .planner import Change, Draft
from .planner.meaning import bound, specify
from .registry import Registry

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Keeper", "load", "restore"]

logger = logging.getLogger(__name__)


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
        wanted: dict[str, Wanted | None] = {}
        for key, spec in draft.wants.items():
            if spec is None:
                wanted[key] = None
            elif spec.base is None:
                node = self._graph.nodes.get(key)
                policy = retry if key in values or node is None else node.retry
                wanted[key] = Wanted(value=spec.value, retry=policy)
        intents = {operation.key: _intended(operation) for operation in draft.operations}
        if wanted or intents:
            self.journal.begin(wanted, intents)

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


def restore(records: Records, graph: Graph, registry: Registry) -> None:
    """Take what was made before for what stands, as far as it is not in doubt.

    The wanted values have been planned already, so that derived values find their bases.
    """
    bases: dict[str, str] = {}
    specs: dict[str, Spec] = {}
    for key, made in records.made.items():
        spec = specs[key] = _spec(registry, key, made.value, None)
        bases.update({derived.key: key for derived in spec.derived})
    for key, made in records.made.items():
        node = graph.node(key)
        spec = specs[key]
        base = node.want.base if node.want is not None else bases.get(key)
        if base is not None:
            spec = _spec(registry, key, made.value, base)
        if node.want is not None and node.want.value == made.value:
            spec = node.want
        node.adopted = made.adopted
        node.origin = Origin.SOUTHBOUND if made.adopted else Origin.NORTHBOUND
        if made.doubtful:
            node.doubt = spec
            graph.unsettled[key] = None
        else:
            graph.set_have(node, spec, made.metadata)
    for node in [n for n in graph.nodes.values() if n.want is not None]:
        want = node.want
        if want is not None and want.is_fact and graph.have(want.base or "") is not None:
            graph.set_have(node, want, None)


def _spec(registry: Registry, key: str, value: Any, base: str | None) -> Spec:
    try:
        return specify(bound(registry, key), key, value, base, seen=True)
    except InvalidValue as error:
        logger.warning("journal: %s: %s", key, error)
        try:
            binding = bound(registry, key)
        except InvalidValue:
            binding = None
        return Spec(binding, value, base, () if base is None else (base,))


def load(records: Records, engine: Engine) -> None:
    """Start from a journal: wanted values are wanted, made ones stand or are in doubt."""
    graph = engine.graph
    values = {key: wanted.value for key, wanted in records.wanted.items()}
    engine.ledger.take_on(engine.draft(Change(values=values, lenient=True)))
    for key, wanted in records.wanted.items():
        graph.nodes[key].retry = wanted.retry
    restore(records, graph, engine.registry)
    for key, node in graph.nodes.items():
        if node.want is not None and node.have is not node.want:
            graph.unsettled[key] = None
    engine.ledger.touched.update(dict.fromkeys(graph.nodes))
    engine.ledger.publish(engine.clock.now())
