# SPDX-License-Identifier: Apache-2.0
"""Neighbours as the kernel has them: its messages about them, packed, sent and read."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import struct
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..netlink import channel, codec
from .gate import Gates

if TYPE_CHECKING:
    from ..netlink.channel import Channel

__all__ = [
    "NEIGHBOUR_PROTOCOL",
    "Neighbour",
    "body",
    "decode",
    "dump",
    "find",
    "forget",
    "kept",
    "put",
    "touching",
]

RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

NDMSG = struct.Struct("=BxxxiHBB")

# linux/neighbour.h
NDA_DST, NDA_LLADDR, NDA_PROTOCOL = 1, 2, 12
NUD_PERMANENT, NUD_NOARP = 0x80, 0x40
NTF_PROXY = 0x08

# Marks our neighbours, as it does our routes and addresses (from Linux 5.0 on).
NEIGHBOUR_PROTOCOL = 107

GONE = frozenset({errno.ENOENT, errno.ENODEV})
EXISTS = frozenset({errno.EEXIST})

_gates = Gates()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Who is reached at which MAC address, over the interface with an index."""

    index: int
    address: bytes
    mac: bytes = b""
    state: int = NUD_PERMANENT
    protocol: int = NEIGHBOUR_PROTOCOL

    @property
    def is_fixed(self) -> bool:
        """Whether somebody has set it; the kernel itself finds out, and forgets, the others."""
        return bool(self.state & (NUD_PERMANENT | NUD_NOARP))

    @property
    def is_ours(self) -> bool:
        """Whether it bears our mark; what the kernel has changed since may bear it too."""
        return self.state == NUD_PERMANENT and self.protocol == NEIGHBOUR_PROTOCOL


def body(one: Neighbour) -> bytes:
    """Return the body of a message about a neighbour."""
    packed = NDMSG.pack(codec.family_of(one.address), one.index, one.state, 0, 0)
    packed += codec.attribute(NDA_DST, one.address)
    if one.mac:
        packed += codec.attribute(NDA_LLADDR, one.mac)
        packed += codec.attribute(NDA_PROTOCOL, bytes([one.protocol]))
    return packed


def decode(answer: bytes) -> Neighbour | None:
    """Read a neighbour out of an answer's body; None where we answer for another."""
    _, index, state, flags, _ = NDMSG.unpack_from(answer)
    found = codec.decode_attributes(answer, NDMSG.size)
    if flags & NTF_PROXY or NDA_DST not in found:
        return None
    return Neighbour(
        index=index,
        address=found[NDA_DST],
        mac=found.get(NDA_LLADDR, b""),
        state=state,
        protocol=codec.to_number(found.get(NDA_PROTOCOL, b"")),
    )


async def dump(within: Channel) -> list[Neighbour]:
    """Return all neighbours in a namespace, of IPv4 and IPv6."""
    both = []
    for family in (codec.AF_INET, codec.AF_INET6):
        asked = NDMSG.pack(family, 0, 0, 0, 0)
        both += await within.dump(RTM_GETNEIGH, asked, "all neighbours")
    return [one for one in map(decode, both) if one is not None]


async def _fixed(within: Channel, index: int) -> list[Neighbour]:
    """Return the neighbours over an interface that somebody has set, we or others."""
    there = await dump(within)
    return [one for one in there if one.index == index and one.state == NUD_PERMANENT]


@contextlib.asynccontextmanager
async def kept(within: Channel, index: int, what: str) -> AsyncIterator[None]:
    """Change a MAC address: with it the kernel drops all neighbours, fixed ones too.

    These are set again, whoever set them, when the last of those who change it at once is done.
    Who is about to set or to remove one waits meanwhile: else it would be lost, or come back.
    """
    async with _gates.closed(within, index) as closed:
        if closed.shared is None:
            closed.shared = asyncio.ensure_future(_fixed(within, index))
        there = await asyncio.shield(closed.shared)
        try:
            yield
        finally:
            if closed.count == 1:
                for one in there:
                    await put(within, one, what)


def touching(within: Channel, index: int) -> contextlib.AbstractAsyncContextManager[None]:
    """Keep the MAC address of an interface from being changed meanwhile."""
    return _gates.passing(within, index)


async def find(within: Channel, index: int, address: bytes, what: str) -> Neighbour | None:
    """Return the neighbour with an address over an interface, None where there is none."""
    asked = NDMSG.pack(codec.family_of(address), index, 0, 0, 0)
    asked += codec.attribute(NDA_DST, address)
    found = await within.call(RTM_GETNEIGH, 0, asked, what, tolerate=GONE)
    return decode(found[0]) if found else None


async def put(within: Channel, one: Neighbour, what: str, *, is_new: bool = False) -> bool:
    """Set a neighbour; tell whether it was set, which ``is_new`` keeps it from where one is."""
    only = channel.NLM_F_EXCL if is_new else channel.NLM_F_REPLACE
    flags = channel.NLM_F_CREATE | only
    tolerate = EXISTS if is_new else frozenset()
    done = await within.call(RTM_NEWNEIGH, flags, body(one), what, tolerate=tolerate)
    return done is not None


async def forget(within: Channel, index: int, address: bytes, what: str) -> None:
    """Remove a neighbour; one that is gone is a success."""
    gone = Neighbour(index=index, address=address, state=0)
    await within.call(RTM_DELNEIGH, 0, body(gone), what, tolerate=GONE)
