# SPDX-License-Identifier: Apache-2.0
"""Routes: in the main table of the namespace of their outgoing interface."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
from collections.abc import Callable, Iterable, Sequence

from google.protobuf.empty_pb2 import Empty

from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    InvalidValue,
    Origin,
    Retrieved,
    Southbound,
)
from ligato.linux.l3.route_pb2 import Route

from . import channel, codec, keys, names
from .channel import Refused
from .codec import IPRoute
from .kernel import Kernel, NamespaceGone
from .looking import look_into
from .lookup import InterfaceUnknown, interface_link, interface_links

__all__ = ["RouteDescriptor"]

# Marks our routes, where others write "static" or "bgp".
ROUTE_PROTOCOL = 107

EXISTS = frozenset({errno.EEXIST})
GONE = frozenset({errno.ESRCH, errno.ENODEV, errno.ENOENT})

SIZES = (codec.IPV4_BYTES, codec.IPV6_BYTES)
IPV6 = 6
IPV6_METRIC = 1024

# linux/rtnetlink.h
_SCOPES = {Route.GLOBAL: 0, Route.SITE: 200, Route.LINK: 253, Route.HOST: 254}
_SCOPE_OF = {number: scope for scope, number in _SCOPES.items()}


class RouteDescriptor(Descriptor[Route, None]):
    """Routes over our interfaces."""

    name = "linux-route"
    key_prefix = keys.ROUTE
    retrieve_after = ("linux-interface",)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def validate(self, key: str, value: Route) -> None:
        """Check destination, gateway and metric before the kernel sees them."""
        names.check_logical_name(value.outgoing_interface, "outgoing_interface")
        network = names.check_network(value.dst_network, "dst_network")
        if key != keys.route(value.dst_network, value.outgoing_interface):
            raise InvalidValue(f"the key is another's: {key}", ("dst_network",))
        if network.is_multicast:
            raise InvalidValue(f"a group is no destination of ours: {network}", ("dst_network",))
        if value.gw_addr:
            gateway = names.check_ip(value.gw_addr, "gw_addr")
            if gateway.version != network.version:
                text = f"IPv{gateway.version} cannot lead to IPv{network.version}"
                raise InvalidValue(text, ("gw_addr",))
            if value.scope in {Route.LINK, Route.HOST}:
                name = Route.Scope.Name(value.scope)
                raise InvalidValue(f"scope {name} has no gateway", ("scope", "gw_addr"))
        if value.scope not in {Route.UNDEFINED, *_SCOPES}:
            raise InvalidValue(f"no such scope: {value.scope}", ("scope",))

    def equivalent(self, key: str, old: Route, new: Route) -> bool:
        """Tell whether two routes are the same to the kernel."""
        return old == new or _of(old, 0) == _of(new, 0)

    def dependencies(self, key: str, value: Route) -> Iterable[Depends | DependsOnAny]:
        """Need the interface up and with an address, and the gateway in reach."""
        out = value.outgoing_interface
        yield Depends(keys.state(out), "outgoing-interface-is-up")
        gateway = ipaddress.ip_address(value.gw_addr) if value.gw_addr else None
        if gateway is not None and gateway.version == IPV6 and gateway.is_link_local:
            # Every interface that is up has a link-local address of its own, which nobody wants
            # and so nobody derives; and every such gateway is in its reach.
            return
        prefix = keys.address_prefix(out)
        yield DependsOnAny((prefix,), label="outgoing-interface-has-ip-address")
        if gateway is not None:
            prefixes = (prefix, keys.link_local_route_prefix(out))
            yield DependsOnAny(prefixes, _reaching(gateway), "gw-reachable")

    def derived(self, key: str, value: Route) -> Iterable[Derived]:
        """Bring along the fact that gateways in the destination are in reach."""
        if _scope(value) == _SCOPES[Route.LINK]:
            destination = str(ipaddress.ip_network(value.dst_network, strict=False))
            name = keys.link_local_route(value.outgoing_interface, destination)
            yield Derived(name, Empty())

    def requires_recreate(self, key: str, old: Route, new: Route, metadata: None) -> bool:
        """Take a new route for another metric: to the kernel it is another one."""
        return _of(old, 0).priority != _of(new, 0).priority

    async def create(self, key: str, value: Route) -> None:
        """Set the route; one of ours that is there is brought up to date."""
        found = interface_link(self._southbound, value.outgoing_interface)
        within = await self._kernel.channel(found.namespace)
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
        route = _of(value, found.index)
        body = codec.route_body(route)
        made = await within.call(channel.RTM_NEWROUTE, flags, body, key, tolerate=EXISTS)
        if made is not None:
            return
        # A create that had its effect, though nobody noted it, or another's.
        there = await self._dump(within, route.destination, ROUTE_PROTOCOL)
        if not any(_is_same(one, route) for one in there):
            text = "another route has the same destination and metric"
            raise Refused(errno.EEXIST, text, key)
        await self._replace(within, body, key)

    async def update(self, key: str, old: Route, new: Route, metadata: None) -> None:
        """Change gateway and scope in one step, without a moment that has no route."""
        found = interface_link(self._southbound, new.outgoing_interface)
        within = await self._kernel.channel(found.namespace)
        await self._replace(within, codec.route_body(_of(new, found.index)), key)

    async def _replace(self, within: channel.Channel, body: bytes, key: str) -> None:
        flags = channel.NLM_F_CREATE | channel.NLM_F_REPLACE
        await within.call(channel.RTM_NEWROUTE, flags, body, key)

    async def delete(self, key: str, value: Route, metadata: None) -> None:
        """Remove the route; one that is gone, with its interface or alone, is a success."""
        try:
            found = interface_link(self._southbound, value.outgoing_interface)
            within = await self._kernel.channel(found.namespace)
        except (InterfaceUnknown, NamespaceGone):
            return
        # Its protocol is part of what the kernel matches, so another's is never hit.
        body = codec.route_body(_of(value, found.index))
        await within.call(channel.RTM_DELROUTE, 0, body, key, tolerate=GONE)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the routes over our interfaces that bear our mark."""
        links = interface_links(self._southbound, self._kernel)
        by_place = {(one.namespace, one.index): name for name, one in links.items()}
        wanted = {one.key: one.value for one in expected}
        looked = await look_into((namespace for namespace, _ in by_place), self._routes)
        found: dict[str, Retrieved] = {}
        for namespace, routes in looked.found.items():
            for route in routes:
                out = by_place.get((namespace, route.index))
                if out is not None:
                    _add(found, route, out, wanted)
        asked = [one for one in found.values() if keys is None or one.key in keys]
        places = {name: one.namespace for name, one in links.items()}
        unread = [
            key
            for key, value in wanted.items()
            if places.get(value.outgoing_interface) in looked.failed
        ]
        return looked.answer(asked, unread)

    async def _routes(self, namespace: str) -> list[IPRoute]:
        within = await self._kernel.channel(namespace)
        both = [self._dump(within, bytes(size), ROUTE_PROTOCOL) for size in SIZES]
        return [route for part in await asyncio.gather(*both) for route in part]

    async def _dump(self, within: channel.Channel, like: bytes, protocol: int) -> list[IPRoute]:
        """Return the routes of a protocol, of the family that an address is of."""
        body = codec.RTMSG.pack(codec.family_of(like), 0, 0, 0, 0, protocol, 0, 0, 0)
        answers = await within.dump(channel.RTM_GETROUTE, body, "all routes")
        routes = map(codec.decode_route, answers)
        return [one for one in routes if one is not None and one.protocol == protocol]


