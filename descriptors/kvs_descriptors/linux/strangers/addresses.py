# SPDX-License-Identifier: Apache-2.0
"""Addresses that others set: which can be said in a file, and how each is marked; pure."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from kvs_descriptors.linux import names
from kvs_descriptors.linux.l3.address import ADDRESS_PROTOCOL, SHORTEST_WITHOUT_BROADCAST
from kvs_descriptors.linux.netlink import channel, codec
from kvscheduler import InvalidValue

from .taken import Message, Taken

__all__ = ["Address", "addresses"]

IPV4, IPV6 = 4, 6

# linux/if_addr.h, linux/rtnetlink.h
IFA_LABEL, IFA_CACHEINFO, IFA_RT_PRIORITY = 3, 6, 9
PERMANENT = 0x80
OPTIONS = {0x10: "home", 0x100: "mngtmpaddr", 0x200: "noprefixroute", 0x400: "autojoin"}
KEPT_FLAGS = codec.IFA_F_NODAD
BY_KERNEL = frozenset({1, 2, 3})  # of lo, by router advertisements, link-local
SCOPE_GLOBAL, SCOPE_LINK = 0, 253
LOOPBACK_INDEX = 1
OF_LOOPBACK = frozenset({"127.0.0.1/8", "::1/128"})


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """One address of the link with an index; ``why_not`` where it cannot be said.

    ``taken`` is None of one that bears our mark already.
    """

    index: int
    text: str
    why_not: str
    taken: Taken | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    index: int
    length: int
    flags: int
    scope: int
    found: Mapping[int, bytes]

    @property
    def packed(self) -> bytes:
        return self.found.get(codec.IFA_LOCAL) or self.found.get(codec.IFA_ADDRESS, b"")

    @property
    def protocol(self) -> int:
        return codec.to_number(self.found.get(codec.IFA_PROTO, b""))

    @property
    def address(self) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
        return ipaddress.ip_interface((self.packed, self.length))


def addresses(place: str, answers: Sequence[bytes], links: Mapping[int, str]) -> Iterator[Address]:
    """Yield the addresses in a namespace but the kernel's own; ``links`` are names by index."""
    for answer in answers:
        one = _decode(answer)
        if one.index in links and not _is_kernels(one):
            is_ours = one.protocol == ADDRESS_PROTOCOL
            taken = None if is_ours else _taken(place, one)
            why_not = _why_not(one, links[one.index])
            yield Address(one.index, str(one.address), why_not, taken)


def _decode(answer: bytes) -> _Record:
    _, length, flags, scope, index = codec.IFADDR.unpack_from(answer)
    found = codec.decode_attributes(answer, codec.IFADDR.size)
    flags = codec.to_number(found.get(codec.IFA_FLAGS, b"")) or flags
    return _Record(index=index, length=length, flags=flags, scope=scope, found=found)


def _is_kernels(one: _Record) -> bool:
    if one.protocol in BY_KERNEL:
        return True
    # Kernels before 5.18 do not say who set an address.
    is_first = one.index == LOOPBACK_INDEX and str(one.address) in OF_LOOPBACK
    return is_first or (not one.protocol and _is_made_of_mac(one))


def _is_made_of_mac(one: _Record) -> bool:
    return (
        one.address.version == IPV6
        and one.scope == SCOPE_LINK
        and one.packed[11:13] == b"\xff\xfe"
    )


def _why_not(one: _Record, link: str) -> str:
    """Return what of an address a file cannot say, "" for nothing."""
    try:
        names.check_address(str(one.address))
    except InvalidValue as error:
        return error.message
    if not one.flags & PERMANENT:
        return "it expires, so whoever set it will set it again"
    for flag, word in OPTIONS.items():
        if one.flags & flag:
            return f"a file cannot say {word}"
    return _why_not_written(one, link)


def _why_not_written(one: _Record, link: str) -> str:
    other = one.found.get(codec.IFA_ADDRESS, one.packed)
    if other != one.packed:
        return f"a file cannot say peer {ipaddress.ip_address(other)}"
    if one.found.get(IFA_RT_PRIORITY):
        return "a file cannot say the metric of its route"
    if one.address.version != IPV4:
        return ""
    if one.scope != SCOPE_GLOBAL:
        return f"a file cannot say scope {one.scope}"
    label = one.found.get(IFA_LABEL, link.encode()).rstrip(b"\0").decode(errors="replace")
    if label != link:
        return f"a file cannot say the label {label}"
    usual = one.address.network.broadcast_address.packed
    is_usual = one.length < SHORTEST_WITHOUT_BROADCAST
    if one.found.get(codec.IFA_BROADCAST, usual) != usual or (
        codec.IFA_BROADCAST in one.found and not is_usual
    ):
        return "a file cannot say its broadcast address"
    return ""


def _taken(place: str, one: _Record) -> Taken:
    old = [codec.byte(codec.IFA_PROTO, one.protocol)] if one.protocol else []
    mark = _message(one, [codec.byte(codec.IFA_PROTO, ADDRESS_PROTOCOL)])
    return Taken(place=place, mark=mark, unmark=(_message(one, old),))


def _message(one: _Record, protocol: Sequence[bytes]) -> Message:
    """Return a request that changes nothing about an address but its protocol."""
    flags = codec.number(codec.IFA_FLAGS, one.flags & KEPT_FLAGS)
    body = codec.address_body(one.index, one.packed, one.length, [*protocol, flags])
    return Message(channel.RTM_NEWADDR, channel.NLM_F_REPLACE, body)
