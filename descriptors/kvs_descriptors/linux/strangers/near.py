# SPDX-License-Identifier: Apache-2.0
"""Fixed neighbours that others set: which can be said in a file, and how each is marked; pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from kvs_descriptors.linux.links import neighbours
from kvs_descriptors.linux.links.neighbours import NEIGHBOUR_PROTOCOL, NUD_PERMANENT, Neighbour
from kvs_descriptors.linux.netlink import channel
from ligato.linux.l3.arp_pb2 import ARPEntry

from .taken import Message, Taken

__all__ = ["Found", "near"]

MAC_BYTES = 6
# linux/neighbour.h
NTF_EXT_LEARNED = 0x10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One neighbour: its value, or why there is none; ``taken`` None: marked already."""

    index: int
    text: str
    why_not: str = ""
    value: ARPEntry | None = None
    taken: Taken | None = None


def near(place: str, answers: Sequence[bytes], outs: Mapping[int, str]) -> Iterator[Found]:
    """Yield the fixed neighbours in a namespace; ``outs`` are logical names of links by index."""
    for answer in answers:
        one = neighbours.decode(answer)
        # The kernel itself makes none that is permanent.
        if one is None or one.state != NUD_PERMANENT:
            continue
        text = f"neighbour {ipaddress.ip_address(one.address)}"
        *_, flags, _ = neighbours.NDMSG.unpack_from(answer)
        why_not = _why_not(one, flags)
        out = outs.get(one.index)
        if why_not or out is None:
            yield Found(index=one.index, text=text, why_not=why_not)
        else:
            yield _said(place, one, out, text)


def _why_not(one: Neighbour, flags: int) -> str:
    if flags & NTF_EXT_LEARNED:
        return "a program has told the kernel of it, and goes on so"
    if len(one.mac) != MAC_BYTES or not any(one.mac):
        return "a file cannot say a neighbour without a MAC address"
    return ""


def _said(place: str, one: Neighbour, out: str, text: str) -> Found:
    address = str(ipaddress.ip_address(one.address))
    value = ARPEntry(interface=out, ip_address=address, hw_address=one.mac.hex(":"))
    taken = None
    if one.protocol != NEIGHBOUR_PROTOCOL:
        ours = dataclasses.replace(one, protocol=NEIGHBOUR_PROTOCOL)
        mark = Message(neighbours.RTM_NEWNEIGH, channel.NLM_F_REPLACE, neighbours.body(ours))
        taken = Taken(place=place, mark=mark, unmark=_unmark(one))
    return Found(index=one.index, text=text, value=value, taken=taken)


def _unmark(one: Neighbour) -> tuple[Message, ...]:
    """Return two requests: the kernel puts any other protocol in a mark's place, but not none."""
    gone = Neighbour(index=one.index, address=one.address, state=0)
    again = channel.NLM_F_CREATE | channel.NLM_F_REPLACE
    return (
        Message(neighbours.RTM_DELNEIGH, 0, neighbours.body(gone)),
        Message(neighbours.RTM_NEWNEIGH, again, neighbours.body(one)),
    )
