# SPDX-License-Identifier: Apache-2.0
"""IPVLANs: further IP addresses under another interface's MAC address."""

from __future__ import annotations

from kvs_descriptors.linux.netlink import codec
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface, IpvlanLink

from .kind import Around
from .stacked import Stacked

__all__ = ["Ipvlan"]

# linux/if_link.h
IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 2
_MODES = {IpvlanLink.L2: 0, IpvlanLink.L3: 1, IpvlanLink.L3S: 2}
_MODE_OF = {number: mode for mode, number in _MODES.items()}


class Ipvlan(Stacked):
    """IP addresses under another interface's MAC address."""

    type = Interface.IPVLAN
    kernel_name = "ipvlan"
    field = "ipvlan"

    def validate(self, value: Interface) -> None:
        """Refuse a mode that there is not, and a MAC address, which is the parent's."""
        super().validate(value)
        if value.ipvlan.mode not in _MODES:
            raise InvalidValue("no such mode", ("ipvlan", "mode"))
        if value.phys_address:
            raise InvalidValue("an IPVLAN has its parent's MAC address", ("phys_address",))

    def options(self, value: Interface) -> list[bytes]:
        """Return the mode, which is that of all on the same parent."""
        mode = codec.short(IFLA_IPVLAN_MODE, _MODES[value.ipvlan.mode])
        # Those on one parent see each other; this is said, as iproute2 says it.
        return [mode, codec.short(IFLA_IPVLAN_FLAGS, 0)]

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell parent and mode."""
        super().describe(value, found, around)
        number = codec.to_number(found.options().get(IFLA_IPVLAN_MODE, b""))
        mode = _MODE_OF.get(number, IpvlanLink.L2)
        if mode != value.ipvlan.mode:
            value.ipvlan.mode = mode
