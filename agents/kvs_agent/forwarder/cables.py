# SPDX-License-Identifier: Apache-2.0
"""Cables in the kernel, by the engine: one transaction for each change, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from google.protobuf.message import Message

from kvs_descriptors.nsm.errors import Declined
from kvscheduler import (
    ClaimConflict,
    RetryPolicy,
    Scheduler,
    Transaction,
    TransactionResult,
    ValueState,
)

__all__ = ["Cables"]

# What could not be removed, or put back when it had gone, is tried again as long as it takes.
_AGAIN: Final = RetryPolicy(first_delay=0.5, max_delay=30.0)


class Cables:
    """Changes what is wanted of the kernel from one set of values to another."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def change(
        self, before: Mapping[str, Message], after: Mapping[str, Message], what: str
    ) -> None:
        """Have the kernel as it is wanted now; ``Declined`` says why it is as it was before.

        Where it is so already nothing is done, not even a transaction.
        """
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        dropped = before.keys() - after.keys()
        # Values that have failed since are tried again by being set.
        changed |= {key: after[key] for key in self._failed(after.keys() - changed.keys())}
        if not changed and not dropped:
            return
        transaction = self._scheduler.transaction(what, revert=True, retry=_AGAIN)
        _fill(transaction, changed, dropped)
        try:
            self._check(transaction)
            result = await transaction.commit()
        except ClaimConflict as error:
            raise Declined(f"{what}: {error}") from error
        _check_result(result, what)
        # What others need of it may have gone while the transaction waited for its turn.
        if failed := self._failed(after):
            await self._back(before, after, what)
            raise Declined(f"{what}: what it needs has gone: {', '.join(failed)}")

    async def remove(self, values: Mapping[str, Message], what: str) -> None:
        """Have values removed; what resists is tried again, and waited for by nobody."""
        transaction = self._scheduler.transaction(what, retry=_AGAIN)
        _fill(transaction, {}, values)
        await transaction.commit()

    def _failed(self, keys: Iterable[str]) -> list[str]:
        states = {key: self._scheduler.status(key).state for key in sorted(keys)}
        return [key for key, state in states.items() if state is not ValueState.CONFIGURED]

    @staticmethod
    def _check(transaction: Transaction) -> None:
        """Refuse what would be waiting for something: nobody is going to bring it."""
        plan = transaction.plan()
        for key, why in {**plan.invalid, **plan.pending}.items():
            raise Declined(f"{key}: {why}")

    async def _back(
        self, before: Mapping[str, Message], after: Mapping[str, Message], what: str
    ) -> None:
        transaction = self._scheduler.transaction(f"{what}: back", retry=_AGAIN)
        _fill(transaction, before, after.keys() - before.keys())
        await transaction.commit()


def _fill(
    transaction: Transaction, wanted: Mapping[str, Message], not_wanted: Iterable[str]
) -> None:
    for key in not_wanted:
        transaction.delete(key)
    for key, value in wanted.items():
        transaction.set(key, value)


def _check_result(result: TransactionResult, what: str) -> None:
    for error in result.errors.values():
        raise Declined(f"{what}: {error}") from error
