# SPDX-License-Identifier: Apache-2.0
"""One change after another: from what a source holds to a transaction of the engine, and kept."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections import deque
from collections.abc import Collection, Mapping
from typing import Final

from kvs_agent import protection
from kvs_agent.protection import Protected
from kvscheduler import (
    ClaimConflict,
    Plan,
    RetryPolicy,
    Scheduler,
    SchedulerClosed,
    SchedulerError,
    Transaction,
    TransactionResult,
    Unreadable,
)

from .holdings import Holdings, Implied, Proposal
from .sink import Item
from .store import Store, StoreError

__all__ = ["Orchestrator", "Overloaded", "Turns", "Wish"]

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 1000
# A change that is refused again and again, each time for another of its values, ends.
MAX_REFUSALS: Final = 1000
RETRY: Final = RetryPolicy()


class Overloaded(SchedulerError):
    """Too many changes wait already; nothing was done, try again later."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A change that a northbound asks for, and how it is to be carried out.

    ``replace``: the source shall hold nothing else. ``resync``: the southbound is read first, and
    all that has drifted is mended as well. ``expect``: only if it comes to that plan. ``lenient``:
    a value that cannot be taken costs itself alone, as is right for a source that nobody waits
    for; otherwise it is raised. ``durable``: outlives a loss of power.
    """

    source: str
    changes: Mapping[str, Item | None]
    description: str = ""
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replace: bool = False
    resync: bool = False
    revert: bool = False
    retry: RetryPolicy | None = RETRY
    expect: Plan | None = None
    lenient: bool = False
    durable: bool = True


@dataclasses.dataclass(slots=True)
class Turns:
    """How changes came to their turns since the start: begun, refused, waited for."""

    begun: int = 0
    refused: int = 0
    waited_s: float = 0.0


class _Job:
    """A wish, and who waits for what comes of it."""

    __slots__ = ("begun", "came", "done", "wish")

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.begun = False
        self.came = time.monotonic()
        self.done: asyncio.Future[TransactionResult | None] = (
            asyncio.get_running_loop().create_future()
        )


class Orchestrator:
    """The engine's one northbound, made of many sources.

    Changes are carried out one after another, in the order in which they came. Each is proposed
    to the holdings, committed by the engine, and only then stored and accepted, so that what is
    refused leaves no trace, and what was answered is kept. Killed in between, the next start
    goes back to what is stored.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        store: Store,
        *,
        implied: Implied = lambda _value: {},
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.scheduler = scheduler
        self.holdings = Holdings(implied)
        self._store = store
        self._max_waiting = max_waiting
        self._jobs: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._refused: dict[str, frozenset[str]] = {}
        self._is_closed = False
        self.turns = Turns()

    # A life.

    async def start(self, sources: Collection[str]) -> TransactionResult:
        """Take up what the store holds, and bring the southbound to it.

        Of the sources that are read again (``file``, ``etcd``) only those that there still are
        keep what they held; until their first ``replace`` that goes on being wanted.
        """
        held = self._store.load()
        gone = [name for name in ("file", "etcd") if name in held and name not in sources]
        self._store.forget(gone)
        for source, items in held.items():
            if source not in gone:
                self.holdings.accept(self.holdings.propose(source, dict(items)))
        return await self._resync("start")

    async def run(self) -> None:
        """Carry out what is asked for, until ``close``, and then what waits already."""
        while True:
            await self._wake.wait()
            while self._jobs:
                job = self._jobs.popleft()
                self._room.set()
                if not job.done.cancelled():
                    self._begin(job)
                    await self._carry_out(job)
            if self._is_closed:
                return
            self._wake.clear()

    def close(self) -> None:
        """Take no more; ``run`` ends once what waits already has been done."""
        self._is_closed = True
        self._wake.set()
        self._room.set()

    # What sources and northbounds ask for.

    async def change(
        self, source: str, changes: Mapping[str, Item | None], *, description: str = ""
    ) -> TransactionResult | None:
        """See ``Sink.change``; waits for its turn, however many wait before it."""
        wish = Wish(
            source=source, changes=changes, description=description, lenient=True, durable=False
        )
        return await self._queued(wish)

    async def replace(
        self, source: str, items: Mapping[str, Item], *, description: str = ""
    ) -> TransactionResult | None:
        """See ``Sink.replace``; waits for its turn, however many wait before it."""
        wish = Wish(
            source=source,
            changes=items,
            description=description,
            replace=True,
            lenient=True,
            durable=False,
        )
        return await self._queued(wish)

    async def apply(self, wish: Wish) -> TransactionResult | None:
        """Carry a wish out in its turn; None where nothing changed for the engine.

        Raises ``Overloaded`` where too many wait, ``ClaimConflict``, ``Protected``, ``PlanStale``
        with nothing done, ``StoreError`` where it was done and could not be kept, and then was
        undone. Cancelled before its turn it withdraws; after that it finishes.
        """
        if len(self._jobs) >= self._max_waiting:
            self.turns.refused += 1
            raise Overloaded(f"{len(self._jobs)} changes wait already: try again later")
        return await self._submit(wish)

    def plan(self, wish: Wish) -> Plan:
        """Return what a wish would come to, by what is known now; changes nothing.

        Raises ``ClaimConflict``.
        """
        proposal = self.holdings.propose(wish.source, wish.changes, replace=wish.replace)
        return self._transaction(wish, proposal, proposal.sets).plan()

    async def resync(self, kind: str = "downstream") -> TransactionResult:
        """Mend what has drifted, trying again what had failed."""
        return await self.scheduler.resync(kind)

    @property
    def waiting(self) -> int:
        """How many changes wait for their turn."""
        return len(self._jobs)

    @property
    def max_waiting(self) -> int:
        """How many changes may wait."""
        return self._max_waiting

    # Turns.

    async def _queued(self, wish: Wish) -> TransactionResult | None:
        while len(self._jobs) >= self._max_waiting:
            self._room.clear()
            await self._room.wait()
        return await self._submit(wish)

    async def _submit(self, wish: Wish) -> TransactionResult | None:
        if self._is_closed:
            raise SchedulerClosed("the agent is stopping: nothing was done")
        job = _Job(wish)
        self._jobs.append(job)
        self._wake.set()
        try:
            return await asyncio.shield(job.done)
        except asyncio.CancelledError:
            if not job.begun:
                job.done.cancel()
            raise

    def _begin(self, job: _Job) -> None:
        job.begun = True
        self.turns.begun += 1
        self.turns.waited_s += time.monotonic() - job.came

    async def _carry_out(self, job: _Job) -> None:
        try:
            result = await self._commit(job.wish)
        except asyncio.CancelledError:
            job.done.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is the asker's, whatever it is
            _tell(job.done, error)
        else:
            if not job.done.done():
                job.done.set_result(result)

    # One change.

    async def _commit(self, wish: Wish) -> TransactionResult | None:
        try:
            return await self._attempt(wish)
        except Protected as refused:
            kept = set(refused.keys) & (wish.changes.keys() | self._mine(wish).keys())
            if not wish.lenient or not kept:
                raise
            logger.warning("%s: not changed, the rest is: %s", wish.source, refused)
            return await self._attempt(self._less(wish, kept))

    def _mine(self, wish: Wish) -> Mapping[str, Item]:
        return self.holdings.of_source(wish.source)

    def _less(self, wish: Wish, kept: Collection[str]) -> Wish:
        """Return the wish with these keys as their source holds them already."""
        mine = self._mine(wish)
        changes = {key: item for key, item in wish.changes.items() if key not in kept}
        if wish.replace:
            changes.update({key: mine[key] for key in kept if key in mine})
        return dataclasses.replace(wish, changes=changes)

    async def _attempt(self, wish: Wish) -> TransactionResult | None:
        proposal = self.holdings.propose(wish.source, wish.changes, replace=wish.replace)
        result = None
        if proposal.sets or proposal.deletes or wish.resync:
            result = await self._transact(wish, proposal)
            if wish.revert and not result.ok:
                return result
        if not proposal.is_empty:
            await self._keep(wish, proposal, result)
        return result

    async def _keep(
        self, wish: Wish, proposal: Proposal, result: TransactionResult | None
    ) -> None:
        try:
            self._store.write(proposal, durable=wish.durable)
        except StoreError:
            if not wish.lenient:
                if result is not None:
                    await self._resync("undo: not stored")
                raise
            # What is read again at the next start need not be stored to be wanted.
            logger.exception("what %s holds was not stored", wish.source)
        self.holdings.accept(proposal)

    async def _transact(self, wish: Wish, proposal: Proposal) -> TransactionResult:
        sets = {**self._reconsidered(proposal), **proposal.sets}
        refused: dict[str, frozenset[str]] = {}
        for _ in range(MAX_REFUSALS):
            transaction = self._transaction(wish, proposal, sets)
            try:
                plan = transaction.plan()
                protection.check(plan)
                result = await transaction.commit(wish.expect)
            except ClaimConflict as conflict:
                key = next((one for one in reversed(conflict.keys) if one in sets), None)
                if not wish.lenient or key is None or isinstance(sets[key], Unreadable):
                    raise
                logger.warning("%s is refused: %s", key, conflict)
                sets[key] = Unreadable(str(conflict))
                refused[key] = frozenset(conflict.keys) - {key}
            else:
                self._note_refused(sets, proposal, refused)
                return result
        raise SchedulerError(f"more than {MAX_REFUSALS} values exclude each other")

    def _transaction(
        self, wish: Wish, proposal: Proposal, sets: Mapping[str, object]
    ) -> Transaction:
        resync = "full" if wish.resync else None
        transaction = self.scheduler.transaction(
            wish.description or f"change by {wish.source}",
            resync=resync,
            retry=wish.retry,
            revert=wish.revert,
            labels={**wish.labels, "source": wish.source},
        )
        if resync:
            for key, value in self._all_values(proposal).items():
                transaction.set(key, value)
            return transaction
        for key in proposal.deletes:
            transaction.delete(key)
        for key, value in sets.items():
            transaction.set(key, value)
        return transaction

    def _all_values(self, proposal: Proposal) -> dict[str, object]:
        values = {**self.holdings.values(), **proposal.sets}
        for key in proposal.deletes:
            values.pop(key, None)
        return values

    async def _resync(self, description: str) -> TransactionResult:
        transaction = self.scheduler.transaction(description, resync="full", retry=RETRY)
        for key, value in self.holdings.values().items():
            transaction.set(key, value)
        return await transaction.commit()

    # Values that were refused for another's sake.

    def _reconsidered(self, proposal: Proposal) -> dict[str, object]:
        """Return what was refused for the sake of a key that changes now: it may be free."""
        moved = proposal.sets.keys() | set(proposal.deletes)
        again: dict[str, object] = {}
        for key, others in self._refused.items():
            item = self.holdings.item(key)
            if item is not None and key not in moved and others & moved:
                again[key] = item.value
        return again

    def _note_refused(
        self,
        sets: Mapping[str, object],
        proposal: Proposal,
        refused: Mapping[str, frozenset[str]],
    ) -> None:
        for key in (*sets, *proposal.deletes):
            self._refused.pop(key, None)
        self._refused.update(refused)


def _tell(done: asyncio.Future[TransactionResult | None], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
        done.exception()  # whoever asked may be gone, and that is no error of its own
