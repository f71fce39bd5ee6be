# SPDX-License-Identifier: Apache-2.0
"""Bridges: Ethernet switches; each port is a derived value, which waits for its interface."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from kvs_descriptors.linux import keys, names
from kvs_descriptors.linux.netlink import codec
from kvscheduler import Derived, InvalidValue
from ligato.linux.interfaces.interface_pb2 import BridgeLink, Interface

from .kind import Around, Kind

__all__ = ["Bridge"]

# linux/if_link.h
IFLA_BR_AGEING_TIME, IFLA_BR_STP_STATE = 4, 5
# The kernel counts in hundredths (USER_HZ).
TICKS_PER_S = 100
DEFAULT_AGEING_S, MAX_AGEING_S = 300, 1_000_000


class Bridge(Kind):
    """An Ethernet switch."""

    type = Interface.BRIDGE
    kernel_name = "bridge"
    field = "bridge"
    # Left to the kernel, it is that of the port with the least.
    default_mtu = None

    def validate(self, value: Interface) -> None:
        """Refuse a port that is named twice, and times that the kernel cannot take."""
        seen: set[str] = set()
        for index, port in enumerate(value.bridge.ports):
            where = ("bridge", f"ports[{index}]", "name")
            names.check_logical_name(port.name, *where)
            if port.name in seen or port.name == value.name:
                raise InvalidValue(f"{port.name} cannot be a port, or is one already", where)
            seen.add(port.name)
        if value.bridge.ageing_time_s > MAX_AGEING_S:
            text = f"stations are forgotten after at most {MAX_AGEING_S} s"
            raise InvalidValue(text, ("bridge", "ageing_time_s"))

    def derived(self, value: Interface) -> Iterable[Derived]:
        """Bring along the ports."""
        return [Derived(keys.port(value.name, one.name), Empty()) for one in value.bridge.ports]

    def normalize(self, value: Interface) -> None:
        """Ports have no order; no ageing time is the default one."""
        ports = sorted(one.name for one in value.bridge.ports)
        del value.bridge.ports[:]
        value.bridge.ports.extend(BridgeLink.Port(name=name) for name in ports)
        value.bridge.ageing_time_s = value.bridge.ageing_time_s or DEFAULT_AGEING_S

    def options(self, value: Interface) -> list[bytes]:
        """Return the spanning tree protocol's state and the ageing time."""
        ageing = (value.bridge.ageing_time_s or DEFAULT_AGEING_S) * TICKS_PER_S
        return [
            codec.number(IFLA_BR_STP_STATE, int(value.bridge.stp)),
            codec.number(IFLA_BR_AGEING_TIME, ageing),
        ]

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell the options."""
        options = found.options()
        stp = bool(codec.to_number(options.get(IFLA_BR_STP_STATE, b"")))
        if stp != value.bridge.stp:  # an assignment alone would make the field present
            value.bridge.stp = stp
        ageing = codec.to_number(options.get(IFLA_BR_AGEING_TIME, b"")) // TICKS_PER_S
        if ageing != (value.bridge.ageing_time_s or DEFAULT_AGEING_S):
            value.bridge.ageing_time_s = ageing
