# SPDX-License-Identifier: Apache-2.0
"""Finished transactions, newest last, bounded in number and in what they hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import overload

from .plan import TransactionResult

__all__ = ["History"]

_MAX_OPERATIONS = 200_000


class History(Sequence[TransactionResult]):
    """A read-only sequence of results; the oldest go first when it is full.

    Bounded by ``limit`` transactions and by 200,000 operations held in all, the newest
    transaction apart.
    """

    def __init__(self, limit: int = 1000) -> None:
        if limit < 0:
            raise ValueError(f"history: {limit} is not a number of transactions")
        self._limit = limit
        self._results: deque[TransactionResult] = deque()
        self._held = 0

    def append(self, result: TransactionResult) -> None:
        """Add the newest result."""
        self._results.append(result)
        self._held += len(result.operations)
        while len(self._results) > self._limit or (
            self._held > _MAX_OPERATIONS and len(self._results) > 1
        ):
            self._held -= len(self._results.popleft().operations)

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[TransactionResult]:
        return iter(tuple(self._results))

    @overload
    def __getitem__(self, index: int) -> TransactionResult: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TransactionResult, ...]: ...

    def __getitem__(self, index: int | slice) -> TransactionResult | tuple[TransactionResult, ...]:
        if isinstance(index, slice):
            return tuple(self._results)[index]
        return self._results[index]

    def __repr__(self) -> str:
        return f"<History: {len(self)} transactions>"
