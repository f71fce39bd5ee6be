# SPDX-License-Identifier: Apache-2.0
"""How far a watch has come, in a form that shows whether etcd still has the same history."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from .entries import Entry, Listing
from .errors import Rewound

__all__ = ["Change", "Event", "Mark"]


class Event(NamedTuple):
    """What became of one key: its new entry, None where it was deleted."""

    key: bytes
    entry: Entry | None


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """All that one etcd transaction did below the prefix."""

    revision: int
    events: Sequence[Event]


class Mark:
    """The revision up to which everything is known, and what stood below the prefix then.

    A server on which a listing at this revision is the same has the history that was read so far;
    one that was restored from a backup, or emptied and filled again, has not, even where its
    revision is higher by now. Of each entry a number is kept, whatever the size of its value.
    """

    def __init__(self, listing: Listing) -> None:
        self.revision = listing.revision
        self._cluster = listing.cluster
        self._known = _numbers(listing)

    def advance(self, change: Change) -> None:
        """Move on to right after a change that follows."""
        self.revision = change.revision
        for key, entry in change.events:
            if entry is None:
                self._known.pop(key, None)
            else:
                self._known[key] = hash(entry)

    def check(self, listing: Listing) -> None:
        """Raise ``Rewound`` where a listing at this revision is not that of the same history."""
        if listing.cluster != self._cluster or _numbers(listing) != self._known:
            raise Rewound(f"at revision {self.revision} there is something else than was read")


def _numbers(listing: Listing) -> dict[bytes, int]:
    return {entry.key: hash(entry) for entry in listing.entries}
