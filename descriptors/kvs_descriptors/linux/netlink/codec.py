# SPDX-License-Identifier: Apache-2.0
"""Route netlink messages as bytes: the few that are sent often, and what dumps answer.

pyroute2's own encoder takes 0.2 to 0.9 ms for a message, its decoder 0.4 ms for a link: several
times the kernel's share. So bodies are packed here and travel through its sockets ready-made;
the tests compare them with what its encoder makes of the same.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
import sys
from collections.abc import Iterable, Iterator

__all__ = [
    "IPRoute",
    "LinkRecord",
    "address_body",
    "attribute",
    "byte",
    "decode_address",
    "decode_attributes",
    "decode_route",
    "family_of",
    "link_body",
    "nested",
    "number",
    "route_body",
    "short",
    "text",
    "to_number",
]

NESTED = 0x8000
TYPE_MASK = 0x3FFF

IFINFO = struct.Struct("=BxHiII")
IFADDR = struct.Struct("=BBBBI")
RTMSG = struct.Struct("=BBBBBBBBI")
ATTRIBUTE = struct.Struct("=HH")
NUMBER = struct.Struct("=I")

IFF_UP = 1

AF_INET, AF_INET6 = 2, 10
IPV4_BYTES, IPV6_BYTES = 4, 16

# Attributes of a link (linux/if_link.h).
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 18, 20, 26, 27
IFLA_NET_NS_FD, IFLA_EXT_MASK = 28, 29
IFLA_LINK_NETNSID, IFLA_TARGET_NETNSID, IFLA_PROP_LIST, IFLA_ALT_IFNAME = 37, 46, 52, 53
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND = 1, 2, 4

# Attributes of an address (linux/if_addr.h).
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS, IFA_PROTO = 1, 2, 4, 8, 11
IFA_F_NODAD = 0x02

# Attributes of a route (linux/rtnetlink.h).
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_TABLE = 1, 4, 5, 6, 15
RT_TABLE_UNSPEC, RT_TABLE_MAIN, RTN_UNICAST = 0, 254, 1
LARGEST_BYTE = 255


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one attribute, padded as the kernel wants it."""
    length = 4 + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + b"\0" * (-length % 4)


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a string."""
    return attribute(kind, value.encode() + b"\0")


def byte(kind: int, value: int) -> bytes:
    """Return an attribute that holds 8 bits."""
    return attribute(kind, bytes([value]))


def short(kind: int, value: int) -> bytes:
    """Return an attribute that holds 16 bits."""
    return attribute(kind, value.to_bytes(2, sys.byteorder))


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds 32 bits."""
    return ATTRIBUTE.pack(8, kind) + NUMBER.pack(value)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind | NESTED, b"".join(attributes))


def link_body(
    attributes: Iterable[bytes] = (), *, index: int = 0, up: bool | None = None
) -> bytes:
    """Return the body of a message about a link; ``up`` None leaves its state alone."""
    change = 0 if up is None else IFF_UP
    return IFINFO.pack(0, 0, index, IFF_UP if up else 0, change) + b"".join(attributes)


def family_of(packed: bytes) -> int:
    """Return the family of a packed address."""
    return AF_INET if len(packed) == IPV4_BYTES else AF_INET6


def address_body(
    index: int, packed: bytes, length: int, attributes: Iterable[bytes] = ()
) -> bytes:
    """Return the body of a message about an address of a link."""
    body = IFADDR.pack(family_of(packed), length, 0, 0, index)
    body += attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    return body + b"".join(attributes)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IPRoute:
    """A route as the kernel has it; ``table`` is the main one where nothing else is said."""

    destination: bytes
    length: int
    index: int
    gateway: bytes = b""
    priority: int = 0
    scope: int = 0
    protocol: int = 0
    table: int = RT_TABLE_MAIN


def route_body(route: IPRoute) -> bytes:
    """Return the body of a message about a route."""
    numbers = (
        family_of(route.destination),
        route.length,
        0,
        0,
        route.table if route.table <= LARGEST_BYTE else RT_TABLE_UNSPEC,
        route.protocol,
        route.scope,
    )
    body = RTMSG.pack(*numbers, RTN_UNICAST, 0)
    body += attribute(RTA_DST, route.destination) + number(RTA_OIF, route.index)
    if route.gateway:
        body += attribute(RTA_GATEWAY, route.gateway)
    if route.priority:
        body += number(RTA_PRIORITY, route.priority)
    if route.table > LARGEST_BYTE:
        body += number(RTA_TABLE, route.table)
    return body


