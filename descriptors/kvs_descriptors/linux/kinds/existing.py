# SPDX-License-Identifier: Apache-2.0
"""Interfaces that somebody else makes in our own namespace: waited for, and configured."""

from __future__ import annotations

from collections.abc import Iterable

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.links import link
from kvs_descriptors.netalloc.reference import is_reference
from kvscheduler import Depends, InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface

from .lent import Lent

__all__ = ["Existing"]


class Existing(Lent):
    """An interface of somebody else's.

    It is there as long as it is up, which is for its owner to see to. With ``link_only`` nothing
    is set: its addresses and its VRF are waited for.
    """

    type = Interface.EXISTING
    default_mtu = None
    sets_state = False

    def validate(self, value: Interface) -> None:
        """Refuse a namespace, and expected addresses that nobody can know yet."""
        if value.namespace.type:
            text = "an existing interface is in our own namespace"
            raise InvalidValue(text, ("namespace",))
        for index, text in enumerate(value.ip_addresses):
            if value.link_only and is_reference(text):
                where = ("type", "link_only", f"ip_addresses[{index}]")
                raise InvalidValue("an expected address is no allocated one", where)

    def dependencies(self, value: Interface) -> Iterable[Depends]:
        """Need the interface to be there, and up, and what makes it, where that is named."""
        yield Depends(keys.host_interface(link.host_name(value)), "host-interface-exists")
        if value.made_by:
            yield Depends(value.made_by, "maker-exists")

    def is_touched(self, value: Interface) -> bool:
        """Tell whether its settings are ours to make."""
        return not value.link_only

    def wanted_settings(self, value: Interface) -> dict[str, str]:
        """Return what is to be set."""
        return {} if value.link_only else super().wanted_settings(value)
