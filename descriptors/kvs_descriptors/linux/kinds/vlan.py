# SPDX-License-Identifier: Apache-2.0
"""VLANs: what of another interface's frames bears a tag."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from kvs_descriptors.linux.netlink import codec
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface, VlanLink

from .kind import Around
from .stacked import Stacked

__all__ = ["Vlan"]

# linux/if_link.h
IFLA_VLAN_ID, IFLA_VLAN_PROTOCOL = 1, 5
MAX_ID = 4094
# linux/if_ether.h
_ETHERTYPES = {VlanLink.DOT1Q: 0x8100, VlanLink.DOT1AD: 0x88A8}
_PROTOCOLS = {number: protocol for protocol, number in _ETHERTYPES.items()}


class Vlan(Stacked):
    """The frames with one tag."""

    type = Interface.VLAN
    kernel_name = "vlan"
    field = "vlan"

    def validate(self, value: Interface) -> None:
        """Refuse a tag that cannot be."""
        super().validate(value)
        if not 1 <= value.vlan.vlan_id <= MAX_ID:
            raise InvalidValue(f"a VLAN's number is 1 to {MAX_ID}", ("vlan", "vlan_id"))
        if value.vlan.protocol not in _ETHERTYPES:
            raise InvalidValue("no such protocol", ("vlan", "protocol"))

    def claims(self, value: Interface) -> Iterable[str]:
        """Hold the tag: one parent has one link for it."""
        part = value.vlan
        if not part.parent_if_name:
            return []
        return [f"vlan:{part.parent_if_name}/{part.protocol}/{part.vlan_id}"]

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another tag."""
        return old.vlan != new.vlan

    def options(self, value: Interface) -> list[bytes]:
        """Return the tag."""
        ethertype = _ETHERTYPES[value.vlan.protocol].to_bytes(2, "big")
        return [
            codec.short(IFLA_VLAN_ID, value.vlan.vlan_id),
            codec.attribute(IFLA_VLAN_PROTOCOL, ethertype),
        ]

    def changes(self, value: Interface) -> list[bytes]:
        """Return nothing: a tag is for life."""
        return []

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell parent and tag."""
        super().describe(value, found, around)
        options = found.options()
        value.vlan.vlan_id = int.from_bytes(options.get(IFLA_VLAN_ID, b""), sys.byteorder)
        ethertype = int.from_bytes(options.get(IFLA_VLAN_PROTOCOL, b""), "big")
        value.vlan.protocol = _PROTOCOLS.get(ethertype, VlanLink.DOT1Q)
