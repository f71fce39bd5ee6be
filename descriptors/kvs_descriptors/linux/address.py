# SPDX-License-Identifier: Apache-2.0
"""Addresses of interfaces: derived values, one for each; all that they are is in their keys."""

from __future__ import annotations

import errno
import functools
import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Descriptor, Origin, Retrieved, Southbound

from . import channel, codec, keys, names
from .channel import Refused
from .kernel import Kernel, NamespaceGone
from .link import Link
from .looking import look_into
from .lookup import interface_link, interface_links
from .sharing import Shared

__all__ = ["AddressDescriptor", "address_message"]

EXISTS = frozenset({errno.EEXIST})
GONE = frozenset({errno.EADDRNOTAVAIL, errno.ENODEV})
NO_LINK = frozenset({errno.ENODEV})

IPV6 = 6
SHORTEST_WITHOUT_BROADCAST = 31

# Of so many interfaces each is asked for its addresses; of more, all of the namespace.
FEW = 4

# The kernel's version, of which older ones drop an address's protocol.
KEEPS_MARKS = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (5, 18)

# Marks the addresses that are ours (from Linux 5.18 on).
ADDRESS_PROTOCOL = 107

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class AddressDescriptor(Descriptor[Empty, None]):
    """Addresses of interfaces.

    An IPv6 address is set without duplicate address detection: it can be used at once, and does
    not vanish a second later when a neighbour answers; who has which address is decided here.
    """

    name = "linux-address"
    key_prefix = "linux/interface/"
    retrieve_after = ("linux-interface",)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._shared = Shared(self._look_at)

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def selects(self, key: str) -> bool:
        """Take the addresses out of all that is derived from interfaces."""
        return key.startswith(self.key_prefix) and keys.parse_address(key) is not None

    async def create(self, key: str, value: Empty) -> None:
        """Set the address; one of ours that is there is a success."""
        interface, text = _parse(key)
        found = interface_link(self._southbound, interface)
        within = await self._kernel.channel(found.namespace)
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
        body = address_message(found.index, names.address(text))
        made = await within.call(channel.RTM_NEWADDR, flags, body, key, tolerate=EXISTS)
        if made is None and await self._is_anothers(key, found):
            raise Refused(errno.EEXIST, "others have set this address", key)

    async def delete(self, key: str, value: Empty, metadata: None) -> None:
        """Remove the address; one that is gone, with its interface or alone, is a success."""
        interface, text = _parse(key)
        try:
            found = interface_link(self._southbound, interface)
            within = await self._kernel.channel(found.namespace)
            # The kernel does not match the mark, so another's would be hit.
            if await self._is_anothers(key, found):
                return
        except (LookupError, NamespaceGone):
            return
        address = names.address(text)
        body = codec.address_body(found.index, address.ip.packed, address.network.prefixlen)
        await within.call(channel.RTM_DELADDR, 0, body, key, tolerate=GONE)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the addresses of our interfaces that bear our mark, and expected ones.

        Others' addresses on our interfaces are theirs.
        """
        asked = None if keys is None else set(keys)
        links = interface_links(self._southbound, self._kernel)
        if asked is not None:
            names = {_parse(key)[0] for key in asked}
            links = {name: found for name, found in links.items() if name in names}
        look = functools.partial(self._look, is_few=asked is not None, links=links)
        looked = await look_into((one.namespace for one in links.values()), look)
        known = {one.key for one in expected}
        found = [
            Retrieved(key, Empty(), None, Origin.NORTHBOUND if is_ours else Origin.UNKNOWN)
            for there in looked.found.values()
            for key, is_ours in there.items()
            if (is_ours or key in known) and (asked is None or key in asked)
        ]
        places = {name: one.namespace for name, one in links.items()}
        unread = [key for key in known if places.get(_parse(key)[0]) in looked.failed]
        return looked.answer(found, unread)

    async def _is_anothers(self, key: str, found: Link) -> bool:
        """Tell whether an address is there without our mark, where the kernel keeps marks."""
        if not KEEPS_MARKS:
            return False
        there = await self._shared.ask(found.namespace, _parse(key)[0], found)
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
                    text = f"{ipaddress.ip_address(packed)}/{length}"
                    found[keys.address(names[owner], text)] = protocol == ADDRESS_PROTOCOL
        return found


def address_message(index: int, address: Address) -> bytes:
    """Return the body of a request to set an address, marked as ours."""
    attributes = [codec.attribute(codec.IFA_PROTO, bytes([ADDRESS_PROTOCOL]))]
    length = address.network.prefixlen
    if address.version == IPV6:
        attributes.append(codec.number(codec.IFA_FLAGS, codec.IFA_F_NODAD))
    elif length < SHORTEST_WITHOUT_BROADCAST:
        broadcast = address.network.broadcast_address.packed
        attributes.append(codec.attribute(codec.IFA_BROADCAST, broadcast))
    return codec.address_body(index, address.ip.packed, length, attributes)


def _parse(key: str) -> tuple[str, str]:
    found = keys.parse_address(key)
    if found is None:
        raise ValueError(f"not the key of an address: {key}")
    return found
