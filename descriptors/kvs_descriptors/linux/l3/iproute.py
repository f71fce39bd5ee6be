# SPDX-License-Identifier: Apache-2.0
"""Routes as the kernel has them: made of values, compared with them, and put into them; pure."""

from __future__ import annotations

import dataclasses
import errno
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from kvs_descriptors.netalloc import Reference, reference
from kvscheduler import Origin, Retrieved
from ligato.linux.l3.route_pb2 import Route

from .. import keys
from ..kernel import PROTOCOL
from ..netlink import codec
from ..netlink.channel import Refused
from ..netlink.codec import IPRoute
from .reaching import IP

__all__ = [
    "LINK",
    "ROUTE_PROTOCOL",
    "SCOPES",
    "Wanted",
    "destination_text",
    "gateway",
    "is_same_place",
    "made_of",
    "metric",
    "retrieved",
    "scope_of",
    "written",
]

ROUTE_PROTOCOL = PROTOCOL

IPV6 = 6
IPV6_METRIC = 1024

# linux/rtnetlink.h
SCOPES = {Route.GLOBAL: 0, Route.SITE: 200, Route.LINK: 253, Route.HOST: 254}
LINK = SCOPES[Route.LINK]
_SCOPE_OF = {number: scope for scope, number in SCOPES.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """An expected route, and what the kernel has if it is there as it should be."""

    key: str
    value: Route
    route: IPRoute


def gateway(value: Route) -> IP | None:
    """Return the gateway that stands in a route itself; an unspecified one is none."""
    if not value.gw_addr or reference.is_reference(value.gw_addr):
        return None
    found = ipaddress.ip_address(value.gw_addr)
    return None if found.is_unspecified else found


def _is_direct(value: Route) -> bool:
    return gateway(value) is None and not reference.is_reference(value.gw_addr)


def scope_of(value: Route) -> int:
    """Return the scope, which is LINK where neither it nor a gateway is given."""
    default = Route.LINK if _is_direct(value) else Route.GLOBAL
    return SCOPES[value.scope or default]


def metric(value: Route) -> int:
    """Return the metric, 0 for IPv6's default too, as far as the value tells the version."""
    is_default = value.metric == IPV6_METRIC and _is_ipv6(destination_text(value))
    return 0 if is_default else value.metric


def _is_ipv6(destination: str) -> bool:
    return ":" in destination and not reference.is_reference(destination)


def destination_text(value: Route) -> str:
    """Return the destination in one writing: a network, or a reference with all its parts."""
    found = Reference.parse(value.dst_network, value.outgoing_interface)
    if found is not None:
        return str(found)
    return str(ipaddress.ip_network(value.dst_network, strict=False))


def written(value: Route) -> tuple[str, ...]:
    """Return what is asked of the kernel, in one writing; equal for routes that are the same."""
    found = Reference.parse(value.gw_addr, value.outgoing_interface)
    next_hop = str(found or gateway(value) or "")
    destination = destination_text(value)
    scope = "" if _is_ipv6(destination) else str(scope_of(value))
    return value.outgoing_interface, destination, next_hop, scope, str(metric(value))


def made_of(
    value: Route,
    index: int,
    table: int,
    allocations: Mapping[str, Any],
    *,
    protocol: int = ROUTE_PROTOCOL,
) -> IPRoute:
    """Return a route as the kernel has it, over the interface with an index."""
    out = value.outgoing_interface
    network = reference.find(value.dst_network, out, allocations).network
    next_hop: IP | None = gateway(value)
    if reference.is_reference(value.gw_addr):
        next_hop = reference.find(value.gw_addr, out, allocations).ip
    if next_hop is not None and next_hop.version != network.version:
        text = f"IPv{next_hop.version} ({next_hop}) cannot lead to IPv{network.version}"
        raise Refused(errno.EAFNOSUPPORT, text, f"route to {network}")
    is_new = network.version == IPV6
    return IPRoute(
        destination=network.network_address.packed,
        length=network.prefixlen,
        index=index,
        gateway=next_hop.packed if next_hop is not None else b"",
        priority=value.metric or (IPV6_METRIC if is_new else 0),
        # IPv6 routes have no scope.
        scope=0 if is_new else scope_of(value),
        protocol=protocol,
        table=table,
    )


def is_same_place(one: IPRoute, other: IPRoute) -> bool:
    """Tell whether the kernel would hold two routes for one."""
    return (one.destination, one.length, one.index, one.priority, one.table) == (
        other.destination,
        other.length,
        other.index,
        other.priority,
        other.table,
    )


def retrieved(route: IPRoute, out: str, wanted: Iterable[Wanted]) -> Iterable[Retrieved]:
    """Yield a route under each key that it is wanted by, or under one of its own.

    ``wanted`` are the routes to this destination; where it is none of them exactly, it is taken
    for each of them, changed.
    """
    expected = list(wanted)
    exact = [one for one in expected if one.route == route]
    for one in exact or expected:
        value = one.value if exact else _changed(one, route)
        yield Retrieved(one.key, value, None, Origin.NORTHBOUND)
    if not expected:
        text = f"{ipaddress.ip_address(route.destination)}/{route.length}"
        value = _changed(None, route)
        value.outgoing_interface, value.dst_network = out, text
        yield Retrieved(keys.route(text, out), value, None, Origin.NORTHBOUND)


def _changed(one: Wanted | None, route: IPRoute) -> Route:
    """Return an expected value, with all that is different in the kernel written over."""
    value = Route()
    if one is not None:
        value.CopyFrom(one.value)
    is_new = len(route.destination) == codec.IPV6_BYTES
    if one is None or one.route.gateway != route.gateway:
        value.gw_addr = str(ipaddress.ip_address(route.gateway)) if route.gateway else ""
    if one is None or one.route.priority != route.priority:
        value.metric = 0 if is_new and route.priority == IPV6_METRIC else route.priority
    default = 0 if route.gateway or is_new else LINK
    is_default = route.scope == default
    value.scope = Route.UNDEFINED if is_default else _SCOPE_OF.get(route.scope, Route.UNDEFINED)
    return value
