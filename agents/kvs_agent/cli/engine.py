# SPDX-License-Identifier: Apache-2.0
"""An engine of kvsctl's own, and what it remembers, as commands work on them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kvs_agent import evidence, protection
from kvs_agent.past import Past, PastError, told_of
from kvs_agent.trial import Trial
from kvscheduler.model import ValueState

from .failure import UserError
from .settings import is_begun
from .target import Change, Held

if TYPE_CHECKING:
    from kvs_agent.past import Step, Transaction
    from kvscheduler import Plan, Scheduler, TransactionResult, ValueStatus
    from kvscheduler import Transaction as Begun

    from .target import Graph, Told

__all__ = ["Engine", "PastMemory", "remember"]


def remember(state: Path, result: TransactionResult) -> None:
    """Have the history tell of a transaction; that it cannot is no reason to fail."""
    try:
        Past(state).add(result)
    except PastError as error:
        click.echo(f"warning: {error}", err=True)


def _begun(scheduler: Scheduler, change: Change) -> Begun:
    """Open the transaction that a change is."""
    if change.wanted is None:
        return scheduler.transaction(change.what, resync="downstream")
    if change.revert:
        # A resync cannot be undone, so what is not wanted any more is deleted key by key.
        transaction = scheduler.transaction(description=change.what, revert=True)
        for key in scheduler.values(view="desired"):
            if key not in change.wanted:
                transaction.delete(key)
    else:
        transaction = scheduler.transaction(description=change.what, resync="upstream")
    for key, value in change.wanted.items():
        transaction.set(key, value)
    return transaction


class PastMemory:
    """What the file beside a state tells of what was done."""

    def __init__(self, state: Path) -> None:
        self._past = Past(state)

    async def transactions(self, most: int) -> Sequence[Told]:
        """Return the newest, oldest of these first."""
        return [(one, self._past.steps(one.number)) for one in self._past.transactions(most)]

    async def transaction(self, number: int) -> Told | None:
        """Return one of them."""
        found = self._past.transaction(number)
        return None if found is None else (found, self._past.steps(number))

    async def of_key(self, key: str) -> Sequence[tuple[Step, Transaction | None]]:
        """Return what was done to a key, oldest first, and in which transaction."""
        steps = self._past.of_key(key)
        return [(step, self._past.transaction(step.number)) for step in steps]


class Engine(PastMemory):
    """An engine that has looked at the system."""

    maker = "kvsctl"

    def __init__(self, scheduler: Scheduler, state: Path) -> None:
        super().__init__(state)
        self._scheduler = scheduler
        self._state = state
        self._told = 0

    async def prepare(self, change: Change) -> _Prepared:
        """Plan a change, by what is there."""
        return _Prepared(self, _begun(self._scheduler, change))

    @property
    def trial(self) -> Trial:
        """The note of what was wanted before a trial."""
        return Trial(self._state)

    def wanted(self) -> Mapping[str, Any]:
        """Return what is wanted."""
        return self._scheduler.values(view="desired")

    def remember(self, result: TransactionResult) -> None:
        """Have the history tell of a transaction."""
        remember(self._state, result)

    def refuse_if_lost(self, made: Plan) -> None:
        """Refuse to mend by removing all there is, where nobody remembers what was wanted."""
        if not made.is_empty and not is_begun(self._state):
            raise UserError(
                f"{self._state} is not there, but {len(made.operations)} values that kvsctl made"
                " are; nothing was changed. What is wanted, say the files: kvsctl apply FILE...;"
                " kvsctl import-existing --all prints such a file, kvsctl destroy removes all"
            )

    async def status(self, key: str) -> ValueStatus | None:
        """Return how a value stands; None where nothing is known of it."""
        status = self._scheduler.status(key)
        return None if status.state is ValueState.NONEXISTENT else status

    async def keys(self) -> Sequence[str]:
        """Return all keys of which anything is known."""
        return [one.key for one in self._scheduler.statuses()]

    async def values(self, prefix: str, view: str, source: str) -> Mapping[str, Held]:
        """Return values below a prefix; nobody but kvsctl wants any."""
        del source
        if view == "live":
            live = await self._scheduler.retrieve(prefix)
            return {key: Held(found.value) for key, found in live.items()}
        found = self._scheduler.values(prefix, view=view)
        return {key: Held(value) for key, value in found.items()}

    async def graph(self, prefix: str) -> Graph:
        """Return all values, and what they need."""
        del prefix
        return self._scheduler.graph()

    async def evidence(self) -> Sequence[evidence.Part]:
        """Return what a bug report takes, file by file."""
        drift = _begun(self._scheduler, Change(what="kvsctl report")).plan()
        return [
            *evidence.about(),
            *evidence.known(self._scheduler, drift),
            *evidence.past(self._past),
            *evidence.kernel(),
        ]

    def statuses(self) -> AsyncIterator[ValueStatus]:
        """Yield how all values stand, and then each change."""
        return self._scheduler.watch()

    async def roll_back(self) -> TransactionResult:
        """Want again what was wanted before a trial, and end that where it goes well."""
        change = Change(what="kvsctl try: rolled back", wanted=self.trial.before())
        result = await _begun(self._scheduler, change).commit()
        self.remember(result)
        if result.ok:
            self.trial.end()
        return result

    async def mend(self) -> Sequence[Told]:
        """Mend what has drifted, and tell what that took."""
        await _begun(self._scheduler, Change(what="kvsctl watch")).commit()
        return list(self._new())

    async def events(self) -> AsyncIterator[Told | ValueStatus]:
        """Yield what the engine does, which the history is told of as well, and ``statuses``."""
        async for status in self._scheduler.watch():
            for told in self._new():
                yield told
            yield status

    def _new(self) -> Iterator[Told]:
        for result in self._scheduler.history:
            if result.number > self._told:
                self._told = result.number
                self.remember(result)
                yield told_of(result.number, result)


class _Prepared:
    """A transaction, and the plan that it comes to."""

    def __init__(self, engine: Engine, transaction: Begun) -> None:
        self._engine = engine
        self._transaction = transaction
        self.plan = transaction.plan()

    def check(self) -> None:
        protection.check(self.plan)

    async def commit(self) -> TransactionResult:
        result = await self._transaction.commit(expect=self.plan)
        self._engine.remember(result)
        return result

    @contextlib.asynccontextmanager
    async def attempt(self, timeout_s: float) -> AsyncIterator[_Attempt]:
        del timeout_s  # who waits is kvsctl itself
        yield _Attempt(self._engine, self)


class _Attempt:
    """A change on trial: what was wanted before stands in a file until it has ended."""

    def __init__(self, engine: Engine, prepared: _Prepared) -> None:
        self._engine = engine
        self._prepared = prepared

    async def begin(self) -> TransactionResult:
        self._engine.trial.begin(self._engine.wanted())
        result = await self._prepared.commit()
        if not result.ok:
            self._engine.trial.end()
        return result

    async def over(self) -> None:
        await asyncio.Event().wait()  # nobody but the caller ends it

    async def keep(self) -> bool:
        self._engine.trial.end()
        return True

    async def take_back(self) -> TransactionResult:
        return await self._engine.roll_back()
