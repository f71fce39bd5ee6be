# SPDX-License-Identifier: Apache-2.0
"""What notifications of the kernel are about: bytes in, keys out; none is believed further.

A notification tells that something has moved. What is true now is found out by whoever reads the
key again, so of many about one thing only the fact remains, and the worst that one of them hints.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator

from .. import keys
from ..links.lookup import Seen
from ..netlink import codec, message

__all__ = ["Moved"]

# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR = 16, 17, 20, 21
RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH, RTM_DELNEIGH = 24, 25, 28, 29
RTM_NEWNETCONF = 80
NETCONFA_IFINDEX = 1
AF_INET, AF_BRIDGE = 2, 7
# Routes to ourselves and to groups, which the kernel makes and unmakes with each address.
KERNELS_OWN_TYPES = frozenset({2, 3, 4, 5})
RTPROT_KERNEL = 2
ROUTE_TYPE, ROUTE_PROTOCOL = 7, 5

NEIGHBOUR = struct.Struct("=BxxxiHBB")
INDEX = struct.Struct("=i")

# The kernel tells of a port that leaves one of these with no word about which one it was.
SILENT_MASTERS = frozenset({"bond"})

# So many different things that have moved are remembered; of more, all there is of them.
MAX_THINGS = 4096

_DEFAULT = {codec.AF_INET: bytes(4), codec.AF_INET6: bytes(16)}


class Moved:
    """Collects what has moved in one place since it was last asked.

    Links that nobody knows yet may be about to become ours, so they are kept until ``give_up``.
    """

    def __init__(self, place: str, seen: Callable[[], Seen]) -> None:
        self._place = place
        self._seen = seen
        self._is_lost = self._is_every_route = False
        # By index: whether what hangs on it may have gone with it.
        self._links: dict[int, bool] = {}
        self._addresses: dict[int, bool] = {}
        # Ports by index, with the index of what they were plugged into or pulled out of.
        self._ports: dict[tuple[int, int], None] = {}
        self._routes: dict[tuple[bytes, int], None] = {}
        self._neighbours: dict[int, None] = {}
        self._unknown: dict[int, bool] = {}
        self._take: dict[int, Callable[[int, bytes], None]] = {
            RTM_NEWLINK: self._take_link,
            RTM_DELLINK: self._take_link,
            RTM_NEWADDR: self._take_address,
            RTM_DELADDR: self._take_address,
            RTM_NEWROUTE: self._take_route,
            RTM_DELROUTE: self._take_route,
            RTM_NEWNEIGH: self._take_neighbour,
            RTM_DELNEIGH: self._take_neighbour,
            RTM_NEWNETCONF: self._take_settings,
        }

    def take(self, data: bytes) -> None:
        """Take in one datagram."""
        for _, kind, _, body in message.split(data):
            taking = self._take.get(kind)
            if taking is not None:
                taking(kind, body)
        if len(self._routes) > MAX_THINGS:
            self._routes.clear()
            self._is_every_route = True
        links = len(self._links) + len(self._unknown)
        if links + len(self._addresses) + len(self._neighbours) > MAX_THINGS:
            self.lose()

    def lose(self) -> None:
        """Note that notifications have been lost: anything may have moved."""
        self._clear()
        self._unknown.clear()
        self._is_lost = True

    def _clear(self) -> None:
        self._is_lost = self._is_every_route = False
        for things in (self._links, self._addresses, self._ports, self._routes):
            things.clear()
        self._neighbours.clear()

    @property
    def has_unknown(self) -> bool:
        """Whether there are links that nobody knew when last asked."""
        return bool(self._unknown)

    def give_up(self) -> None:
        """Forget the links that nobody knew when last asked: they are others'."""
        self._unknown.clear()

    def _take_link(self, kind: int, body: bytes) -> None:
        family, _, index, flags, _ = codec.IFINFO.unpack_from(body)
        if family == AF_BRIDGE:
            self._take_port(index, body)
            return
        has_gone = kind == RTM_DELLINK or not flags & codec.IFF_UP
        self._links[index] = has_gone or self._links.get(index, False)

    def _take_port(self, index: int, body: bytes) -> None:
        master = codec.decode_attributes(body, codec.IFINFO.size).get(codec.IFLA_MASTER, b"")
        if master:
            self._ports[index, codec.to_number(master)] = None

    def _take_address(self, kind: int, body: bytes) -> None:
        index = codec.IFADDR.unpack_from(body)[4]
        has_gone = kind == RTM_DELADDR
        self._addresses[index] = has_gone or self._addresses.get(index, False)

    def _take_route(self, kind: int, body: bytes) -> None:
        if body[ROUTE_TYPE] in KERNELS_OWN_TYPES or body[ROUTE_PROTOCOL] == RTPROT_KERNEL:
            return
        family, length = body[0], body[1]
        nowhere = _DEFAULT.get(family)
        if nowhere is not None:
            found = codec.decode_attributes(body, codec.RTMSG.size)
            self._routes[found.get(codec.RTA_DST, nowhere), length] = None

    def _take_neighbour(self, kind: int, body: bytes) -> None:
        family, index, _, _, _ = NEIGHBOUR.unpack_from(body)
        if family != AF_BRIDGE:
            self._neighbours[index] = None

    def _take_settings(self, kind: int, body: bytes) -> None:
        # A byte for the family, padded, and then attributes.
        found = codec.decode_attributes(body, 4).get(NETCONFA_IFINDEX, b"")
        if len(found) == INDEX.size and (index := INDEX.unpack(found)[0]) > 0:
            self._links.setdefault(index, False)

    def keys(self) -> dict[str, bool]:
        """Return the keys to be read again, True with all that hangs on them; and begin anew."""
        seen = self._seen()
        names = seen.at(self._place)
        self._unknown.update(self._links)
        if self._is_lost:
            self._clear()
            self._unknown.clear()
            return {keys.interface(name): True for name in names.values()}
        masters = [
            name for name in names.values() if self._unknown and seen[name].kind in SILENT_MASTERS
        ]
        found: dict[str, bool] = {}
        for index in [one for one in self._unknown if one in names]:
            name = names[index]
            found[keys.interface(name)] = self._unknown.pop(index)
            found.update((keys.port(master, name), False) for master in masters)
        found.update(self._others(names.get))
        self._clear()
        return found

    def _others(self, name_of: Callable[[int], str | None]) -> Iterator[tuple[str, bool]]:
        for index, has_gone in self._addresses.items():
            if name := name_of(index):
                yield keys.address_prefix(name), has_gone
        for port, master in self._ports:
            if (name := name_of(port)) and (bridge := name_of(master)):
                yield keys.port(bridge, name), False
        if self._is_every_route:
            yield keys.ROUTE, False
        for packed, length in self._routes:
            # Another's may stand in its place, whatever interface that one goes out of.
            yield keys.route(f"{ipaddress.ip_address(packed)}/{length}", ""), False
        for index in self._neighbours:
            if name := name_of(index):
                yield f"{keys.ARP}{name}/", False
