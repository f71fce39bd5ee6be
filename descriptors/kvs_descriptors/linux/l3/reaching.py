# SPDX-License-Identifier: Apache-2.0
"""What is in reach of an interface: told from the keys of its addresses and link routes."""

from __future__ import annotations

import functools
import ipaddress

from kvs_descriptors import netalloc
from kvs_descriptors.netalloc import Reference
from kvscheduler import DependsOnAny

from .. import keys

__all__ = ["IP", "gateway", "has_address", "is_link_local", "referred_gateway"]

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV4, IPV6 = 4, 6

# Networks whose parsed forms are kept: each is looked at for each gateway that wants reaching.
CACHED = 8192


def is_link_local(address: IP) -> bool:
    """Tell whether an address is in reach of any interface that is up.

    Each has an IPv6 address of its own for that, which nobody wants and so nobody derives.
    """
    return address.version == IPV6 and address.is_link_local


def has_address(interface: str, version: int | None, label: str) -> DependsOnAny:
    """Need an address of an interface.

    For IPv4 it has to be an IPv4 address: with the last one go all IPv4 routes and neighbours.
    """
    if version != IPV4:
        return DependsOnAny((keys.address_prefix(interface),), label=label)
    prefixes = (keys.address_prefix(interface), netalloc.keys.address_prefix(interface))
    return DependsOnAny(prefixes, _is_ipv4, label)


def _is_ipv4(key: str) -> bool:
    found = _network(key)
    return found is not None and found.version == IPV4


def gateway(interface: str, address: IP) -> DependsOnAny:
    """Need an address or a link route of an interface with a gateway in its network."""
    prefixes = (
        keys.address_prefix(interface),
        netalloc.keys.address_prefix(interface),
        keys.link_local_route_prefix(interface),
    )

    def where(key: str) -> bool:
        found = _network(key)
        return found is not None and address in found

    return DependsOnAny(prefixes, where, "gw-reachable")


def referred_gateway(interface: str, to: Reference) -> DependsOnAny:
    """Need an allocated gateway to be a neighbour, or a link route to it by its name."""
    either = (
        netalloc.keys.neighbour_gateway(to.network, to.interface),
        keys.link_local_route(interface, str(to)),
    )
    # The keys themselves are not meant as prefixes of others.
    return DependsOnAny(either, lambda key: key in either, "gw-reachable")


@functools.lru_cache(maxsize=CACHED)
def _network(key: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the network of an address or a destination in a key, None for a name of one."""
    # Each kind of key ends with ADDRESS/LENGTH.
    head, _, length = key.rpartition("/")
    try:
        return ipaddress.ip_network(f"{head.rpartition('/')[2]}/{length}", strict=False)
    except ValueError:
        return None
