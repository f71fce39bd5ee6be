# SPDX-License-Identifier: Apache-2.0
"""What a transaction will do, and what it did: operations, plans and results for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import InvalidValue, TransactionError

if TYPE_CHECKING:
    import networkx

__all__ = ["Executed", "Operation", "Plan", "TransactionResult"]


class Operation(NamedTuple):
    """One call to the southbound; ``recreate`` marks both halves of a delete and create.

    ``old`` is the value that stands, ``new`` the one that will; None where there is none.
    """

    kind: str
    key: str
    base: str | None
    descriptor: str
    old: Any
    new: Any
    reason: str
    recreate: bool = False


class Executed(NamedTuple):
    """An operation as it went; ``revert`` marks those that undid others."""

    operation: Operation
    error: Exception | None
    duration_s: float
    revert: bool = False


_NONE: Mapping[str, str] = MappingProxyType({})
_NO_ERRORS: Mapping[str, InvalidValue] = MappingProxyType({})


class Plan:
    """Operations in an order in which they can run, and what each has to wait for.

    ``pending`` and ``invalid`` say what the change wants and will not get, and why.
    ``errors`` are those behind ``invalid`` that the values themselves are to blame for, with
    their fields. ``revision`` is that of the state it was made against.
    """

    __slots__ = (
        "_edges", "_graph", "_waits", "errors", "invalid", "operations", "pending", "revision",
    )  # fmt: skip

    def __init__(
        self,
        operations: Sequence[Operation] = (),
        edges: Sequence[tuple[int, ...]] = (),
        pending: Mapping[str, str] | None = None,
        invalid: Mapping[str, str] | None = None,
        revision: int = 0,
        errors: Mapping[str, InvalidValue] | None = None,
    ) -> None:
        self.operations: tuple[Operation, ...] = tuple(operations)
        self._waits = edges
        self._edges: tuple[tuple[int, ...], ...] | None = None
        self.pending = MappingProxyType(dict(pending)) if pending else _NONE
        self.invalid = MappingProxyType(dict(invalid)) if invalid else _NONE
        self.errors = MappingProxyType(dict(errors)) if errors else _NO_ERRORS
        self.revision = revision
        self._graph: networkx.DiGraph[int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.operations

    @property
    def waits(self) -> Sequence[tuple[int, ...]]:
        """As ``edges``, as short as it was made: what is past the operations is a gate.

        Who waits for a gate waits for all that the gate waits for.
        """
        return self._waits

    @property
    def edges(self) -> tuple[tuple[int, ...], ...]:
        """For each operation the positions of those that must be done before it."""
        if self._edges is None:
            self._edges = _expanded(self._waits, len(self.operations))
        return self._edges

    @property
    def graph(self) -> networkx.DiGraph[int]:
        """The plan as a directed graph: from what must be done first to what follows.

        Nodes are positions in ``operations`` and carry the attribute ``operation``.
        """
        if self._graph is None:
            import networkx  # noqa: PLC0415 - costs 200 ms, and only people ask for it

            graph: networkx.DiGraph[int] = networkx.DiGraph()
            for position, operation in enumerate(self.operations):
                graph.add_node(position, operation=operation)
                graph.add_edges_from((before, position) for before in self.edges[position])
            self._graph = graph
        return self._graph

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, with a ``format_version``."""
        from . import render  # noqa: PLC0415 - only people ask for it

        return render.to_dict(self)

    def render(self, color: bool = False) -> str:  # noqa: FBT001, FBT002 - fixed by the design
        """Return the plan as text for people."""
        from . import render  # noqa: PLC0415 - only people ask for it

        return render.text(self, color=color)

    def to_dot(self) -> str:
        """Return the plan's graph in graphviz's language."""
        from . import drawing  # noqa: PLC0415 - only people ask for it

        return drawing.dot(drawing.of_plan(self))

    def to_mermaid(self) -> str:
        """Return the plan's graph in Mermaid's language."""
        from . import drawing  # noqa: PLC0415 - only people ask for it

        return drawing.mermaid(drawing.of_plan(self))

    def __repr__(self) -> str:
        return (
            f"<Plan: {len(self.operations)} operations, {len(self.pending)} pending,"
            f" {len(self.invalid)} invalid, revision {self.revision}>"
        )


def _expanded(waits: Sequence[tuple[int, ...]], count: int) -> tuple[tuple[int, ...], ...]:
    """Replace gates, the positions past the operations, by all that these wait for."""
    if len(waits) == count:
        return tuple(waits)
    through: dict[int, set[int]] = {}

    def opened(positions: tuple[int, ...]) -> set[int]:
        found: set[int] = set()
        for position in positions:
            found |= {position} if position < count else through[position]
        return found

    for gate in range(count, len(waits)):
        through[gate] = opened(waits[gate])
    return tuple(tuple(sorted(opened(waits[position]))) for position in range(count))


class TransactionResult(NamedTuple):
    """How a transaction ended; the record that the history keeps.

    ``errors`` maps keys to what went wrong on them, and names of descriptors to why they could
    not retrieve. ``kind`` is "transaction", "resync", "notification", "retry" or "registration";
    ``started`` is in wall clock seconds.
    """

    number: int
    kind: str
    errors: Mapping[str, Exception]
    operations: tuple[Executed, ...]
    plan: Plan
    description: str = ""
    labels: Mapping[str, str] = _NONE
    started: float = 0.0
    duration_s: float = 0.0
    reverted: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong."""
        return not self.errors

    def check(self) -> TransactionResult:
        """Return itself, or raise ``TransactionError`` where something went wrong."""
        if self.errors:
            raise TransactionError(self.number, self.errors)
        return self
