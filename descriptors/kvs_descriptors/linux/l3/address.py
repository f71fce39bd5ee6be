# SPDX-License-Identifier: Apache-2.0
"""Addresses of interfaces: derived values, one for each; all that they are is in their keys.

A key holds the address itself, or a reference to an allocated one, which is followed when the
address is set.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from google.protobuf.message import Message

from kvs_descriptors.netalloc import NotAllocated, Reference, reference
from kvscheduler import Depends, Descriptor, Origin, Retrieved, Southbound

from .. import keys, names
from ..kernel import PROTOCOL, Kernel, NamespaceGone
from ..kernel.looking import look_into
from ..links.link import Link
from ..links.lookup import InterfaceUnknown, interface_link, interface_links
from ..membership.vrf import UNKNOWN_VRF, needs_vrf, vrf_of
from ..netlink import channel, codec
from ..netlink.channel import Refused
from .sharing import Shared

__all__ = ["AddressDescriptor", "address_message", "check_written", "resolved", "written"]

EXISTS = frozenset({errno.EEXIST})
GONE = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV})
NO_LINK = frozenset({errno.ENODEV})

IPV6 = 6
# What IPv6 addresses begin with in which IPv4's stand: there are two ways to write them.
MAPPED = bytes(10)
SHORTEST_WITHOUT_BROADCAST = 31

# Of so many interfaces each is asked for its addresses; of more, all of the namespace.
FEW = 4

# The kernel's version, of which older ones drop an address's protocol.
KEEPS_MARKS = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (5, 18)

# Marks the addresses that are ours (from Linux 5.18 on).
ADDRESS_PROTOCOL = PROTOCOL

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class AddressDescriptor(Descriptor[Message, str]):
    """Addresses of interfaces; the metadata is the address, where the key has a reference.

    An IPv6 address is set without duplicate address detection: it can be used at once, and does
    not vanish a second later when a neighbour answers; who has which address is decided here.
    """

    name = "linux-address"
    key_prefix = "linux/interface/"
    retrieve_after = ("linux-interface", reference.ALLOCATIONS)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._shared = Shared(self._look_at)

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def selects(self, key: str) -> bool:
        """Take the addresses out of all that is derived from interfaces."""
        return key.startswith(self.key_prefix) and keys.parse_address(key) is not None

    def dependencies(self, key: str, value: Message) -> Iterable[Depends]:
        """Need the interface, the allocation that a reference goes by, and the VRF, if any."""
        interface, text = _parse(key)
        # Not always the base: who wants one of others' may bring it along with its addresses.
        yield Depends(keys.interface(interface), "interface-exists")
        yield from reference.needs(text, interface)
        yield from needs_vrf(interface, value)

    def equivalent(self, key: str, old: Message, new: Message) -> bool:
        """Tell whether both are in the same VRF, as far as is known; all else is in the key."""
        return UNKNOWN_VRF in (old, new) or vrf_of(old) == vrf_of(new)

    def requires_recreate(
        self, key: str, old: Message, new: Message, metadata: str | None
    ) -> bool:
        """Take the address away before its interface changes the VRF, which drops IPv6 ones."""
        return vrf_of(old) != vrf_of(new)

    async def create(self, key: str, value: Message) -> str | None:
        """Set the address; one of ours that is there is a success."""
        interface, text = _parse(key)
        address = resolved(self._southbound, interface, text)
        found = interface_link(self._southbound, interface)
        within = await self._kernel.channel(found.namespace)
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
        body = address_message(found.index, address, self._kernel.protocol)
        made = await within.call(channel.RTM_NEWADDR, flags, body, key, tolerate=EXISTS)
        place = keys.address(interface, str(address))
        # On another's interface it may well be there already; then it stays when we go, too.
        if made is None and not found.is_lent and await self._is_anothers(place, found):
            raise Refused(errno.EEXIST, "others have set this address", key)
        return str(address) if reference.is_reference(text) else None

    async def delete(self, key: str, value: Message, metadata: str | None) -> None:
        """Remove the address; one that is gone, with its interface or alone, is a success."""
        interface, text = _parse(key)
        address = resolved(self._southbound, interface, metadata or text)
        try:
            found = interface_link(self._southbound, interface)
            within = await self._kernel.channel(found.namespace)
            # The kernel does not match the mark, so another's would be hit.
            if await self._is_anothers(keys.address(interface, str(address)), found):
                return
        except (InterfaceUnknown, NamespaceGone):
            return
        body = codec.address_body(found.index, address.ip.packed, address.network.prefixlen)
        await within.call(channel.RTM_DELADDR, 0, body, key, tolerate=GONE)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the addresses of our interfaces that bear our mark, and expected ones.

        Others' addresses on our interfaces are theirs.
        """
        asked = None if keys is None else set(keys)
        links = interface_links(self._southbound, self._kernel.seen)
        if asked is not None:
            names = {_parse(key)[0] for key in asked}
            links = {name: found for name, found in links.items() if name in names}
        is_few = asked is not None and len(links) <= FEW
        by_place: dict[str, dict[str, Link]] = defaultdict(dict)
        for name, one in links.items():
            by_place[one.namespace][name] = one

        async def look(place: str) -> dict[str, bool]:
            return await self._look(place, is_few=is_few, links=by_place[place])

        looked = await look_into(by_place, look)
        known = {one.key: one.value for one in expected}
        wanted_as = self._wanted_as(known)
        found = [
            _retrieved(key, place, known.get(key, UNKNOWN_VRF), is_ours=is_ours)
            for there in looked.found.values()
            for place, is_ours in there.items()
            for key in wanted_as.get(place, (place,))
            if (is_ours or key in known) and (asked is None or key in asked)
        ]
        places = {name: one.namespace for name, one in links.items()}
        unread = [key for key in known if places.get(_parse(key)[0]) in looked.failed]
        return looked.answer(found, unread)

    def _wanted_as(self, known: Collection[str]) -> dict[str, list[str]]:
        """Return under which keys addresses are expected of which at least one is a reference."""
        expected = {_parse(key) for key in known}
        expected |= {
            (interface, text)
            for interface, texts in self._kernel.references.items()
            for text in texts
        }
        found: dict[str, list[str]] = defaultdict(list)
        for interface, text in sorted(expected):
            if reference.is_reference(text):
                with contextlib.suppress(NotAllocated):
                    address = resolved(self._southbound, interface, text)
                    place = keys.address(interface, str(address))
                    key = keys.address(interface, text)
                    # What is expected now counts for more than what an interface once had.
                    if key in known or place not in known:
                        found[place].append(key)
        for place, wanted in found.items():
            if place in known:
                wanted.append(place)
        return found

    async def _is_anothers(self, key: str, found: Link) -> bool:
        """Tell whether an address is there without our mark, where the kernel keeps marks."""
        if not KEEPS_MARKS:
            return False
        interface, _ = _parse(key)
        there = await self._shared.ask(found.namespace, interface, found)
        return not there.get(key, True)

    async def _look_at(self, namespace: str, links: Mapping[str, Link]) -> dict[str, bool]:
        return await self._look(namespace, is_few=len(links) <= FEW, links=links)

    async def _look(
        self, namespace: str, *, is_few: bool, links: Mapping[str, Link]
    ) -> dict[str, bool]:
        """Return the addresses of interfaces by key, and whether each bears our mark."""
        within = await self._kernel.channel(namespace)
        names = {one.index: name for name, one in links.items() if one.namespace == namespace}
        found = {}
        for index in names if is_few else (0,):
            body = codec.IFADDR.pack(0, 0, 0, 0, index)
            for answer in await within.dump(
                channel.RTM_GETADDR, body, "all addresses", tolerate=NO_LINK
            ):
                owner, packed, length, protocol = codec.decode_address(answer)
                if owner in names:
                    text = f"{_text(packed)}/{length}"
                    key = keys.address(names[owner], text)
                    found[key] = protocol == self._kernel.protocol
        return found


