# SPDX-License-Identifier: Apache-2.0
"""Interfaces that others make, and we only configure: what all of them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from kvs_descriptors.linux.links import link

from .kind import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvs_descriptors.linux.netlink import codec
    from kvscheduler import Southbound
    from ligato.linux.interfaces.interface_pb2 import Interface

__all__ = ["Lent"]


class Lent(Kind):
    """An interface that is there without us, and stays when we go.

    ``sets_state``: whether it is set up and down; else whoever has made it sees to that.
    """

    kernel_name = ""
    sets_state: ClassVar[bool] = True

    def is_touched(self, value: Interface) -> bool:
        """Tell whether anything at all is set on the interface."""
        return True

    def found_as(self, value: Interface, southbound: Southbound) -> tuple[str, str]:
        """Return the namespace in which it is found at first, and its name there."""
        return link.namespace_of(value), link.host_name(value)

    def describe_loan(
        self, value: Interface, found: codec.LinkRecord, was: Mapping[str, str]
    ) -> None:
        """Write into a copy of what is expected what is different in the kernel.

        What was changed, and is noted, is different also where nothing is wanted of it any more.
        """
        if not self.is_touched(value):
            return
        if self.sets_state:
            value.enabled = found.is_up
        wanted_mtu = value.mtu or self.default_mtu
        if found.mtu != (wanted_mtu or found.mtu) or (not wanted_mtu and "mtu" in was):
            value.mtu = found.mtu
        wants_mac = bool(value.phys_address) and not value.link_only
        if wants_mac != ("mac" in was) or (wants_mac and value.phys_address.lower() != found.mac):
            value.phys_address = found.mac
        if value.ipv4_forwarding != link.is_forwarding(found) and (
            value.ipv4_forwarding or "forwarding" in was
        ):
            value.ipv4_forwarding = link.is_forwarding(found)

    def wanted_settings(self, value: Interface) -> dict[str, str]:
        """Return what is to be set, as it is written in notes."""
        wanted = {}
        mtu = value.mtu or self.default_mtu
        if mtu:
            wanted["mtu"] = str(mtu)
        if value.phys_address and not value.link_only:
            wanted["mac"] = value.phys_address.lower().replace(":", "")
        if value.ipv4_forwarding:
            wanted["forwarding"] = "1"
        if len(value.ip_addresses) > 1 and not value.link_only:
            # Else taking the first of two addresses in one subnet away would take the other too.
            wanted["keep"] = "1"
        if self.sets_state:
            wanted["up"] = str(int(value.enabled))
        return wanted
