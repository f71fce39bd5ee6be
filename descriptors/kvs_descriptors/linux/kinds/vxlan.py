# SPDX-License-Identifier: Apache-2.0
"""VXLANs: Ethernet over UDP, to one other end or to a group of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvs_descriptors.linux import names
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import codec
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface, VxlanLink

from .kind import Around, copy_of
from .stacked import Stacked

if TYPE_CHECKING:
    from kvs_descriptors.linux.kinds.making import Making
    from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["Vxlan"]

# linux/if_link.h
IFLA_VXLAN_ID, IFLA_VXLAN_GROUP, IFLA_VXLAN_LINK, IFLA_VXLAN_LOCAL = 1, 2, 3, 4
IFLA_VXLAN_TTL, IFLA_VXLAN_LEARNING, IFLA_VXLAN_PORT = 5, 7, 15
IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL6 = 16, 17
DEFAULT_PORT = 4789
MAX_VNI, MAX_PORT, MAX_TTL = (1 << 24) - 1, (1 << 16) - 1, 255
IPV4 = 4


class Vxlan(Stacked):
    """One end of a network over UDP.

    Its packets leave by the parent, in the parent's namespace, or without one in its own.
    """

    type = Interface.VXLAN
    kernel_name = "vxlan"
    field = "vxlan"

    def validate(self, value: Interface) -> None:
        """Refuse numbers out of range, and addresses that do not go together."""
        part = value.vxlan
        if part.parent_if_name:
            super().validate(value)
        for field, largest in (("vni", MAX_VNI), ("dst_port", MAX_PORT), ("ttl", MAX_TTL)):
            if getattr(part, field) > largest:
                raise InvalidValue(f"at most {largest}", ("vxlan", field))
        ends = [
            names.check_ip(getattr(part, field), "vxlan", field)
            for field in ("src_addr", "dst_addr")
            if getattr(part, field)
        ]
        if len({one.version for one in ends}) > 1:
            text = f"IPv{ends[0].version} does not lead to IPv{ends[1].version}"
            raise InvalidValue(text, ("vxlan", "dst_addr"))
        if part.src_addr and (ends[0].is_multicast or ends[0].is_unspecified):
            raise InvalidValue("packets leave from no such address", ("vxlan", "src_addr"))
        if part.dst_addr and ends[-1].is_multicast and not part.parent_if_name:
            text = "a group needs to know by which interface packets leave"
            raise InvalidValue(text, ("vxlan", "parent_if_name"))

    def claims(self, value: Interface) -> Iterable[str]:
        """Hold number and port, of which one parent, or one namespace, has one link."""
        part = value.vxlan
        where = f"if {part.parent_if_name}" if part.parent_if_name else link.namespace_of(value)
        return [f"vxlan:{where}/{part.dst_port or DEFAULT_PORT}/{part.vni}"]

    def normalize(self, value: Interface) -> None:
        """Addresses have several writings; no port is the usual one."""
        part = value.vxlan
        part.dst_port = part.dst_port or DEFAULT_PORT
        for field in ("src_addr", "dst_addr"):
            if getattr(part, field):
                setattr(part, field, str(ipaddress.ip_address(getattr(part, field))))

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for everything but how long packets live and what is learned."""
        one, other = copy_of(old), copy_of(new)
        for value in (one, other):
            self.normalize(value)
            value.vxlan.ttl = 0
            value.vxlan.no_learning = False
        return one.vxlan != other.vxlan

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the link, where it has a parent by a request to the parent's namespace."""
        if value.vxlan.parent_if_name:
            await super().make(making, value, within)
        else:
            await self.make_by(making, value, within, within, [self.info(value)])

    def upon(self, index: int, value: Interface) -> list[bytes]:
        """Return the options, the parent among them."""
        return [self.info_with([*self.options(value), codec.number(IFLA_VXLAN_LINK, index)])]

    def options(self, value: Interface) -> list[bytes]:
        """Return number, ends and port, and what can be changed."""
        part = value.vxlan
        found = [codec.number(IFLA_VXLAN_ID, part.vni)]
        ends = (
            (part.dst_addr, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6),
            (part.src_addr, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6),
        )
        for text, old, new in ends:
            if text:
                address = ipaddress.ip_address(text)
                kind = old if address.version == IPV4 else new
                found.append(codec.attribute(kind, address.packed))
        port = (part.dst_port or DEFAULT_PORT).to_bytes(2, "big")
        return [*found, codec.attribute(IFLA_VXLAN_PORT, port), *self._changeable(part)]

    def changes(self, value: Interface) -> list[bytes]:
        """Return what can be changed."""
        return [self.info_with(self._changeable(value.vxlan))]

    def requests(self, value: Interface, settings: Iterable[bytes], index: int) -> list[bytes]:
        """Return two: the kernel takes an MTU and options in one message for new links only."""
        first = codec.link_body(settings, index=index, up=value.enabled)
        return [first, codec.link_body(self.changes(value), index=index)]

    @staticmethod
    def _changeable(part: VxlanLink) -> list[bytes]:
        return [
            codec.byte(IFLA_VXLAN_TTL, part.ttl),
            codec.byte(IFLA_VXLAN_LEARNING, int(not part.no_learning)),
        ]

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell all of it; what is written in another way than the kernel's stays as it is."""
        super().describe(value, found, around)
        options = found.options()
        seen = VxlanLink(
            parent_if_name=value.vxlan.parent_if_name,
            vni=codec.to_number(options.get(IFLA_VXLAN_ID, b"")),
            dst_addr=_address(options, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6),
            src_addr=_address(options, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6),
            dst_port=int.from_bytes(options.get(IFLA_VXLAN_PORT, b""), "big"),
            ttl=codec.to_number(options.get(IFLA_VXLAN_TTL, b"")),
            no_learning=not codec.to_number(options.get(IFLA_VXLAN_LEARNING, b"")),
        )
        wanted = copy_of(value)
        self.normalize(wanted)
        if wanted.vxlan != seen:
            value.vxlan.CopyFrom(seen)


def _address(options: dict[int, bytes], *kinds: int) -> str:
    for kind in kinds:
        address = ipaddress.ip_address(options[kind]) if options.get(kind) else None
        if address is not None and not address.is_unspecified:
            return str(address)
    return ""