def address_message(index: int, address: Address, protocol: int = ADDRESS_PROTOCOL) -> bytes:
    """Return the body of a request to set an address, marked as ours."""
    attributes = [codec.attribute(codec.IFA_PROTO, bytes([protocol]))]
    length = address.network.prefixlen
    if address.version == IPV6:
        attributes.append(codec.number(codec.IFA_FLAGS, codec.IFA_F_NODAD))
    elif length < SHORTEST_WITHOUT_BROADCAST:
        broadcast = address.network.broadcast_address.packed
        attributes.append(codec.attribute(codec.IFA_BROADCAST, broadcast))
    return codec.address_body(index, address.ip.packed, length, attributes)


def resolved(southbound: Southbound, interface: str, text: str) -> Address:
    """Return the address that a text is, or that is allocated as it says."""
    if not reference.is_reference(text):
        return names.address(text)
    allocations = southbound.metadata(reference.ALLOCATIONS)
    return reference.find(text, interface, allocations)


def written(interface: str, text: str) -> str:
    """Return an address or a reference as it stands in keys, whatever way it was written."""
    found = Reference.parse(text, interface)
    return names.canonical(text) if found is None else found.written_on(interface)


def check_written(interface: str, text: str, *field: str) -> Address | None:
    """Return an interface's address, None for a reference to one; refuse what is neither."""
    if not reference.is_reference(text):
        return names.check_address(text, *field)
    reference.check(text, *field, only=interface, is_gateway=False)
    return None


def _text(packed: bytes) -> str:
    """Return an address as ``ipaddress`` writes it, in a fraction of its time."""
    if packed.startswith(MAPPED):
        return str(ipaddress.ip_address(packed))
    return socket.inet_ntop(codec.family_of(packed), packed)


def _retrieved(key: str, place: str, value: Message, *, is_ours: bool) -> Retrieved:
    """Return an address that stands under a key; ``place`` is the key with the address itself."""
    _, text = _parse(place)
    origin = Origin.NORTHBOUND if is_ours else Origin.UNKNOWN
    return Retrieved(key, value, None if key == place else text, origin)


def _parse(key: str) -> tuple[str, str]:
    found = keys.parse_address(key)
    if found is None:
        raise ValueError(f"not the key of an address: {key}")
    return found
