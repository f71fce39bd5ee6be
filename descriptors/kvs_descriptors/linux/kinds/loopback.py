# SPDX-License-Identifier: Apache-2.0
"""The loopback that each namespace has: configured, never made or deleted."""

from __future__ import annotations

from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface

from .lent import Lent

__all__ = ["Loopback"]


class Loopback(Lent):
    """The ``lo`` of a namespace, whatever name is asked for; one value at a time can have it."""

    type = Interface.LOOPBACK
    default_mtu = 65536

    def validate(self, value: Interface) -> None:
        """Refuse a MAC address: the kernel would not take back the one of zeros."""
        if value.phys_address:
            raise InvalidValue("a loopback has no MAC address", ("phys_address",))

    def normalize(self, value: Interface) -> None:
        """There is but one name."""
        value.host_if_name = "lo"
