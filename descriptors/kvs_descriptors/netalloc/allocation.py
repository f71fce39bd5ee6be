# SPDX-License-Identifier: Apache-2.0
"""Allocations: they touch no system, and whatever refers to one waits for it.

How a change reaches what refers to it. An allocation cannot be updated: another address takes it
down and makes it anew. Whatever refers to it depends on it, and so is removed before, with the
old address still known, and made after, with the new one. Nobody has to look for references.

How a route's gateway can be in reach through an allocated address. The key of an interface's
allocated address holds a name (``.../address/alloc_ref/alloc:lan``), so that no selector can tell
from it what is in reach. Nor would a fact of the allocation alone do: that an address is allocated
does not say that the interface has got it. So an allocation brings along
``netalloc/address/interface/IF/network/NETWORK/ADDRESS``, and a southbound in which addresses are
set may take such keys, and has each wait until the interface has the address
(``kvs_descriptors.linux.l3.allocated``). What stands then says both, address included; where no
southbound takes it, it is a fact. The price: it waits for ever where the address is never set
here, as for an interface of another machine. A property notified after the fact would spare that,
but no plan would know of it, and the route would come, and worse go, one transaction late.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Derived, Descriptor, InvalidValue, Origin, Retrieved
from ligato.netalloc.netalloc_pb2 import IPAllocation

from . import keys
from .reference import ALLOCATIONS, Address, Allocation

__all__ = ["AllocationDescriptor"]


class AllocationDescriptor(Descriptor[IPAllocation, Allocation]):
    """Allocated addresses; the metadata holds them, in one writing and with their lengths."""

    name = ALLOCATIONS
    key_prefix = keys.IP

    def validate(self, key: str, value: IPAllocation) -> None:
        """Check names and addresses."""
        if not value.network_name or "/" in value.network_name:
            text = f"the name of a network is needed, without a slash: {value.network_name!r}"
            raise InvalidValue(text, ("network_name",))
        if not value.interface_name:
            raise InvalidValue("the name of an interface is needed", ("interface_name",))
        if key != keys.ip(value.network_name, value.interface_name):
            raise InvalidValue(f"the key is another's: {key}", ("network_name",))
        address = _parse(value.address, "address")
        if value.gw and _parse(value.gw, "gw").version != address.version:
            raise InvalidValue("is of the other version of IP than the address", ("gw",))

    def equivalent(self, key: str, old: IPAllocation, new: IPAllocation) -> bool:
        """Tell whether the same is allocated, however it is written."""
        return old == new or _of(old) == _of(new)

    def derived(self, key: str, value: IPAllocation) -> Iterable[Derived]:
        """Bring along what the address is, and whether the gateway is in its network."""
        network, interface = value.network_name, value.interface_name
        address = _parse(value.address, "address")
        yield Derived(keys.address(network, interface, str(address)), Empty())
        if value.gw and _parse(value.gw, "gw").ip in address.network:
            yield Derived(keys.neighbour_gateway(network, interface), Empty())

    def create(self, key: str, value: IPAllocation) -> Allocation:
        """Make the address known to who refers to it."""
        return _of(value)

    def delete(self, key: str, value: IPAllocation, metadata: Allocation | None) -> None:
        """Forget the address."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return all that is expected: it stands nowhere but in the configuration.

        Also what is to be wanted only now: so that, after a restart that remembers nothing,
        what refers to it is recognised.
        """
        for one in expected:
            if keys is not None and one.key not in keys:
                continue
            try:
                self.validate(one.key, one.value)
            except InvalidValue:
                continue
            yield Retrieved(one.key, one.value, _of(one.value), Origin.NORTHBOUND)


def _of(value: IPAllocation) -> Allocation:
    address = _parse(value.address, "address")
    if not value.gw:
        return Allocation(str(address))
    gateway = _parse(value.gw, "gw")
    if "/" not in value.gw and gateway.ip in address.network:
        gateway = ipaddress.ip_interface(f"{gateway.ip}/{address.network.prefixlen}")
    return Allocation(str(address), str(gateway))


def _parse(text: str, field: str) -> Address:
    address, slash, length = text.partition("/")
    try:
        found = ipaddress.ip_interface(text)
        if "%" in address or (slash and not (length.isascii() and length.isdigit())):
            raise ValueError(text)  # noqa: TRY301 - as the parser does
    except ValueError:
        what = "not <address>[/<prefix length>] (like 10.0.0.1/24)"
        raise InvalidValue(f"{what}: {text!r}", (field,)) from None
    if found.ip.is_multicast or found.ip.is_unspecified:
        raise InvalidValue(f"no address that an interface can have: {text}", (field,))
    return found
