# SPDX-License-Identifier: Apache-2.0
"""How far a watch has come, in a form that shows whether etcd still has the same history."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from kvs_proto.etcd.v1 import etcd_pb2 as pb

from .entries import Entry, Listing, prefix_end
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


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """The revision up to which everything is known, and what stood below the prefix then.

    Of what stood, it keeps the number of keys, and those that were changed last. A server on
    which a read at this revision says the same has the history that was read so far; one that was
    restored from a backup, or emptied and filled again, has not, even where its revision is higher
    by now. ``newest`` is empty where the last change to what stood is not known.
    """

    cluster: int
    revision: int
    count: int
    newest: tuple[Entry, ...]

    @classmethod
    def of(cls, listing: Listing) -> Mark:
        """Return the mark right after a listing."""
        entries = listing.entries
        last = max((entry.mod_revision for entry in entries), default=0)
        newest = tuple(entry for entry in entries if entry.mod_revision == last)
        return cls(listing.cluster, listing.revision, len(entries), newest)

    def after(self, change: Change) -> Mark:
        """Return the mark right after a change that follows."""
        put = tuple(event.entry for event in change.events if event.entry is not None)
        gone = {event.key for event in change.events if event.entry is None}
        made = sum(entry.version == 1 for entry in put)
        newest = put
        if not put and not any(entry.key in gone for entry in self.newest):
            newest = self.newest
        return Mark(self.cluster, change.revision, self.count + made - len(gone), newest)

    def question(self, prefix: bytes) -> pb.RangeRequest:
        """Return what to ask; refused by a server that has compacted or never had the revision."""
        return pb.RangeRequest(
            key=prefix,
            range_end=prefix_end(prefix),
            revision=self.revision,
            limit=1,
            sort_order=pb.RangeRequest.DESCEND,
            sort_target=pb.RangeRequest.MOD,
        )

    def check(self, answer: pb.RangeResponse) -> None:
        """Raise ``Rewound`` where the answer is not that of the same history."""
        same = answer.header.cluster_id == self.cluster and answer.count == self.count
        if same and self.newest:
            same = any(Entry.of(kv) in self.newest for kv in answer.kvs)
        if not same:
            raise Rewound(f"at revision {self.revision} there is something else than was read")
