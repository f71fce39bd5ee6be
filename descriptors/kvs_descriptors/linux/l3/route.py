# SPDX-License-Identifier: Apache-2.0
"""Routes: in the namespace of their outgoing interface, in the main table or that of its VRF."""

from __future__ import annotations

import asyncio
import errno
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.empty_pb2 import Empty

from kvs_descriptors.netalloc import NotAllocated, Reference, reference
from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    InvalidValue,
    Retrieved,
    Southbound,
)
from ligato.linux.l3.route_pb2 import Route

from .. import keys, names
from ..kernel import Kernel, NamespaceGone
from ..kernel.looking import look_into
from ..links.lookup import InterfaceUnknown, interface_link, interface_links
from ..links.tables import may_be_vrfs, table_of, tables
from ..netlink import channel, codec
from ..netlink.channel import Refused
from ..netlink.codec import IPRoute
from . import iproute, reaching
from .iproute import Wanted

__all__ = ["RouteDescriptor"]

EXISTS = frozenset({errno.EEXIST})
GONE = frozenset({errno.ESRCH, errno.ENODEV, errno.ENOENT})

SIZES = (codec.IPV4_BYTES, codec.IPV6_BYTES)

_Place = tuple[str, bytes, int]


class RouteDescriptor(Descriptor[Route, None]):
    """Routes over our interfaces."""

    name = "linux-route"
    key_prefix = keys.ROUTE
    retrieve_after = ("linux-interface", reference.ALLOCATIONS)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces and allocated addresses."""
        self._southbound = southbound

    def validate(self, key: str, value: Route) -> None:
        """Check destination, gateway and scope before the kernel sees them."""
        names.check_logical_name(value.outgoing_interface, "outgoing_interface")
        _check_destination(value)
        if key != keys.route(value.dst_network, value.outgoing_interface):
            raise InvalidValue(f"the key is another's: {key}", ("dst_network",))
        if value.scope not in {Route.UNDEFINED, *iproute.SCOPES}:
            raise InvalidValue(f"no such scope: {value.scope}", ("scope",))
        if value.gw_addr:
            _check_gateway(value)

    def equivalent(self, key: str, old: Route, new: Route) -> bool:
        """Tell whether two routes are the same to the kernel."""
        return old == new or iproute.written(old) == iproute.written(new)

    def dependencies(self, key: str, value: Route) -> Iterable[Depends | DependsOnAny]:
        """Need the interface up and with an address, the gateway in reach, what is referred to."""
        out = value.outgoing_interface
        yield Depends(keys.state(out), "outgoing-interface-is-up")
        yield from reference.needs(value.dst_network, out, "dst_network-")
        yield from reference.needs(value.gw_addr, out, "gw_addr-")
        gateway = iproute.gateway(value)
        if gateway is not None and reaching.is_link_local(gateway):
            return
        yield reaching.has_address(out, _version(value), "outgoing-interface-has-ip-address")
        referred = Reference.parse(value.gw_addr, out)
        if gateway is not None:
            yield reaching.gateway(out, gateway)
        elif referred is not None:
            yield reaching.referred_gateway(out, referred)
            address = Reference(referred.network, referred.interface).written_on(out)
            yield Depends(keys.address(out, address), "allocated-addr-attached")

    def derived(self, key: str, value: Route) -> Iterable[Derived]:
        """Bring along the fact that gateways in the destination are in reach."""
        if iproute.scope_of(value) == iproute.LINK:
            destination = iproute.destination_text(value)
            yield Derived(keys.link_local_route(value.outgoing_interface, destination), Empty())

    def requires_recreate(self, key: str, old: Route, new: Route, metadata: None) -> bool:
        """Take a new route for another metric: to the kernel it is another one."""
        return iproute.metric(old) != iproute.metric(new)

    async def create(self, key: str, value: Route) -> None:
        """Set the route; one of ours that is there is brought up to date."""
        within, route = await self._find(value)
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
        body = codec.route_body(route)
        made = await within.call(channel.RTM_NEWROUTE, flags, body, key, tolerate=EXISTS)
        if made is not None:
            return
        # A create that had its effect, though nobody noted it, or another's.
        there = await self._dump(within, route.destination)
        if not any(iproute.is_same_place(one, route) for one in there):
            text = "another route has the same destination and metric"
            raise Refused(errno.EEXIST, text, key)
        await self._replace(within, body, key)

    async def update(self, key: str, old: Route, new: Route, metadata: None) -> None:
        """Change gateway and scope in one step, without a moment that has no route."""
        within, route = await self._find(new)
        await self._replace(within, codec.route_body(route), key)

    async def _replace(self, within: channel.Channel, body: bytes, key: str) -> None:
        flags = channel.NLM_F_CREATE | channel.NLM_F_REPLACE
        await within.call(channel.RTM_NEWROUTE, flags, body, key)

    async def delete(self, key: str, value: Route, metadata: None) -> None:
        """Remove the route; one that is gone, with its interface or alone, is a success."""
        try:
            within, route = await self._find(value)
        except (InterfaceUnknown, NamespaceGone):
            return
        # Its protocol is part of what the kernel matches, so another's is never hit.
        body = codec.route_body(route)
        await within.call(channel.RTM_DELROUTE, 0, body, key, tolerate=GONE)

    async def _find(self, value: Route) -> tuple[channel.Channel, IPRoute]:
        """Return where a route belongs, and what it is there."""
        found = interface_link(self._southbound, value.outgoing_interface)
        within = await self._kernel.channel(found.namespace)
        table = codec.RT_TABLE_MAIN
        if may_be_vrfs():
            table = await table_of(within, found.index)
        made = iproute.made_of(
            value, found.index, table, self._allocations(), protocol=self._kernel.protocol
        )
        return within, made

    def _allocations(self) -> Mapping[str, object]:
        return self._southbound.metadata(reference.ALLOCATIONS)

    def is_retriable(self, error: Exception) -> bool:
        """Give up where an allocated gateway is of the other version: only another one helps."""
        return not (isinstance(error, Refused) and error.errno == errno.EAFNOSUPPORT)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the routes over our interfaces that bear our mark."""
        links = interface_links(self._southbound, self._kernel.seen)
        by_place = {(one.namespace, one.index): name for name, one in links.items()}
        wanted = _ByPlace(expected, self._allocations())
        # A key ends with the name of the interface, which holds no slash.
        over = links.keys() if keys is None else {key.rpartition("/")[2] for key in keys}
        looked = await look_into(
            {links[name].namespace for name in over & links.keys()}, self._look
        )
        found: dict[str, Retrieved] = {}
        for namespace, (routes, their_tables) in looked.found.items():
            for route in routes:
                out = by_place.get((namespace, route.index))
                table = their_tables.get(route.index, codec.RT_TABLE_MAIN)
                if out is not None and route.table == table:
                    wanted.match(route, out, found)
        asked = [one for one in found.values() if keys is None or one.key in keys]
        places = {name: one.namespace for name, one in links.items()}
        unread = [
            one.key
            for one in expected
            if places.get(one.value.outgoing_interface) in looked.failed
        ]
        return looked.answer(asked, unread)

    async def _look(self, namespace: str) -> tuple[list[IPRoute], dict[int, int]]:
        """Return our routes in a namespace, and the tables for interfaces in VRFs."""
        within = await self._kernel.channel(namespace)
        both = [self._dump(within, bytes(size)) for size in SIZES]
        routes = [route for part in await asyncio.gather(*both) for route in part]
        return routes, await tables(within) if may_be_vrfs() else {}

    async def _dump(self, within: channel.Channel, like: bytes) -> list[IPRoute]:
        """Return our routes, of the family that an address is of."""
        protocol = self._kernel.protocol
        body = codec.RTMSG.pack(codec.family_of(like), 0, 0, 0, 0, protocol, 0, 0, 0)
        answers = await within.dump(channel.RTM_GETROUTE, body, "all routes")
        routes = map(codec.decode_route, answers)
        return [one for one in routes if one is not None and one.protocol == protocol]


