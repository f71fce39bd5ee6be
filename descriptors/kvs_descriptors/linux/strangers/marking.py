# SPDX-License-Identifier: Apache-2.0
"""Descriptors that make by marking: what others made is taken over as it stands.

They are those of every engine, but for the keys that are being taken: of these ``create`` sets
our mark and nothing else, ``delete`` takes it away again, and what is not marked yet is not
there. So a transaction takes a whole network over, in order and all or nothing, and the journal
knows what is wanted before the first mark is set.
"""

from __future__ import annotations

import errno
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux.interfaces.interface import InterfaceDescriptor
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.l3.address import AddressDescriptor
from kvs_descriptors.linux.l3.arp import ArpDescriptor
from kvs_descriptors.linux.l3.route import RouteDescriptor
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.links.lookup import interface_link
from kvs_descriptors.linux.membership.member import MemberDescriptor
from kvs_descriptors.linux.membership.membership import Membership
from kvs_descriptors.linux.membership.port import PortDescriptor
from kvs_descriptors.linux.membership.vrf import VrfDescriptor
from kvs_descriptors.linux.netlink.channel import Refused
from kvscheduler import Descriptor, Origin, Retrieved
from ligato.linux.interfaces.interface_pb2 import Interface

from .taken import Taken

__all__ = ["Taking", "descriptors"]


class Taking(dict[str, Taken]):
    """What is being taken, by key; ``inside`` are the keys of what is plugged in already.

    ``unmarked`` are the names of the interfaces that have been looked at and bear no mark yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inside: frozenset[str] = frozenset()
        self.unmarked: set[str] = set()

    def begin(self, taken: Mapping[str, Taken], inside: Iterable[str]) -> None:
        """Take these, and nothing else."""
        self.clear()
        self.update(taken)
        self.inside = frozenset(inside)
        self.unmarked.clear()

    def end(self) -> None:
        """Take nothing any more."""
        self.begin({}, ())


class _Marking(Descriptor[Any, Any]):
    """Marks what is being taken; all else is done as ever."""

    taking: Taking
    _kernel: Kernel

    async def create(self, key: str, value: Any) -> Any:
        """Set the mark."""
        taken = self.taking.get(key)
        if taken is not None:
            return await taken.take(self._kernel, key)
        made = super().create(key, value)
        return await made if inspect.isawaitable(made) else made

    async def delete(self, key: str, value: Any, metadata: Any) -> None:
        """Take the mark away."""
        taken = self.taking.get(key)
        if taken is not None:
            await taken.give_back(self._kernel, key)
            return
        gone = super().delete(key, value, metadata)
        if inspect.isawaitable(gone):
            await gone


class _Interfaces(_Marking, InterfaceDescriptor):
    async def create(self, key: str, value: Interface) -> Any:
        made = await super().create(key, value)
        self._kernel.seen[value.name] = made
        return made

    async def delete(self, key: str, value: Interface, metadata: Any) -> None:
        self._kernel.seen.pop(value.name, None)
        await super().delete(key, value, metadata)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        found = list(await super().retrieve(expected, keys))
        peers = {one.key: one.value.veth.peer_if_name for one in expected}
        taken = [one for one in found if one.key in self.taking]
        hidden = {one.value.name for one in taken if one.origin is not Origin.NORTHBOUND}
        # Of a cable a kill may have left one end marked: it stands only with the other one.
        hidden |= {one.value.name for one in taken if peers.get(one.key) in hidden}
        self.taking.unmarked -= {one.value.name for one in found}
        self.taking.unmarked |= hidden
        for name in hidden:
            self._kernel.seen.pop(name, None)
        return [one for one in found if one.value.name not in hidden]


class _Addresses(_Marking, AddressDescriptor):
    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        found = await super().retrieve(expected, keys)
        return [one for one in found if not self.taking.unmarked & _interfaces_of(one.key)]


class _Routes(_Marking, RouteDescriptor):
    pass


class _Neighbours(_Marking, ArpDescriptor):
    pass


class _Inside(Membership):
    """What is plugged in bears no mark: it is looked at, and left alone."""

    taking: Taking

    async def create(self, key: str, value: Message) -> None:
        if key not in self.taking.inside:
            await super().create(key, value)
            return
        master, member = (interface_link(self._southbound, name) for name in self._parse(key))
        within = await self._kernel.channel(member.namespace)
        found = await link.find(within, index=member.index)
        if found is None or found.master != master.index:
            raise Refused(errno.ENODEV, "it has been pulled out meanwhile", key)

    async def delete(self, key: str, value: Message, metadata: None) -> None:
        if key not in self.taking.inside:
            await super().delete(key, value, metadata)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        found = await super().retrieve(expected, keys)
        return [one for one in found if not self.taking.unmarked & _interfaces_of(one.key)]


class _Ports(_Inside, PortDescriptor):
    pass


class _Members(_Inside, MemberDescriptor):
    pass


class _Vrfs(_Inside, VrfDescriptor):
    pass


_ALL = (_Interfaces, _Addresses, _Routes, _Neighbours, _Ports, _Members, _Vrfs)


def _interfaces_of(key: str) -> set[str]:
    """Return the interfaces that a derived key names: nothing stands on what is not there yet."""
    _, _, name, _, *rest = key.split("/")
    return {name, *rest[:1]}


def descriptors(kernel: Kernel, taking: Taking) -> list[Descriptor[Any, Any]]:
    """Return descriptors for all of Linux, which take over what is being taken."""
    marking: dict[str, Descriptor[Any, Any]] = {}
    for kind in _ALL:
        one: Any = kind(kernel)
        one.taking = taking
        marking[one.name] = one
    plain = linux.descriptors(kernel.owner, kernel)
    return [marking.get(one.name, one) for one in plain]
