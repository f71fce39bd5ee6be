# SPDX-License-Identifier: Apache-2.0
"""Interfaces in VRFs: derived values, for which an interface's addresses wait."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from kvscheduler import Depends, DependsOnAny
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys
from ..kinds import VrfDevice
from ..links import link
from ..links.link import Link
from ..links.lookup import interface_link
from ..netlink.channel import Refused
from .membership import Membership

__all__ = ["UNKNOWN_VRF", "VrfDescriptor", "needs_vrf", "vrf_of"]


# The value of an address that is found, and that nobody has told of.
UNKNOWN_VRF = Interface()


def vrf_of(value: Message) -> str:
    """Return the VRF that an address is to be in, as its value says; "" for none."""
    return value.vrf_master_interface if isinstance(value, Interface) else ""


def needs_vrf(interface: str, value: Message) -> Iterator[Depends]:
    """Yield an address's need for its interface to be in the VRF, if it is to be in one."""
    if vrf_of(value):
        yield Depends(keys.vrf(interface, vrf_of(value)), "interface-assigned-to-vrf")


class VrfDescriptor(Membership):
    """Interfaces that are in VRFs.

    An interface of others' that is left alone is put in by others: that is waited for, and found
    to be the right VRF or not.
    """

    name = "linux-interface-vrf"
    kinds = frozenset({VrfDevice.kernel_name})

    def parse(self, key: str) -> tuple[str, str] | None:
        """Return the VRF and the interface that a key is of, None for another kind of key."""
        return keys.parse_vrf(key)

    def key(self, master: str, member: str) -> str:
        """Return the key of an interface's being in a VRF."""
        return keys.vrf(member, master)

    def is_master(self, found: Link) -> bool:
        """Tell so of VRFs, and of another's link: nothing else of ours plugs into one."""
        return found.kind in self.kinds or found.is_lent

    def dependencies(self, key: str, value: Message) -> Iterable[Depends | DependsOnAny]:
        """Need the VRF; the interface is there, being the base."""
        master, _ = self._parse(key)
        yield Depends(keys.interface(master), "vrf-device-is-created")
        if isinstance(value, Interface):
            prefix = keys.host_interface_vrf(value.host_if_name, "")
            # Which of our names the VRF goes by is known only when it is there.
            yield DependsOnAny((prefix,), label="inserted-into-vrf-externally")

    def equivalent(self, key: str, old: Message, new: Message) -> bool:
        """Tell whether both are ours to do, or both are others'."""
        return isinstance(old, Interface) == isinstance(new, Interface)

    def requires_recreate(self, key: str, old: Message, new: Message, metadata: None) -> bool:
        """Hand it over by undoing what was ours."""
        return True

    async def create(self, key: str, value: Message) -> None:
        """Put the interface in; where others do that, see that it is in the right one."""
        if not isinstance(value, Interface):
            await super().create(key, value)
            return
        master, member = (interface_link(self._southbound, name) for name in self._parse(key))
        within = await self._kernel.channel(member.namespace)
        found = await link.find(within, index=member.index)
        if found is None or found.master != master.index:
            text = f"others have not put {member.host_if_name} into {master.host_if_name}"
            raise Refused(errno.ENOENT, text, key)

    async def delete(self, key: str, value: Message, metadata: None) -> None:
        """Take the interface out, if it is ours to do."""
        if not isinstance(value, Interface):
            await super().delete(key, value, metadata)