def _of(value: Route, index: int) -> IPRoute:
    """Return a route as the kernel has it, over the interface with an index."""
    network = ipaddress.ip_network(value.dst_network, strict=False)
    is_new = network.version == IPV6
    return IPRoute(
        destination=network.network_address.packed,
        length=network.prefixlen,
        index=index,
        gateway=ipaddress.ip_address(value.gw_addr).packed if value.gw_addr else b"",
        priority=value.metric or (IPV6_METRIC if is_new else 0),
        # IPv6 routes have no scope.
        scope=0 if is_new else _scope(value),
        protocol=ROUTE_PROTOCOL,
    )


def _scope(value: Route) -> int:
    default = Route.GLOBAL if value.gw_addr else Route.LINK
    return _SCOPES[value.scope or default]


def _is_same(one: IPRoute, other: IPRoute) -> bool:
    """Tell whether the kernel would hold two routes for one."""
    return (one.destination, one.length, one.index, one.priority) == (
        other.destination,
        other.length,
        other.index,
        other.priority,
    )


def _add(found: dict[str, Retrieved], route: IPRoute, out: str, wanted: dict[str, Route]) -> None:
    destination = ipaddress.ip_address(route.destination)
    key = keys.route(f"{destination}/{route.length}", out)
    value = wanted.get(key)
    is_expected = value is not None and _of(value, route.index) == route
    if key in found and not is_expected:
        # Two that differ in their metric alone; the key has no place for it.
        return
    if value is None or not is_expected:
        value = _as_value(route, f"{destination}/{route.length}", out)
    found[key] = Retrieved(key, value, None, Origin.NORTHBOUND)


def _as_value(route: IPRoute, destination: str, out: str) -> Route:
    is_new = len(route.destination) == codec.IPV6_BYTES
    default = 0 if route.gateway or is_new else _SCOPES[Route.LINK]
    scope = Route.UNDEFINED
    if route.scope != default:
        scope = _SCOPE_OF.get(route.scope, Route.UNDEFINED)
    return Route(
        outgoing_interface=out,
        dst_network=destination,
        gw_addr=str(ipaddress.ip_address(route.gateway)) if route.gateway else "",
        scope=scope,
        metric=0 if is_new and route.priority == IPV6_METRIC else route.priority,
    )


def _reaching(
    gateway: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> Callable[[str], bool]:
    """Return whether the network in a key, of an address or a destination, holds a gateway."""

    def where(key: str) -> bool:
        _, found, text = key.partition("/address/static/")
        if not found:
            _, _, text = key.partition("/dest-address/")
        try:
            return gateway in ipaddress.ip_network(text, strict=False)
        except ValueError:
            return False

    return where
