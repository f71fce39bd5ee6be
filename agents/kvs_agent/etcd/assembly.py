# SPDX-License-Identifier: Apache-2.0
"""From responses back to transactions: each one whole, each one once."""

from __future__ import annotations

import itertools

from kvs_proto.etcd.v1 import etcd_pb2 as pb

from .entries import Entry
from .mark import Change, Event

__all__ = ["Assembly"]


class Assembly:
    """Puts the parts of large responses together and drops what was delivered already.

    etcd ends a response at the end of a transaction, unless it says that more is to come. Some
    versions repeat old events after an election or a compaction; revisions only ever grow here.
    """

    def __init__(self, revision: int) -> None:
        self._revision = revision
        self._parts: list[pb.Event] = []

    def add(self, response: pb.WatchResponse) -> list[Change]:
        """Take in the next response; return the transactions that are whole now."""
        self._parts.extend(response.events)
        # An answer to a heartbeat ends nothing, should it ever come between two parts.
        if response.fragment or not response.events:
            return []
        events, self._parts = self._parts, []
        changes = []
        for revision, group in itertools.groupby(events, lambda event: event.kv.mod_revision):
            if revision > self._revision:
                self._revision = revision
                changes.append(Change(revision, tuple(map(_event, group))))
        return changes


def _event(event: pb.Event) -> Event:
    entry = None if event.type == pb.Event.DELETE else Entry.of(event.kv)
    return Event(event.kv.key, entry)
