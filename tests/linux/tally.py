# SPDX-License-Identifier: Apache-2.0
"""Counts the netlink messages that change something, and notes which links they name."""

from __future__ import annotations

import collections
import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["Tally", "counting"]

# linux/rtnetlink.h: of four numbers in a row the third asks, the others make, delete and set.
ASKING = 2
DELETE_LINK = 17
NEW_ROUTE, DELETE_ROUTE = 24, 25
OUTGOING_INTERFACE = 4
ROUTE_HEADER_BYTES = 12


class Tally:
    """``changes`` are the messages, with the namespace and the index of the link, 0 if none.

    ``asked`` counts those that change nothing, dumps apart, ``waits`` those for which the kernel
    waits until all its readers are done.
    """

    def __init__(self) -> None:
        self.changes: collections.Counter[tuple[str, int]] = collections.Counter()
        self.asked = 0
        self.waits = 0

    @property
    def total(self) -> int:
        """How many messages there were."""
        return self.changes.total()

    def note(self, place: str, kind: int, body: bytes) -> None:
        """Take note of a message."""
        if kind & 3 == ASKING:
            self.asked += 1
            return
        self.waits += kind == DELETE_LINK
        is_route = kind in {NEW_ROUTE, DELETE_ROUTE}
        index = _outgoing(body) if is_route else struct.unpack_from("=i", body, 4)[0]
        self.changes[place, index] += 1


def _outgoing(body: bytes) -> int:
    offset = ROUTE_HEADER_BYTES
    while offset < len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        if kind == OUTGOING_INTERFACE:
            return int(struct.unpack_from("=i", body, offset + 4)[0])
        offset += length + 3 & ~3
    return 0


@contextlib.contextmanager
def counting() -> Iterator[Tally]:
    """Count all messages that are sent meanwhile; they are sent none the less."""
    tally, send = Tally(), Channel.call

    async def call(
        self: Channel, kind: int, flags: int, body: bytes, *more: Any, **named: Any
    ) -> Any:
        tally.note(self.name, kind, body)
        return await send(self, kind, flags, body, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Channel, "call", call)
        yield tally
