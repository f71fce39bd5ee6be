# SPDX-License-Identifier: Apache-2.0
"""Finished transactions with what they did to each value: from which state, to which."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from kvscheduler import TransactionResult, ValueState

__all__ = ["Entry", "Record", "Records"]


class Entry(NamedTuple):
    """What became of one key in one transaction.

    ``operation`` is "create", "update" or "delete"; ``is_noop``: the southbound was not asked,
    since the value waits or is invalid. ``before`` and ``after`` are states, with their errors.
    """

    operation: str
    key: str
    base: str | None
    old: Any
    new: Any
    before: ValueState
    after: ValueState
    error_before: str = ""
    error: str = ""
    is_noop: bool = False
    is_revert: bool = False
    is_retry: bool = False
    is_recreate: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """A finished transaction; of a retry also which one it repeats, and its attempt."""

    result: TransactionResult
    entries: tuple[Entry, ...]
    retries: int = 0
    attempt: int = 0

    @property
    def number(self) -> int:
        """The transaction's number."""
        return self.result.number

    @property
    def started(self) -> float:
        """When it began, in seconds of the epoch."""
        return self.result.started

    @property
    def stopped(self) -> float:
        """When it had ended."""
        return self.result.started + self.result.duration_s


class Records:
    """The newest records, and those of the first hour or so, which are kept for good.

    Bounded in number, in entries held in all, and in age.
    """

    def __init__(self, most: int, most_first: int, most_entries: int) -> None:
        self._most = most
        self._most_first = most_first
        self._most_entries = most_entries
        self._first: list[Record] = []
        self._newest: deque[Record] = deque()
        self._entries = 0

    def add(self, record: Record, *, is_early: bool) -> list[Record]:
        """Add a record, and return those that had to go for it."""
        held = len(record.entries)
        if is_early and len(self._first) < self._most_first and not self._newest:
            self._first.append(record)
            self._most_entries -= held
            return []
        self._newest.append(record)
        self._entries += held
        gone = []
        while len(self._newest) > 1 and (
            len(self._newest) > self._most or self._entries > self._most_entries
        ):
            gone.append(self._drop())
        return gone

    def forget(self, before: float) -> list[Record]:
        """Drop what began before a time, and return it."""
        gone = []
        while self._newest and self._newest[0].started < before:
            gone.append(self._drop())
        return gone

    def _drop(self) -> Record:
        record = self._newest.popleft()
        self._entries -= len(record.entries)
        return record

    def __iter__(self) -> Iterator[Record]:
        yield from self._first
        yield from self._newest

    def __len__(self) -> int:
        return len(self._first) + len(self._newest)
