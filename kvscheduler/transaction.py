# SPDX-License-Identifier: Apache-2.0
"""A wanted change: collected, looked at as a plan, committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from .engine import Engine, Work
from .errors import SchedulerError
from .model import RetryPolicy
from .pause import collector_paused
from .plan import Plan, TransactionResult
from .planner import Change

__all__ = ["RESYNCS", "Transaction"]

RESYNCS = ("full", "upstream", "downstream")
_READ_FIRST = ("full", "downstream")


class Transaction:
    """Collects values to set and to delete; the last word on a key counts.

    As an async context manager it commits on a clean exit and raises ``TransactionError``
    where something went wrong; on an exception it does nothing. It can be committed once.
    """

    def __init__(
        self,
        engine: Engine,
        submit: Callable[[Work], Awaitable[TransactionResult]],
        *,
        description: str = "",
        resync: str | None = None,
        retry: RetryPolicy | None = None,
        revert: bool = False,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        if resync is not None and resync not in RESYNCS:
            raise ValueError(f"resync: {resync!r} is none of {', '.join(RESYNCS)}")
        if revert and resync is not None:
            raise ValueError("revert: a resync cannot be reverted")
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry: {retry!r} is not a RetryPolicy")
        self._engine = engine
        self._submit = submit
        self._resync = resync
        self._values: dict[str, Any] = {}
        self._deletes: dict[str, None] = {}
        self._work = Work(
            "transaction" if resync is None else "resync",
            description=description,
            labels=MappingProxyType(dict(labels)) if labels else None,
            retry=retry,
            revert=revert,
            refresh="" if resync in _READ_FIRST else None,
        )
        self._committed = False

    def set(self, key: str, value: Any) -> None:
        """Want a value under a key; it belongs to the engine from now on."""
        if value is None:
            raise ValueError(f"{key}: None is not a value; delete the key instead")
        self._change(key)
        self._deletes.pop(key, None)
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Want nothing under a key any more."""
        self._change(key)
        self._values.pop(key, None)
        self._deletes[key] = None

    def _change(self, key: str) -> None:
        if type(key) is not str or not key:
            raise ValueError(f"{key!r} is not a key: a string that is not empty is needed")
        if self._resync == "downstream":
            raise ValueError(f"{key}: a downstream resync takes no values")
        if self._committed:
            raise SchedulerError("the transaction has been committed; begin another one")
        self._work.prepared = None

    def plan(self) -> Plan:
        """Return what a commit would do by what is known now; changes nothing.

        Raises ``ClaimConflict`` where two wanted values exclude each other.
        """
        prepared = self._work.prepared
        if prepared is None or prepared[1].revision != self._engine.graph.revision:
            with collector_paused(len(self._values) + len(self._deletes)):
                draft = self._engine.draft(self._as_change())
                prepared = self._work.prepared = (draft, self._engine.plan(draft))
        return prepared[1]

    async def commit(self, expect: Plan | None = None) -> TransactionResult:
        """Carry out the change, after those committed before it, and return how it went.

        Nothing is raised for values that fail: see ``TransactionResult.check``. Raises
        ``ClaimConflict``, and ``PlanStale`` where the plan is no longer the expected one, with
        nothing touched. Cancelled before its turn it withdraws; after that it finishes.
        """
        if self._committed:
            raise SchedulerError("the transaction has been committed already")
        self._committed = True
        work = self._work
        work.change, work.expect = self._as_change(), expect
        return await self._submit(work)

    def _as_change(self) -> Change:
        values, deletes = self._values, tuple(self._deletes)
        if self._resync is None:
            return Change(values, deletes)
        replaces = self._resync != "downstream"
        return Change(values, deletes, replaces, unblock=None, purge=True, lenient=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            (await self.commit()).check()
