# SPDX-License-Identifier: Apache-2.0
"""Interfaces: whatever the kind, made, marked, changed, found again and deleted."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Sequence

from google.protobuf.empty_pb2 import Empty

from kvs_descriptors.netalloc import NotAllocated
from kvs_descriptors.netalloc.reference import ALLOCATIONS, is_reference
from kvscheduler import (
    Depends,
    DependsOnAny,
    Derived,
    Descriptor,
    InvalidValue,
    Retrieved,
    Southbound,
)
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys, names, places
from ..kernel import Kernel, NamespaceGone
from ..kernel.looking import look_into
from ..kinds import Kind, Lent, Veth, kinds
from ..kinds.kind import copy_of
from ..kinds.making import Making
from ..l3.address import address_message, check_written, resolved, written
from ..links import link, neighbours, offloading
from ..links.link import Link
from ..netlink import channel, codec
from ..netlink.channel import Refused
from . import counters
from .counters import Counters
from .deleting import Deleting
from .inventory import Inventory
from .lending import Lending
from .survey import UNKNOWN, Survey, place_of
from .upon import addresses, derived_addresses, derived_vrf

__all__ = ["InterfaceDescriptor"]

IPV6 = 6
LEAST_IPV6_MTU = 1280

NOTHING = contextlib.nullcontext()

# Not a value for this kind of link, or not a kind that this kernel has.
HOPELESS = frozenset({errno.EINVAL, errno.EOPNOTSUPP})


class InterfaceDescriptor(Descriptor[Interface, Link]):
    """Interfaces of all kinds; the metadata says where the kernel has them."""

    name = "linux-interface"
    key_prefix = keys.INTERFACE
    retrieve_after = ("linux-namespace", ALLOCATIONS)

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._kinds = kinds()
        self._making = Making(kernel)
        self._deleting = Deleting(kernel)
        self._lending = Lending(kernel)

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for allocated addresses, and for other interfaces."""
        self._southbound = self._making.southbound = self._lending.southbound = southbound

    def validate(self, key: str, value: Interface) -> None:
        """Check names, numbers and addresses before the kernel sees any."""
        names.check_logical_name(value.name, "name")
        if key != keys.interface(value.name):
            raise InvalidValue(f"the key is another's: {key}", ("name",))
        names.check_host_name(
            link.host_name(value), "host_if_name" if value.host_if_name else "name"
        )
        places.check(value.namespace, "namespace")
        names.check_mtu(value.mtu, "mtu")
        if value.phys_address:
            names.check_mac(value.phys_address, "phys_address")
        if value.vrf_master_interface:
            names.check_logical_name(value.vrf_master_interface, "vrf_master_interface")
            if value.vrf_master_interface == value.name:
                raise InvalidValue("the VRF is another interface", ("vrf_master_interface",))
        _check_addresses(value)
        self._check_kind(value)

    def _check_kind(self, value: Interface) -> None:
        kind = self._kinds.get(value.type)
        if kind is None:
            known = ", ".join(Interface.Type.Name(one) for one in self._kinds)
            name = Interface.Type.Name(value.type) if value.type else "no type"
            raise InvalidValue(f"{name}: supported are {known}", ("type",))
        field = value.WhichOneof("link")
        if field not in (kind.field, None):
            text = f"does not belong to the type {Interface.Type.Name(value.type)}"
            raise InvalidValue(text, (field,))
        if value.made_by and value.type != Interface.EXISTING:
            raise InvalidValue("only an EXISTING interface is made by others", ("made_by",))
        kind.validate(value)

    def equivalent(self, key: str, old: Interface, new: Interface) -> bool:
        """Tell whether two values configure the same, however they are written."""
        return old == new or self._normal(old) == self._normal(new)

    def _normal(self, value: Interface) -> Interface:
        normal = copy_of(value)
        kind = self._kinds.get(value.type)
        normal.protected = False  # says nothing about the kernel, as the next
        normal.made_by = ""
        normal.host_if_name = link.host_name(value)
        normal.phys_address = "" if value.link_only else value.phys_address.lower()
        normal.mtu = value.mtu or (kind.default_mtu if kind else None) or 0
        del normal.ip_addresses[:]
        normal.ip_addresses.extend(sorted(one.key for one in derived_addresses(value)))
        if kind is not None:
            kind.normalize(normal)
        return normal

    def dependencies(self, key: str, value: Interface) -> Iterable[Depends | DependsOnAny]:
        """Need the namespace, and what the kind needs."""
        self._making.planned[value.name] = value
        yield from places.needs(value.namespace)
        kind = self._kinds.get(value.type)
        if kind is not None:
            yield from kind.dependencies(value)

    def derived(self, key: str, value: Interface) -> Iterable[Derived]:
        """Bring along the fact of being up, the addresses, and what the kind brings along."""
        if value.enabled:
            yield Derived(keys.state(value.name), Empty())
        yield from derived_vrf(value)
        yield from derived_addresses(value)
        kind = self._kinds.get(value.type)
        if kind is not None:
            yield from kind.derived(value)

    def claims(self, key: str, value: Interface) -> Iterable[str]:
        """Hold the name in the kernel, and what the kind holds."""
        yield f"ifname:{link.namespace_of(value)}/{link.host_name(value)}"
        kind = self._kinds.get(value.type)
        if kind is not None:
            yield from kind.claims(value)

    def requires_recreate(
        self, key: str, old: Interface, new: Interface, metadata: Link | None
    ) -> bool:
        """Take a new link for another type, place or name, and where the kind wants one.

        A rename takes the link down on many kernels, and its routes with it.
        """
        kind = self._kinds.get(new.type)
        return (
            old.type != new.type
            or link.namespace_of(old) != link.namespace_of(new)
            or link.host_name(old) != link.host_name(new)
            or old.link_only != new.link_only
            or kind is None
            or _wants_mtu_of_birth(kind, old, new)
            or kind.requires_recreate(old, new)
        )

    async def create(self, key: str, value: Interface) -> Link:
        """Make the link, or finish what an earlier create has begun; borrow one of others'."""
        kind = self._kinds[value.type]
        if isinstance(kind, Lent):
            made = await self._lending.take(value, kind)
        else:
            made = await self._making.create(value, kind)
            await kind.settle(None, value, made, self._kernel)
        self._kernel.seen[value.name] = made
        return made

    async def update(
        self, key: str, old: Interface, new: Interface, metadata: Link | None
    ) -> Link | None:
        """Change MTU, MAC, state and options in place."""
        kind = self._kinds[new.type]
        if metadata is None:
            return None
        within = await self._kernel.channel(metadata.namespace)
        if isinstance(kind, Lent):
            if await self._lending.change(new, kind, metadata) and new.enabled:
                await self._restore_ipv6(within, new, metadata.index)
            return None
        if _differs_in_kernel(kind, old, new):
            await self._change(within, kind, old, new, metadata)
        await kind.settle(old, new, metadata, self._kernel)
        return None

    async def _change(
        self, within: channel.Channel, kind: Kind, old: Interface, new: Interface, metadata: Link
    ) -> None:
        has_new_mac = old.phys_address.lower() != new.phys_address.lower()
        attributes = link.settings(new, kind.default_mtu, has_mac=not has_new_mac)
        if old.ipv4_forwarding and not new.ipv4_forwarding:
            attributes.append(link.NO_FORWARDING)
        what = f"interface {new.name}"
        keeping = neighbours.kept(within, metadata.index, what) if has_new_mac else NOTHING
        async with keeping:
            for body in kind.requests(new, attributes, metadata.index):
                await within.call(channel.RTM_NEWLINK, 0, body, what)
        if old.enabled != new.enabled:
            await self._restore_ipv6(within, new, metadata.index)

    async def _restore_ipv6(self, within: channel.Channel, value: Interface, index: int) -> None:
        """Set the IPv6 addresses again, all of which the kernel drops when a link goes down."""
        flags = channel.NLM_F_CREATE | channel.NLM_F_REPLACE
        for text in addresses(value):
            try:
                address = resolved(self._southbound, value.name, text)
            except NotAllocated:
                # Then it is not set either.
                continue
            if address.version == IPV6:
                body = address_message(index, address, self._kernel.protocol)
                await within.call(channel.RTM_NEWADDR, flags, body, f"address {text}")

    async def delete(self, key: str, value: Interface, metadata: Link | None) -> None:
        """Delete the link if it is still there and ours; give one that is others' back."""
        self._making.drop(value.name, value.veth.peer_if_name)
        self._making.forget(value)
        self._kernel.seen.pop(value.name, None)
        self._kernel.references.pop(value.name, None)
        is_lent = isinstance(self._kinds.get(value.type), Lent)
        place = metadata or Link(0, link.namespace_of(value), link.host_name(value))
        with contextlib.suppress(NamespaceGone):
            if is_lent or place.is_lent:
                await self._lending.give_back(value.name, place)
            else:
                await self._delete(value, place)

    async def _delete(self, value: Interface, place: Link) -> None:
        within = await self._kernel.channel(place.namespace)
        name = "" if place.index else place.host_if_name
        # Indexes and names may have come to stand for another's link, so the mark is looked at.
        found = await link.find(within, name=name, index=place.index)
        if found is None:
            return
        is_marked = found.alias == self._making.mark(value.name)
        if is_marked or await self._is_half(within, value, found):
            await self._deleting.delete(within, found.index)
        elif self._making.is_left_behind(within, found):
            # Its group is its only mark: a crash while it is in another would make it a stranger.
            await link.delete(within, found.index, f"interface {found.name}")

    async def _is_half(
        self, within: channel.Channel, value: Interface, found: codec.LinkRecord
    ) -> bool:
        """Tell whether a link that somebody took the mark from is half of a cable of ours."""
        peer = value.veth.peer_if_name
        if not peer or found.kind != Veth.kernel_name:
            return False
        other = await link.find(
            within, index=found.lower, netns_id=found.lower_netns_id, gone=UNKNOWN
        )
        return other is not None and other.alias == self._making.mark(peer)

    def is_retriable(self, error: Exception) -> bool:
        """Give up on what the kernel will not take, however often it is asked."""
        return not (isinstance(error, Refused) and error.errno in HOPELESS)

    async def counters(self) -> dict[str, Counters]:
        """Return how much each interface has sent and received, by its name."""
        return await counters.of_links(self._kernel, self._southbound.metadata(self.name))

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return our interfaces, and what stands in the places of expected ones."""
        only = None if keys is None else set(keys)
        asked = [one for one in expected if only is None or one.key in only]
        for one in asked:
            self._kernel.references[one.value.name] = _references(one.value)
        survey = Survey(self._kernel)
        also = {"", *self._kernel.marked} if only is None else None
        looked = await survey.look(asked, also)
        inventory = Inventory(
            looked.found, self._kinds, self._making.mark(""), self._lending, self._kernel.seen
        )
        await survey.resolve(inventory)
        await self._look_at_checksums(inventory)
        found = self._found(inventory, asked, is_all=only is None)
        if only is None:
            self._kernel.seen = {one.value.name: one.metadata for one in found.values()}
        unread = [one.key for one in asked if place_of(one) in looked.failed]
        return looked.answer(found.values(), unread)

    async def _look_at_checksums(self, inventory: Inventory) -> None:
        async def look(place: str) -> dict[str, offloading.Checksums]:
            return await offloading.look(await self._kernel.channel(place), cables[place])

        cables = inventory.cables()
        looked = await look_into(cables, look)
        for place, checksums in looked.found.items():
            inventory.learn_checksums(place, checksums)

    def _found(
        self, inventory: Inventory, asked: Sequence[Retrieved], *, is_all: bool
    ) -> dict[str, Retrieved]:
        found = self._half_made(inventory, asked, is_all=is_all)
        for one in asked:
            if one.key not in found and (there := inventory.expected(one.key, one.value)):
                found[one.key] = there
        if is_all:
            for there in inventory.unexpected(one.value.name for one in asked):
                found.setdefault(there.key, there)
            for there in inventory.loans(one.value for one in asked):
                found.setdefault(there.key, there)
        return found

    def _half_made(
        self, inventory: Inventory, asked: Iterable[Retrieved], *, is_all: bool
    ) -> dict[str, Retrieved]:
        """Return what crashes have left, each under its own key or, unknown, a key of its own."""
        left = [
            (place, there)
            for place, there in inventory.links()
            if there.group == self._making.group and self._is_left_behind(place, there)
        ]
        if not left:
            return {}
        known: dict[tuple[str, str], Retrieved] = {}
        for one in asked:
            known["", self._making.temporary(one.value.name)] = one
            known[link.namespace_of(one.value), link.host_name(one.value)] = one
        found = {}
        for place, there in left:
            match = known.get((place, there.name))
            if match is not None:
                name = match.value.name
                found[match.key] = inventory.half_made(place, there, match.key, name)
            elif is_all:
                # No wanted value has such a name, so this one can only be deleted.
                name = f"half-made~{there.index}~{place}"
                key = keys.interface(name)
                found[key] = inventory.half_made(place, there, key, name)
        return found

    def _is_left_behind(self, place: str, found: codec.LinkRecord) -> bool:
        within = self._kernel.known_channel(place)
        return within is not None and self._making.is_left_behind(within, found)


def _wants_mtu_of_birth(kind: Kind, old: Interface, new: Interface) -> bool:
    """Tell whether an MTU is to be as the kernel chooses it, which it does only once."""
    is_chosen = kind.default_mtu is None and not isinstance(kind, Lent)
    return is_chosen and bool(old.mtu) and not new.mtu


def _references(value: Interface) -> list[str]:
    return [text for text in addresses(value) if is_reference(text)]


def _differs_in_kernel(kind: Kind, old: Interface, new: Interface) -> bool:
    """Tell whether the link's own settings differ; addresses and ports are values themselves."""
    mtu = kind.default_mtu
    return (
        old.enabled != new.enabled
        or link.settings(old, mtu) != link.settings(new, mtu)
        or kind.changes(old) != kind.changes(new)
    )


def _check_addresses(value: Interface) -> None:
    seen = set()
    for index, text in enumerate(value.ip_addresses):
        where = f"ip_addresses[{index}]"
        address = check_written(value.name, text, where)
        one = written(value.name, text)
        if one in seen:
            raise InvalidValue(f"{text} is there twice", (where,))
        seen.add(one)
        if address and address.version == IPV6 and 0 < value.mtu < LEAST_IPV6_MTU:
            needs = f"IPv6 ({address}) takes an MTU of at least {LEAST_IPV6_MTU}"
            raise InvalidValue(needs, ("mtu",))
