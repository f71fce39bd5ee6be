# SPDX-License-Identifier: Apache-2.0
"""What a connection's context says about one side of it: addresses, routes, MTU."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Sequence

from kvs_proto.networkservice.connectioncontext_pb2 import ConnectionContext, Route

from .errors import BadContext

__all__ = ["Addressing", "Way", "client_side", "endpoint_side"]

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """A route; without a gateway, what it leads to is on the link."""

    network: Network
    gateway: Address | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """What the interface of one side is given."""

    addresses: tuple[Interface, ...] = ()
    ways: tuple[Way, ...] = ()
    mtu: int = 0


def client_side(context: ConnectionContext) -> Addressing:
    """Read what is for the client's interface."""
    told = context.ip_context
    return _side(told.src_ip_addrs, told.dst_ip_addrs, told.src_routes, context.MTU)


def endpoint_side(context: ConnectionContext) -> Addressing:
    """Read what is for the endpoint's interface."""
    told = context.ip_context
    return _side(told.dst_ip_addrs, told.src_ip_addrs, told.dst_routes, context.MTU)


def _side(
    own: Sequence[str], opposite: Sequence[str], routes: Iterable[Route], mtu: int
) -> Addressing:
    here = [_address(text) for text in own]
    there = [_address(text) for text in opposite]
    # The other side is on the link, also where no prefix of ours says so.
    ways = [
        Way(one.network)
        for one in there
        if not any(_covers(mine.network, one.ip) for mine in here)
    ]
    ways += [_way(route, there) for route in routes]
    return Addressing(addresses=tuple(dict.fromkeys(here)), ways=tuple(_first_ways(ways)), mtu=mtu)


def _first_ways(ways: Iterable[Way]) -> Iterable[Way]:
    """Leave out what leads where something before it leads already."""
    seen: set[Network] = set()
    for way in ways:
        if way.network not in seen:
            seen.add(way.network)
            yield way


def _way(route: Route, there: Iterable[Interface]) -> Way:
    network = _network(route.prefix)
    if route.nextHop:
        gateway = _gateway(route.nextHop)
        if gateway.version != network.version:
            raise BadContext(f"the gateway of {network} is of the other version of IP: {gateway}")
        return Way(network, gateway)
    opposite = [one for one in there if one.version == network.version]
    if not opposite or any(_covers(one.network, network.network_address) for one in opposite):
        # The other side's own network is on the link. All else is through the other side.
        return Way(network)
    return Way(network, opposite[0].ip)


def _covers(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _address(text: str) -> Interface:
    try:
        found = ipaddress.ip_interface(_plain(text))
    except ValueError as error:
        raise BadContext(f"not <address>/<prefix length>: {text[:64]!r}") from error
    if found.ip.is_multicast or found.ip.is_unspecified:
        raise BadContext(f"no address that an interface can have: {found}")
    return found


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(_plain(text), strict=False)
    except ValueError as error:
        raise BadContext(f"not <network>/<prefix length>: {text[:64]!r}") from error


def _gateway(text: str) -> Address:
    try:
        return ipaddress.ip_address(_plain(text))
    except ValueError as error:
        raise BadContext(f"not an IP address: {text[:64]!r}") from error


def _plain(text: str) -> str:
    # Neither zones nor netmasks go over the wire.
    _, slash, length = text.partition("/")
    if "%" in text or (slash and not (length.isascii() and length.isdigit())):
        raise ValueError(text)
    return text
