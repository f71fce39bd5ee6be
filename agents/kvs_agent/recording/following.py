# SPDX-License-Identifier: Apache-2.0
"""Each finished transaction and each change of a status, once and in turn, for who listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from kvs_agent.orchestrator import Feed
from kvscheduler import Scheduler, TransactionResult, ValueStatus

__all__ = ["Following"]

LOOK_S: Final = 0.1


class Following:
    """Looks into the engine's history whenever a status changes, and now and then besides.

    A transaction is told before the statuses that it changed. ``run`` has to run as long: an
    update need not change any status, and the history forgets. What it has forgotten before
    anybody looked is skipped; with 1,000 kept and ten looks a second that takes 10,000 a second.
    """

    def __init__(self, scheduler: Scheduler, feed: Feed) -> None:
        self._scheduler = scheduler
        self._feed = feed
        self._number = 0
        self._on_result: list[Callable[[TransactionResult], None]] = []
        self._on_status: list[Callable[[ValueStatus], None]] = []

    @property
    def number(self) -> int:
        """The number of the last transaction that was told of; 0 for none."""
        return self._number

    def results(self, listener: Callable[[TransactionResult], None]) -> None:
        """Have a listener told of each transaction; called on the loop, it must be quick."""
        self._on_result.append(listener)

    def statuses(self, listener: Callable[[ValueStatus], None]) -> None:
        """Have a listener told of each status that changes; as above."""
        self._on_status.append(listener)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Tell what is there already, and then what changes."""
        self.catch_up()
        for status in self._scheduler.statuses():
            self._tell(status)
        with self._feed.listening(self._note):
            yield

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.catch_up()

    def catch_up(self) -> None:
        """Tell of transactions that have ended since."""
        history = self._scheduler.history
        if not history or history[-1].number == self._number:
            return
        for result in _newer(history, self._number):
            self._number = result.number
            for listener in self._on_result:
                listener(result)

    def _note(self, status: ValueStatus) -> None:
        self.catch_up()
        self._tell(status)

    def _tell(self, status: ValueStatus) -> None:
        for listener in self._on_status:
            listener(status)


def _newer(history: Sequence[TransactionResult], number: int) -> list[TransactionResult]:
    """Return the results after a number, oldest first; looks at no more than these."""
    found = []
    for result in reversed(history):
        if result.number <= number:
            break
        found.append(result)
    found.reverse()
    return found
