# SPDX-License-Identifier: Apache-2.0
"""Routes that others set: which can be said in a file, and how each is marked; pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kvs_descriptors.linux.l3 import iproute
from kvs_descriptors.linux.l3.iproute import ROUTE_PROTOCOL
from kvs_descriptors.linux.netlink import channel, codec
from kvs_descriptors.linux.netlink.codec import IPRoute
from ligato.linux.l3.route_pb2 import Route

from .taken import Message, Taken

__all__ = ["Found", "routes"]

# linux/rtnetlink.h
RTA_PREFSRC, RTA_METRICS, RTA_MULTIPATH, RTA_FLOW = 7, 8, 9, 11
RTA_VIA, RTA_PREF, RTA_ENCAP, RTA_EXPIRES, RTA_NH_ID = 18, 20, 22, 23, 30
CANNOT_SAY = {
    RTA_MULTIPATH: "several next hops",
    RTA_NH_ID: "a next hop object",
    RTA_PREFSRC: "a source address (src)",
    RTA_METRICS: "an MTU or another metric of its packets",
    RTA_FLOW: "a realm",
    RTA_VIA: "a next hop of the other family",
    RTA_ENCAP: "an encapsulation",
    RTA_EXPIRES: "when it expires",
}
TYPES = {6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}
RTM_F_CLONED, RTNH_F_ONLINK = 0x200, 0x4
TABLE_LOCAL = 255
# Protocols: of the kernel, and of those who set routes by hand (nothing, boot, static).
REDIRECT, KERNEL = 1, 2
BY_HAND = frozenset({0, 3, 4})
DAEMONS = {9: "ra", 11: "zebra", 12: "bird", 16: "dhcp", 186: "bgp", 188: "ospf", 189: "rip"}
_SCOPES = frozenset(iproute.SCOPES.values())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One route: what it goes by in messages, and its value, or why there is none.

    ``taken`` is None of one that bears our mark already.
    """

    index: int
    text: str
    why_not: str = ""
    value: Route | None = None
    taken: Taken | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class _Record:
    numbers: tuple[int, ...]
    found: Mapping[int, bytes]

    @property
    def place(self) -> tuple[object, ...]:
        """What the kernel tells the routes of a namespace apart by when one is replaced."""
        family, length, _, tos, *_ = self.numbers
        priority = codec.to_number(self.found.get(codec.RTA_PRIORITY, b""))
        return family, self.destination, length, tos, priority, self.table

    @property
    def destination(self) -> bytes:
        family, *_ = self.numbers
        size = codec.IPV4_BYTES if family == codec.AF_INET else codec.IPV6_BYTES
        return self.found.get(codec.RTA_DST, bytes(size))

    @property
    def table(self) -> int:
        return codec.to_number(self.found.get(codec.RTA_TABLE, b"")) or self.numbers[4]

    @property
    def index(self) -> int:
        return codec.to_number(self.found.get(codec.RTA_OIF, b""))

    @property
    def text(self) -> str:
        text = f"route {ipaddress.ip_address(self.destination)}/{self.numbers[1]}"
        return text if self.table == codec.RT_TABLE_MAIN else f"{text} in table {self.table}"


def routes(
    place: str, answers: Sequence[bytes], outs: Mapping[int, str], tables: Mapping[int, int]
) -> Iterator[Found]:
    """Yield the routes in a namespace but the kernel's own.

    ``outs`` are logical names, and ``tables`` the VRFs' tables, of links by index.
    """
    records = [_decode(answer) for answer in answers]
    counts = Counter(one.place for one in records)
    for one in records:
        if _is_kernels(one):
            continue
        out = outs.get(one.index, "")
        table = tables.get(one.index, codec.RT_TABLE_MAIN)
        why_not = _why_not(one, table)
        if not why_not and counts[one.place] > 1:
            why_not = "another one has the same destination and metric"
        if why_not or not out:
            yield Found(index=one.index, text=one.text, why_not=why_not)
        else:
            yield _said(place, one, out)


def _decode(answer: bytes) -> _Record:
    return _Record(
        codec.RTMSG.unpack_from(answer), codec.decode_attributes(answer, codec.RTMSG.size)
    )


def _is_kernels(one: _Record) -> bool:
    _, _, _, _, _, protocol, _, _, flags = one.numbers
    is_own = protocol in {KERNEL, REDIRECT} or flags & RTM_F_CLONED
    return bool(is_own) or one.table == TABLE_LOCAL


def _why_not(one: _Record, table: int) -> str:
    """Return what of a route a file cannot say, "" for nothing."""
    _, _, source, tos, _, protocol, scope, kind, flags = one.numbers
    if protocol not in {*BY_HAND, ROUTE_PROTOCOL}:
        return f"{DAEMONS.get(protocol, f'protocol {protocol}')} has set it, and goes on so"
    if kind != codec.RTN_UNICAST:
        return f"a file cannot say {TYPES.get(kind, f'the type {kind}')}"
    said = [what for number, what in CANNOT_SAY.items() if number in one.found]
    said += ["a source"] if source else []
    said += ["tos"] if tos else []
    said += ["onlink"] if flags & RTNH_F_ONLINK else []
    said += ["a preference"] if any(one.found.get(RTA_PREF, b"")) else []
    said += [f"scope {scope}"] if scope not in _SCOPES else []
    said += [f"table {one.table}"] if one.table != table else []
    return f"a file cannot say {said[0]}" if said else ""


def _said(place: str, one: _Record, out: str) -> Found:
    _, length, _, _, _, protocol, scope, _, _ = one.numbers
    route = IPRoute(
        destination=one.destination,
        length=length,
        index=one.index,
        gateway=one.found.get(codec.RTA_GATEWAY, b""),
        priority=codec.to_number(one.found.get(codec.RTA_PRIORITY, b"")),
        scope=scope,
        protocol=protocol,
        table=one.table,
    )
    (told,) = iproute.retrieved(route, out, ())
    taken = None
    if protocol != ROUTE_PROTOCOL:
        ours = dataclasses.replace(route, protocol=ROUTE_PROTOCOL)
        taken = Taken(place=place, mark=_message(ours), unmark=(_message(route),))
    return Found(index=one.index, text=one.text, value=told.value, taken=taken)


def _message(route: IPRoute) -> Message:
    # Without NLM_F_CREATE: a route that has gone meanwhile stays gone.
    return Message(channel.RTM_NEWROUTE, channel.NLM_F_REPLACE, codec.route_body(route))
