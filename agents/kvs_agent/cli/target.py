# SPDX-License-Identifier: Apache-2.0
"""What commands work on: an engine of kvsctl's own or an agent, which they cannot tell apart."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import networkx

    from kvs_agent.evidence import Part
    from kvs_agent.past import Step, Transaction
    from kvscheduler import Plan, TransactionResult, ValueStatus

    Graph: TypeAlias = "networkx.DiGraph[str]"
    # A transaction of the past, and what it did.
    Told: TypeAlias = tuple[Transaction, Sequence[Step]]

__all__ = ["Attempt", "Change", "Held", "Memory", "Prepared", "Target"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """All that is to be wanted, in whose name, and how; ``what`` tells the history.

    ``wanted`` None: what already is, so that only drift is mended.
    """

    what: str
    wanted: Mapping[str, object] | None = None
    revert: bool = False
    source: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A value, and who wants it: the first of these has the one that counts."""

    value: object
    sources: Sequence[str] = ()


class Prepared(Protocol):
    """A change, and the plan that it comes to."""

    @property
    def plan(self) -> Plan:
        """What will be done, and nothing else."""

    def check(self) -> None:
        """Raise ``Protected`` where the plan takes away what is not to be taken away."""

    async def commit(self) -> TransactionResult:
        """Carry it out, and have the history tell of it; ``PlanStale`` with nothing done."""

    def attempt(self, timeout_s: float) -> AbstractAsyncContextManager[Attempt]:
        """Have it on trial instead, where this was prepared with ``revert``."""


class Attempt(Protocol):
    """A change on trial."""

    async def begin(self) -> TransactionResult:
        """Carry it out; where that fails it is undone, and the trial over."""

    async def over(self) -> None:
        """Return once it has been taken back without our saying so."""

    async def keep(self) -> bool:
        """Have it stay; False where it is too late for that."""

    async def take_back(self) -> TransactionResult:
        """Have all be wanted again that was wanted before; also where that has been done."""


class Memory(Protocol):
    """What was done before."""

    async def transactions(self, most: int) -> Sequence[Told]:
        """Return the newest, oldest of these first."""

    async def transaction(self, number: int) -> Told | None:
        """Return one of them."""

    async def of_key(self, key: str) -> Sequence[tuple[Step, Transaction | None]]:
        """Return what was done to a key, oldest first, and in which transaction."""


class Target(Memory, Protocol):
    """What is wanted, what is there, and how that is changed."""

    @property
    def maker(self) -> str:
        """Who makes what is made, as sentences call it."""

    async def prepare(self, change: Change) -> Prepared:
        """Plan a change, by what is there."""

    def refuse_if_lost(self, made: Plan) -> None:
        """Refuse to mend by removing all there is, where nobody remembers what was wanted."""

    async def status(self, key: str) -> ValueStatus | None:
        """Return how a value stands; None where nothing is known of it."""

    async def keys(self) -> Sequence[str]:
        """Return all keys of which anything is known."""

    async def values(self, prefix: str, view: str, source: str) -> Mapping[str, Held]:
        """Return values below a prefix; of one ``source`` alone, unless it is ""."""

    async def graph(self, prefix: str) -> Graph:
        """Return at least the values below a prefix, and what they need."""

    async def evidence(self) -> Sequence[Part]:
        """Return what a bug report takes, file by file."""

    def statuses(self) -> AsyncIterator[ValueStatus]:
        """Yield how all values stand, and then each change."""

    async def mend(self) -> Sequence[Told]:
        """Mend what has drifted, if nobody else does; return what that took."""

    def events(self) -> AsyncIterator[Told | ValueStatus]:
        """Yield what is done from now on, each before its statuses, and ``statuses``."""
