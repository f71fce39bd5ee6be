# SPDX-License-Identifier: Apache-2.0
"""MACVLANs: further MAC addresses on another interface's wire."""

from __future__ import annotations

from kvs_descriptors.linux.netlink import codec
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface, MacvlanLink

from .kind import Around
from .stacked import Stacked

__all__ = ["Macvlan"]

# linux/if_link.h
IFLA_MACVLAN_MODE = 1
_MODES = {
    MacvlanLink.PRIVATE: 1,
    MacvlanLink.VEPA: 2,
    MacvlanLink.BRIDGE: 4,
    MacvlanLink.PASSTHRU: 8,
}
_MODE_OF = {number: mode for mode, number in _MODES.items()}


class Macvlan(Stacked):
    """A MAC address on another interface's wire."""

    type = Interface.MACVLAN
    kernel_name = "macvlan"
    field = "macvlan"

    def validate(self, value: Interface) -> None:
        """Refuse a mode that there is not."""
        super().validate(value)
        if value.macvlan.mode not in _MODES:
            raise InvalidValue("no such mode", ("macvlan", "mode"))

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another parent, and to have all of the parent or no longer all."""
        modes = (old.macvlan.mode, new.macvlan.mode)
        is_other = modes[0] != modes[1] and MacvlanLink.PASSTHRU in modes
        return is_other or super().requires_recreate(old, new)

    def options(self, value: Interface) -> list[bytes]:
        """Return the mode."""
        return [codec.number(IFLA_MACVLAN_MODE, _MODES[value.macvlan.mode])]

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell parent and mode."""
        super().describe(value, found, around)
        number = codec.to_number(found.options().get(IFLA_MACVLAN_MODE, b""))
        mode = _MODE_OF.get(number, MacvlanLink.BRIDGE)
        if mode != value.macvlan.mode:
            value.macvlan.mode = mode
