# SPDX-License-Identifier: Apache-2.0
"""The Linux side of a TAP that VPP makes: taken to its namespace, and given back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.places import OWN
from kvscheduler import Depends, InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface

from .lent import Lent

if TYPE_CHECKING:
    from kvscheduler import Southbound

__all__ = ["TapToVpp"]

VPP_INTERFACE = "config/vpp/v2/interfaces/"
VPP_INTERFACES = "vpp-interface"


class TapToVpp(Lent):
    """The Linux side of VPP's TAP.

    VPP makes it in our own namespace, by the name that the metadata of VPP's interface gives as
    ``host_if_name``; where that says nothing, by the name that it is to keep.
    """

    type = Interface.TAP_TO_VPP
    kernel_name = "tun"
    field = "tap"

    def validate(self, value: Interface) -> None:
        """Refuse a side without another side."""
        if not value.tap.vpp_tap_if_name:
            raise InvalidValue("the name of VPP's interface is needed", ("tap", "vpp_tap_if_name"))

    def dependencies(self, value: Interface) -> Iterable[Depends]:
        """Need VPP's side."""
        return [Depends(VPP_INTERFACE + value.tap.vpp_tap_if_name, "vpp-tap-interface-exists")]

    def claims(self, value: Interface) -> Iterable[str]:
        """Hold VPP's side, which has but one other side."""
        return [f"vpp-tap:{value.tap.vpp_tap_if_name}"]

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Give back the one and take the other, for another side in VPP."""
        return old.tap.vpp_tap_if_name != new.tap.vpp_tap_if_name

    def found_as(self, value: Interface, southbound: Southbound) -> tuple[str, str]:
        """Return our own namespace and the name that VPP has given."""
        made = southbound.metadata(VPP_INTERFACES).get(value.tap.vpp_tap_if_name)
        name = getattr(made, "host_if_name", "")
        return OWN, name or link.host_name(value)