class _ByPlace:
    """Expected routes by what the kernel tells routes apart by, but for their metrics."""

    def __init__(self, expected: Iterable[Retrieved], allocations: Mapping[str, object]) -> None:
        self._wanted: dict[_Place, list[tuple[str, Route]]] = defaultdict(list)
        self._allocations = allocations
        for one in expected:
            out = one.value.outgoing_interface
            try:
                found = reference.find(one.value.dst_network, out, allocations).network
            except NotAllocated:
                # Then it is not there either.
                continue
            place = out, found.network_address.packed, found.prefixlen
            self._wanted[place].append((one.key, one.value))

    def match(self, route: IPRoute, out: str, found: dict[str, Retrieved]) -> None:
        """Add a route that was found, under the keys that it is wanted by."""
        there = self._wanted.get((out, route.destination, route.length), ())
        wanted = list(self._made_of(there, route))
        for one in iproute.retrieved(route, out, wanted):
            # Of two that differ in their metric alone, for which the key has no place, the one
            # that is wanted, else the first.
            if one.key not in found or any(w.key == one.key and w.route == route for w in wanted):
                found[one.key] = one

    def _made_of(self, there: Iterable[tuple[str, Route]], route: IPRoute) -> Iterable[Wanted]:
        for key, value in there:
            try:
                made = iproute.made_of(
                    value, route.index, route.table, self._allocations, protocol=route.protocol
                )
            except (NotAllocated, Refused):
                continue
            yield Wanted(key, value, made)


def _check_destination(value: Route) -> None:
    if reference.is_reference(value.dst_network):
        reference.check(value.dst_network, "dst_network", interface=value.outgoing_interface)
        return
    network = names.check_network(value.dst_network, "dst_network")
    if network.is_multicast:
        raise InvalidValue(f"a group is no destination of ours: {network}", ("dst_network",))


def _check_gateway(value: Route) -> None:
    if reference.is_reference(value.gw_addr):
        out = value.outgoing_interface
        reference.check(value.gw_addr, "gw_addr", only=out, is_gateway=True)
    else:
        gateway, version = names.check_ip(value.gw_addr, "gw_addr"), _version(value)
        if gateway.is_unspecified:
            return
        if version not in (gateway.version, None):
            text = f"IPv{gateway.version} cannot lead to IPv{version}"
            raise InvalidValue(text, ("gw_addr",))
    if value.scope in {Route.LINK, Route.HOST}:
        name = Route.Scope.Name(value.scope)
        raise InvalidValue(f"scope {name} has no gateway", ("scope", "gw_addr"))


def _version(value: Route) -> int | None:
    """Return the version of IP; None where only the allocation can tell."""
    if reference.is_reference(value.dst_network):
        return None
    return names.check_network(value.dst_network, "dst_network").version
