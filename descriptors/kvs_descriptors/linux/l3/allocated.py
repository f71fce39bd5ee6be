# SPDX-License-Identifier: Apache-2.0
"""Allocated addresses that interfaces here have got: from then on what is beyond is in reach.

Allocations bring these values along (``netalloc.allocation`` tells why); here each waits until its
interface has the address. Nothing is done for them: they stand where both others stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.empty_pb2 import Empty

from kvs_descriptors import netalloc
from kvscheduler import Depends, Descriptor, Origin, Retrieved, Southbound

from .. import keys

__all__ = ["AllocatedDescriptor"]

# The descriptor that sets addresses, and what it leaves out of keys to name their metadata.
ADDRESSES = "linux-address"
ADDRESS_PREFIX = "linux/interface/"


class AllocatedDescriptor(Descriptor[Empty, None]):
    """Allocated addresses; standing, their interfaces have them."""

    name = "linux-allocated-address"
    key_prefix = netalloc.keys.ADDRESS
    retrieve_after = (ADDRESSES, netalloc.reference.ALLOCATIONS)

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for addresses and allocations."""
        self._southbound = southbound

    def dependencies(self, key: str, value: Empty) -> Iterable[Depends]:
        """Need the interface to have the address."""
        found = netalloc.keys.parse_address(key)
        if found is None:
            raise ValueError(f"not the key of an allocated address: {key}")
        network, interface, _ = found
        yield Depends(_attached(network, interface), "allocated-addr-attached")

    def create(self, key: str, value: Empty) -> None:
        """Note that the address is there."""

    def delete(self, key: str, value: Empty, metadata: None) -> None:
        """Note that the address goes."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the allocated addresses that interfaces have."""
        there = self._southbound.metadata(ADDRESSES)
        allocations = self._southbound.metadata(netalloc.reference.ALLOCATIONS)
        for label, one in allocations.items():
            found = netalloc.keys.parse_label(label)
            if found is None:
                continue
            address = there.get(_attached(*found).removeprefix(ADDRESS_PREFIX))
            key = netalloc.keys.address(*found, one.address)
            if address == one.address and (keys is None or key in keys):
                yield Retrieved(key, Empty(), None, Origin.NORTHBOUND)


def _attached(network: str, interface: str) -> str:
    """Return the key of an allocated address on its interface."""
    text = netalloc.Reference(network, interface).written_on(interface)
    return keys.address(interface, text)
