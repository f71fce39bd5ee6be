# SPDX-License-Identifier: Apache-2.0
"""A journal in memory: what a kill leaves behind is a copy of it."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..errors import JournalError
from ..journal import Journal, Made, Records, Wanted

__all__ = ["MemoryJournal"]

_NOWHERE = pathlib.Path("/in/memory")
_NO_WISHES: Mapping[str, Wanted] = MappingProxyType({})


class MemoryJournal(Journal):
    """Keeps what a ``Journal`` keeps, without a file: values stay the objects that they are.

    Each of the ``moments`` is called with "before begin", "after begin", "record", "before
    flush" and "after flush"; one that raises ``JournalError`` before a write makes it fail.
    """

    def __init__(self, stored: Records | None = None) -> None:
        # Nothing of the one in a file is used, and its parts are dear to make.
        self.path = _NOWHERE
        self.stored = _copied(stored) if stored is not None else Records({}, {})
        self.moments: list[Callable[[str], object]] = []
        self._recorded: dict[str, Made | None] = {}
        self._is_open = False

    def copy(self) -> MemoryJournal:
        """Return the journal that a kill at this moment would leave behind."""
        return MemoryJournal(self.stored)

    def open(self) -> Records:
        """Return what is stored."""
        if self._is_open:
            raise JournalError("the journal in memory is open already")
        self._is_open = True
        return self.peek()

    def peek(self) -> Records:
        """Return what is stored, open or not."""
        return _copied(self.stored)

    def begin(
        self,
        wanted: Mapping[str, Wanted | None],
        intents: Mapping[str, object],
        rejected: Mapping[str, Wanted] = _NO_WISHES,
    ) -> None:
        """Store what is wanted and what is about to happen, with all that was recorded."""
        self._check_open()
        self._moment("before begin")
        stored = self.stored
        self._settle()
        for key, want in wanted.items():
            stored.rejected.pop(key, None)
            if want is None:
                stored.wanted.pop(key, None)
            else:
                stored.wanted[key] = want
        stored.rejected.update(rejected)
        for key, value in intents.items():
            before = stored.made.get(key)
            stored.made[key] = (
                Made(value=value, doubtful=True)
                if before is None
                else Made(
                    value=value, metadata=before.metadata, adopted=before.adopted, doubtful=True
                )
            )
        self._moment("after begin")

    def record(self, key: str, made: Made | None) -> None:
        """Note what is now known of a key; the next flush stores it."""
        self._recorded[key] = made
        self._moment("record")

    def flush(self) -> None:
        """Store what was recorded; on an error it is kept."""
        if self._recorded:
            self._check_open()
            self._moment("before flush")
            self._settle()
            self._moment("after flush")

    def close(self) -> None:
        """Flush and let go; harmless when closed."""
        if self._is_open:
            try:
                self.flush()
            finally:
                self._is_open = False
                self._recorded = {}

    def _settle(self) -> None:
        made = self.stored.made
        for key, outcome in self._recorded.items():
            if outcome is None:
                made.pop(key, None)
            else:
                made[key] = outcome
        self._recorded = {}

    def _check_open(self) -> None:
        if not self._is_open:
            raise JournalError("the journal in memory is not open")

    def _moment(self, name: str) -> None:
        for callback in self.moments:
            callback(name)


def _copied(records: Records) -> Records:
    return Records(dict(records.wanted), dict(records.made), dict(records.rejected))
