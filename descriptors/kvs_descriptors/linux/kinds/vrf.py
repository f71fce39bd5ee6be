# SPDX-License-Identifier: Apache-2.0
"""VRF devices: a routing table of its own for the interfaces that are put into it."""

from __future__ import annotations

import contextlib
import functools
import pathlib
from typing import TYPE_CHECKING

from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.netlink import codec
from kvscheduler import InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface

from .kind import Around, Kind

if TYPE_CHECKING:
    from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["VrfDevice"]

# linux/if_link.h
IFLA_VRF_TABLE = 1
# The kernel's default has changed, and still may.
DEFAULT_MTUS = frozenset({65536, 65575})
MIN_MTU = 1280
# Where it is 0, who listens without naming a VRF is not reached by way of one.
LISTEN_EVERYWHERE = pathlib.Path("/proc/sys/net/ipv4/tcp_l3mdev_accept")


class VrfDevice(Kind):
    """A routing table for interfaces."""

    type = Interface.VRF_DEVICE
    kernel_name = "vrf"
    field = "vrf_dev"
    default_mtu = 65536

    def is_default_mtu(self, mtu: int) -> bool:
        """Tell whether the kernel, of whatever age, has chosen it."""
        return mtu in DEFAULT_MTUS

    def validate(self, value: Interface) -> None:
        """Refuse a table that there is not, a MAC address, and a VRF within another."""
        if not value.vrf_dev.routing_table:
            raise InvalidValue("a table is 1 to 4294967295", ("vrf_dev", "routing_table"))
        if value.phys_address:
            raise InvalidValue("a VRF has no MAC address", ("phys_address",))
        if value.vrf_master_interface:
            raise InvalidValue("a VRF is not in another one", ("vrf_master_interface",))
        if 0 < value.mtu < MIN_MTU:
            raise InvalidValue(f"a VRF takes an MTU of at least {MIN_MTU}", ("mtu",))

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another table."""
        return old.vrf_dev.routing_table != new.vrf_dev.routing_table

    def options(self, value: Interface) -> list[bytes]:
        """Return the table."""
        return [codec.number(IFLA_VRF_TABLE, value.vrf_dev.routing_table)]

    def changes(self, value: Interface) -> list[bytes]:
        """Return nothing: a table is for life."""
        return []

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell the table."""
        table = codec.to_number(found.options().get(IFLA_VRF_TABLE, b""))
        if table != value.vrf_dev.routing_table:
            value.vrf_dev.routing_table = table

    async def prepare(self, value: Interface, within: Channel) -> None:
        """Have servers reached by way of VRFs, in a namespace that is ours and goes with us.

        In others' it would change who reaches what, and nobody would put it back.
        """
        if within.is_ours:
            await syscalls.in_own_thread(functools.partial(listen_everywhere, within.netns_fd))


def listen_everywhere(netns_fd: int) -> None:
    """Have those who listen without naming a VRF reached by way of one: in an own thread."""
    syscalls.enter(netns_fd)
    # A kernel without it has no VRFs either, and says so itself.
    with contextlib.suppress(FileNotFoundError, PermissionError):
        LISTEN_EVERYWHERE.write_text("1")
