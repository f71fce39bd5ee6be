# SPDX-License-Identifier: Apache-2.0
"""Fixed neighbours: which MAC address an IP address is reached at, of IPv4 and IPv6."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from kvs_descriptors.netalloc import NotAllocated, reference
from kvscheduler import (
    Depends,
    DependsOnAny,
    Descriptor,
    InvalidValue,
    Origin,
    Retrieved,
    Southbound,
)
from ligato.linux.l3.arp_pb2 import ARPEntry

from .. import keys, names
from ..kernel import Kernel, NamespaceGone
from ..kernel.looking import look_into
from ..links import neighbours
from ..links.lookup import InterfaceUnknown, interface_link, interface_links
from ..links.neighbours import Neighbour
from ..netlink.channel import Refused
from . import reaching

__all__ = ["ArpDescriptor"]

_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

_Place = tuple[str, bytes]


class ArpDescriptor(Descriptor[ARPEntry, None]):
    """Neighbours over our interfaces.

    What the kernel has found out about a neighbour gives way to an entry; what somebody else has
    set does not.
    """

    name = "linux-arp"
    key_prefix = keys.ARP
    retrieve_after = ("linux-interface", reference.ALLOCATIONS)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces and allocated addresses."""
        self._southbound = southbound

    def validate(self, key: str, value: ARPEntry) -> None:
        """Check names and addresses before the kernel sees them."""
        names.check_logical_name(value.interface, "interface")
        if key != keys.arp(value.interface, value.ip_address):
            raise InvalidValue(f"the key is another's: {key}", ("ip_address",))
        if reference.is_reference(value.ip_address):
            reference.check(value.ip_address, "ip_address", interface=value.interface)
        else:
            address = names.check_ip(value.ip_address, "ip_address")
            if address.is_multicast or address.is_unspecified:
                raise InvalidValue(f"no neighbour's address: {address}", ("ip_address",))
        # A group's will do: clusters answer to such.
        if not _MAC.fullmatch(value.hw_address) or not value.hw_address.strip("0:"):
            text = f"not a MAC address (like 02:00:00:00:00:01): {value.hw_address!r}"
            raise InvalidValue(text, ("hw_address",))

    def equivalent(self, key: str, old: ARPEntry, new: ARPEntry) -> bool:
        """Tell whether two entries are the same to the kernel; the rest is in the key."""
        return old.hw_address.lower() == new.hw_address.lower()

    def dependencies(self, key: str, value: ARPEntry) -> Iterable[Depends | DependsOnAny]:
        """Need the interface up and with an address, and the allocation that is referred to."""
        interface, text = value.interface, value.ip_address
        yield Depends(keys.state(interface), "interface-is-up")
        yield from reference.needs(text, interface)
        address = None if reference.is_reference(text) else ipaddress.ip_address(text)
        if address is None or not reaching.is_link_local(address):
            version = address.version if address else None
            yield reaching.has_address(interface, version, "interface-has-ip-address")

    def claims(self, key: str, value: ARPEntry) -> Iterable[str]:
        """Hold the address: an IPv6 address can be written, and so stand in keys, in many ways."""
        if not reference.is_reference(value.ip_address):
            yield f"neighbour:{value.interface}/{ipaddress.ip_address(value.ip_address)}"

    async def create(self, key: str, value: ARPEntry) -> None:
        """Set the entry; one of ours, or of the kernel's finding, is brought up to date."""
        found = interface_link(self._southbound, value.interface)
        within = await self._kernel.channel(found.namespace)
        one = self._of(value, found.index)
        async with neighbours.touching(within, one.index):
            if await neighbours.put(within, one, key, is_new=True):
                return
            there = await neighbours.find(within, one.index, one.address, key)
            if there is not None and there.is_fixed and not there.is_ours:
                raise Refused(errno.EEXIST, "others have set this neighbour", key)
            await neighbours.put(within, one, key)

    async def update(self, key: str, old: ARPEntry, new: ARPEntry, metadata: None) -> None:
        """Change the MAC address in place."""
        found = interface_link(self._southbound, new.interface)
        within = await self._kernel.channel(found.namespace)
        async with neighbours.touching(within, found.index):
            await neighbours.put(within, self._of(new, found.index), key)

    async def delete(self, key: str, value: ARPEntry, metadata: None) -> None:
        """Remove the entry; one that is gone, with its interface or alone, is a success."""
        _, address = self._place_of(value)
        try:
            found = interface_link(self._southbound, value.interface)
            within = await self._kernel.channel(found.namespace)
        except (InterfaceUnknown, NamespaceGone):
            return
        # The kernel does not match the mark, so another's would be hit.
        async with neighbours.touching(within, found.index):
            there = await neighbours.find(within, found.index, address, key)
            if there is not None and there.is_ours:
                await neighbours.forget(within, found.index, address, key)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the entries over our interfaces that bear our mark."""
        links = interface_links(self._southbound, self._kernel.seen)
        by_place = {(one.namespace, one.index): name for name, one in links.items()}
        wanted = self._wanted(expected)
        looked = await look_into((namespace for namespace, _ in by_place), self._look)
        found: list[Retrieved] = []
        for namespace, there in looked.found.items():
            for one in there:
                interface = by_place.get((namespace, one.index))
                if interface is not None and one.is_ours:
                    found += _retrieved(interface, one, wanted)
        asked = [one for one in found if keys is None or one.key in keys]
        places = {name: one.namespace for name, one in links.items()}
        unread = [one.key for one in expected if places.get(one.value.interface) in looked.failed]
        return looked.answer(asked, unread)

    def _wanted(self, expected: Iterable[Retrieved]) -> Mapping[_Place, list[Retrieved]]:
        wanted: dict[_Place, list[Retrieved]] = defaultdict(list)
        for one in expected:
            try:
                wanted[self._place_of(one.value)].append(one)
            except NotAllocated:
                # Then it is not there either.
                continue
        return wanted

    async def _look(self, namespace: str) -> list[Neighbour]:
        return await neighbours.dump(await self._kernel.channel(namespace))

    def _of(self, value: ARPEntry, index: int) -> Neighbour:
        _, address = self._place_of(value)
        mac = bytes.fromhex(value.hw_address.replace(":", ""))
        return Neighbour(index=index, address=address, mac=mac)

    def _place_of(self, value: ARPEntry) -> _Place:
        allocations = self._southbound.metadata(reference.ALLOCATIONS)
        found = reference.find(value.ip_address, value.interface, allocations)
        return value.interface, found.ip.packed


def _retrieved(
    interface: str, one: Neighbour, wanted: Mapping[_Place, list[Retrieved]]
) -> Iterable[Retrieved]:
    """Yield an entry under each key that it is wanted by, or under one of its own."""
    text = str(ipaddress.ip_address(one.address))
    unknown = Retrieved(keys.arp(interface, text), ARPEntry(interface=interface, ip_address=text))
    for expected in wanted.get((interface, one.address), (unknown,)):
        value = ARPEntry()
        value.CopyFrom(expected.value)
        mac = one.mac.hex(":")
        if value.hw_address.lower() != mac:
            value.hw_address = mac
        yield Retrieved(expected.key, value, None, Origin.NORTHBOUND)
