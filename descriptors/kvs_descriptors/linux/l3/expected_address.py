# SPDX-License-Identifier: Apache-2.0
"""Addresses that others are to set on their interfaces: waited for, and never touched."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message

from kvscheduler import Depends, Descriptor, Retrieved, Southbound
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys
from ..kernel import Kernel
from ..kernel.looking import look_into
from ..links.link import Link
from ..links.lookup import interface_links
from ..membership.vrf import needs_vrf, vrf_of
from ..netlink import channel, codec
from .address import NO_LINK

__all__ = ["ExpectedAddressDescriptor"]


class ExpectedAddressDescriptor(Descriptor[Message, None]):
    """Addresses that others are to set; each is there as long as the kernel has it."""

    name = "linux-expected-address"
    key_prefix = "linux/interface/"
    retrieve_after = ("linux-interface",)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def selects(self, key: str) -> bool:
        """Take such addresses out of all that is derived from interfaces."""
        return key.startswith(self.key_prefix) and keys.parse_existing_address(key) is not None

    def dependencies(self, key: str, value: Message) -> Iterable[Depends]:
        """Need the address, and the VRF, if it is to be in one."""
        interface, text = _parse(key)
        if isinstance(value, Interface):
            there = keys.host_interface_address(value.host_if_name, text)
            yield Depends(there, "address-assigned-to-interface")
        yield from needs_vrf(interface, value)

    def equivalent(self, key: str, old: Message, new: Message) -> bool:
        """Tell whether both are in the same VRF; all else is in the key, or the interface's."""
        return vrf_of(old) == vrf_of(new)

    def create(self, key: str, value: Message) -> None:
        """Do nothing: what is waited for is there."""

    def update(self, key: str, old: Message, new: Message, metadata: None) -> None:
        """Do nothing, likewise."""

    def delete(self, key: str, value: Message, metadata: None) -> None:
        """Do nothing: it is others'."""

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the expected ones that are there."""
        asked = [one for one in expected if keys is None or one.key in keys]
        names = {_parse(one.key)[0] for one in asked}
        links = interface_links(self._southbound, self._kernel.seen)
        places = {name: one.namespace for name, one in links.items() if name in names}
        look = functools.partial(self._look, links=links)
        looked = await look_into(places.values(), look)
        there = {key for found in looked.found.values() for key in found}
        found = [one for one in asked if one.key in there]
        unread = [one.key for one in asked if places.get(_parse(one.key)[0]) in looked.failed]
        return looked.answer(found, unread)

    async def _look(self, place: str, *, links: Mapping[str, Link]) -> list[str]:
        """Return the keys of all addresses of our interfaces in a place."""
        within = await self._kernel.channel(place)
        names = {one.index: name for name, one in links.items() if one.namespace == place}
        body = codec.IFADDR.pack(0, 0, 0, 0, 0)
        answers = await within.dump(channel.RTM_GETADDR, body, "all addresses", tolerate=NO_LINK)
        return [
            keys.existing_address(names[index], f"{ipaddress.ip_address(packed)}/{length}")
            for index, packed, length, _ in map(codec.decode_address, answers)
            if index in names
        ]


def _parse(key: str) -> tuple[str, str]:
    found = keys.parse_existing_address(key)
    if found is None:
        raise ValueError(f"not the key of an expected address: {key}")
    return found
