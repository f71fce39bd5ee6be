# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds in some namespaces, read once and in bulk: all that is looked at."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.kinds import Veth
from kvs_descriptors.linux.links import link, neighbours, offloading
from kvs_descriptors.linux.netlink import channel, codec

from .hand_set import hand_set_macs

if TYPE_CHECKING:
    from kvs_descriptors.linux.kernel import Kernel
    from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["Place", "Sight", "look"]

RTM_GETNSID = 90
# linux/net_namespace.h
NETNSA_NSID, NETNSA_FD = 1, 3
HEADER_BYTES = 4
NO_ID = -1
# Without statistics.
_ALL_LINKS = codec.link_body([codec.number(codec.IFLA_EXT_MASK, 8)])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One namespace: the answers' bodies, as the kernel gave them.

    ``hand_set`` are the names of links whose MAC address somebody has set, None where that
    cannot be told; ``checksums`` is who sums, of cables.
    """

    links: list[bytes]
    addresses: list[bytes]
    routes: list[bytes]
    neighbours: list[bytes]
    hand_set: frozenset[str] | None
    checksums: Mapping[str, offloading.Checksums]


@dataclasses.dataclass(frozen=True, slots=True)
class Sight:
    """All places by name, and which of them is meant by another one's number for it."""

    places: Mapping[str, Place]
    numbers: Mapping[tuple[str, int], str]

    def beneath(self, place: str, found: codec.LinkRecord) -> tuple[str, int] | None:
        """Return place and index of the other end, or of the link beneath; None: out of sight."""
        index = link.beneath(found)
        if not index:
            return None
        if found.lower_netns_id is None:
            return place, index
        there = self.numbers.get((place, found.lower_netns_id))
        return None if there is None else (there, index)


async def look(kernel: Kernel, names: Iterable[str]) -> Sight:
    """Read namespaces; one that has two names is read once."""
    within: dict[tuple[int, int], Channel] = {}
    for name in names:
        there = await kernel.channel(name)
        within.setdefault(there.identity, there)
    channels = list(within.values())
    places = {one.name: await _read(one) for one in channels}
    # The kernel gives a number when it first tells of a link that leads there: so not before.
    numbers = {}
    for one in channels:
        for other in channels:
            number = await _number(one, other)
            if number != NO_ID:
                numbers[one.name, number] = other.name
    return Sight(places, numbers)


async def _number(within: Channel, other: Channel) -> int:
    """Return the number that one namespace has for another, if it has one."""
    body = bytes(HEADER_BYTES) + codec.number(NETNSA_FD, other.netns_fd)
    answer = await within.call(RTM_GETNSID, 0, body, f"the number of {other.name}")
    found = codec.decode_attributes(answer[0], HEADER_BYTES) if answer else {}
    return int.from_bytes(found.get(NETNSA_NSID, b"\xff" * 4), sys.byteorder, signed=True)


async def _read(within: Channel) -> Place:
    links = await within.dump(channel.RTM_GETLINK, _ALL_LINKS, "all interfaces")
    addresses = await within.dump(
        channel.RTM_GETADDR, codec.IFADDR.pack(0, 0, 0, 0, 0), "all addresses"
    )
    routes, near = [], []
    for family in (codec.AF_INET, codec.AF_INET6):
        asked = codec.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        routes += await within.dump(channel.RTM_GETROUTE, asked, "all routes")
        asked = neighbours.NDMSG.pack(family, 0, 0, 0, 0)
        near += await within.dump(neighbours.RTM_GETNEIGH, asked, "all neighbours")
    records = map(codec.LinkRecord, links)
    cables = [one.name for one in records if one.kind == Veth.kernel_name]
    macs = functools.partial(hand_set_macs, within.netns_fd, within.identity)
    return Place(
        links=links,
        addresses=addresses,
        routes=routes,
        neighbours=near,
        hand_set=await syscalls.in_own_thread(macs),
        checksums=await offloading.look(within, cables) if cables else {},
    )