def _attributes(data: bytes, offset: int, end: int) -> Iterator[tuple[int, bytes]]:
    while offset + ATTRIBUTE.size <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if not ATTRIBUTE.size <= length <= end - offset:
            return
        yield kind & TYPE_MASK, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def decode_attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Return attributes by kind; of several of one kind the last."""
    # As ``_attributes``, without the generator: a dump of links holds some 40 for each of them.
    found, end, unpack = {}, len(data), ATTRIBUTE.unpack_from
    while offset + ATTRIBUTE.size <= end:
        length, kind = unpack(data, offset)
        if not ATTRIBUTE.size <= length <= end - offset:
            break
        found[kind & TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


class LinkRecord:
    """A link as an answer tells of it; attributes are looked at only where they are asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._found: dict[int, bytes] | None = None
        _, _, self.index, flags, _ = IFINFO.unpack_from(body)
        self.is_up = bool(flags & IFF_UP)

    @property
    def attributes(self) -> dict[int, bytes]:
        """The attributes by kind."""
        if self._found is None:
            self._found = decode_attributes(self._body, IFINFO.size)
        return self._found

    @functools.cached_property
    def name(self) -> str:
        """The name in the kernel."""
        return self._text(IFLA_IFNAME)

    @functools.cached_property
    def alias(self) -> str:
        """The alias, which is where our mark is."""
        return self._text(IFLA_IFALIAS)

    @property
    def mtu(self) -> int:
        """The MTU in bytes."""
        return self._number(IFLA_MTU)

    @property
    def group(self) -> int:
        """The number of the group that the link is in."""
        return self._number(IFLA_GROUP)

    @property
    def master(self) -> int:
        """The index of the link that this one is plugged into (bridge, bond, VRF), or 0."""
        return self._number(IFLA_MASTER)

    @property
    def lower(self) -> int:
        """The index of the link beneath this one; of a veth the other end's, in its namespace."""
        if self._found is None:
            # All that is asked of a link that has just been made; the rest is not looked at.
            found = _attributes(self._body, IFINFO.size, len(self._body))
            return next((to_number(raw) for kind, raw in found if kind == IFLA_LINK), 0)
        return self._number(IFLA_LINK)

    @property
    def lower_netns_id(self) -> int | None:
        """The kernel's number for the namespace that ``lower`` is in; None for this one."""
        raw = self.attributes.get(IFLA_LINK_NETNSID)
        return int.from_bytes(raw, sys.byteorder, signed=True) if raw else None

    @property
    def mac(self) -> str:
        """The MAC address in the usual writing."""
        return self.attributes.get(IFLA_ADDRESS, b"").hex(":")

    @functools.cached_property
    def kind(self) -> str:
        """The kernel's word for what kind of link this is; "" for hardware and lo."""
        return _string(self._info.get(IFLA_INFO_KIND, b""))

    @property
    def master_kind(self) -> str:
        """The kernel's word for the kind of link that this one is plugged into, or ""."""
        return _string(self._info.get(IFLA_INFO_SLAVE_KIND, b""))

    @property
    def other_names(self) -> list[str]:
        """The alternative names."""
        names = self.attributes.get(IFLA_PROP_LIST, b"")
        return [_string(raw) for _, raw in _attributes(names, 0, len(names))]

    def options(self) -> dict[int, bytes]:
        """Return the attributes that belong to the kind."""
        return decode_attributes(self._info.get(IFLA_INFO_DATA, b""))

    @functools.cached_property
    def _info(self) -> dict[int, bytes]:
        return decode_attributes(self.attributes.get(IFLA_LINKINFO, b""))

    def _text(self, kind: int) -> str:
        return _string(self.attributes.get(kind, b""))

    def _number(self, kind: int) -> int:
        return to_number(self.attributes.get(kind, b"")[:4])


def to_number(raw: bytes) -> int:
    """Return the unsigned number that an attribute holds; 0 for none."""
    return int.from_bytes(raw, sys.byteorder)


def _string(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="surrogateescape")


def decode_address(body: bytes) -> tuple[int, bytes, int, int]:
    """Return index, packed address, prefix length and protocol out of an answer's body."""
    _, length, _, _, index = IFADDR.unpack_from(body)
    found = decode_attributes(body, IFADDR.size)
    packed = found.get(IFA_LOCAL) or found.get(IFA_ADDRESS, b"")
    return index, packed, length, to_number(found.get(IFA_PROTO, b""))


def decode_route(body: bytes) -> IPRoute | None:
    """Read a route out of an answer's body; None where it is none that we could have made."""
    family, length, _, _, table, protocol, scope, kind, _ = RTMSG.unpack_from(body)
    found = decode_attributes(body, RTMSG.size)
    if kind != RTN_UNICAST or RTA_OIF not in found:
        return None
    return IPRoute(
        destination=found.get(RTA_DST, bytes(IPV4_BYTES if family == AF_INET else IPV6_BYTES)),
        length=length,
        index=to_number(found[RTA_OIF]),
        gateway=found.get(RTA_GATEWAY, b""),
        priority=to_number(found.get(RTA_PRIORITY, b"")),
        scope=scope,
        protocol=protocol,
        table=to_number(found.get(RTA_TABLE, b"")) or table,
    )
