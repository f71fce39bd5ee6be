# SPDX-License-Identifier: Apache-2.0
"""Interfaces that are plugged into another one: a bridge, a bond, a VRF; all are one attribute."""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from kvscheduler import Depends, DependsOnAny, Descriptor, Retrieved, Southbound

from .. import keys
from ..kernel import Kernel, NamespaceGone
from ..kernel.looking import look_into
from ..links import link
from ..links.link import Link
from ..links.lookup import interface_link, interface_links
from ..netlink import channel, codec
from ..netlink.channel import Refused

__all__ = ["Membership"]


class Membership(Descriptor[Message, None]):
    """Interfaces in another one, their master, to which ``kinds`` of links can be one."""

    key_prefix = "linux/interface/"
    retrieve_after = ("linux-interface",)
    kinds: ClassVar[frozenset[str]]

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def attach(self, southbound: Southbound) -> None:
        """Learn where to ask for interfaces."""
        self._southbound = southbound

    def parse(self, key: str) -> tuple[str, str] | None:
        """Return the master and the member that a key is of, None for another kind of key."""
        raise NotImplementedError

    def key(self, master: str, member: str) -> str:
        """Return the key of a master's having a member."""
        raise NotImplementedError

    def selects(self, key: str) -> bool:
        """Take such keys out of all that is derived from interfaces."""
        return key.startswith(self.key_prefix) and self.parse(key) is not None

    def dependencies(self, key: str, value: Message) -> Iterable[Depends | DependsOnAny]:
        """Need the member; the master is there, being the base."""
        return [Depends(keys.interface(self._parse(key)[1]), "port-exists")]

    def claims(self, key: str, value: Message) -> Iterable[str]:
        """Hold the member: an interface is plugged into one other at a time."""
        return [f"master:{self._parse(key)[1]}"]

    async def create(self, key: str, value: Message) -> None:
        """Plug the member in; one that is in already is a success."""
        master, member = (interface_link(self._southbound, name) for name in self._parse(key))
        own = await self._kernel.channel(member.namespace)
        its = await self._kernel.channel(master.namespace)
        if own.identity != its.identity:
            text = f"{' and '.join(self._parse(key))} are in different network namespaces"
            raise Refused(errno.EXDEV, text, key)
        await self.plug(own, member.index, master.index, key)

    async def plug(self, within: channel.Channel, index: int, master: int, key: str) -> None:
        """Plug a link into another one."""
        await self.set_master(within, index, master, key)

    async def unplug(self, within: channel.Channel, index: int, master: int, key: str) -> None:
        """Pull a link out of another one, in which it is."""
        await self.set_master(within, index, 0, key)

    async def set_master(self, within: channel.Channel, index: int, master: int, key: str) -> None:
        """Say what a link is plugged into."""
        body = codec.link_body([codec.number(codec.IFLA_MASTER, master)], index=index)
        # What has gone meanwhile, with the other end of its cable, say, is in nothing any more.
        tolerate = frozenset[int]() if master else link.GONE
        await within.call(channel.RTM_NEWLINK, 0, body, key, tolerate=tolerate)

    async def delete(self, key: str, value: Message, metadata: None) -> None:
        """Pull the member out, if it is there and still in this master."""
        try:
            master, member = (interface_link(self._southbound, name) for name in self._parse(key))
            within = await self._kernel.channel(member.namespace)
        except (LookupError, NamespaceGone):
            return
        found = await link.find(within, index=member.index)
        if found is not None and found.master == master.index:
            await self.unplug(within, member.index, master.index, key)

    def is_retriable(self, error: Exception) -> bool:
        """Give up where the two are in different namespaces: only a new configuration helps."""
        return not (isinstance(error, Refused) and error.errno == errno.EXDEV)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return which of our interfaces are plugged into which others of ours."""
        asked = None if keys is None else set(keys)
        links = interface_links(self._southbound, self._kernel.seen)
        values = {one.key: one.value for one in expected}
        known = {*values, *(asked or ())}
        masters = self._masters(links, known)
        if asked is not None:
            names = {self._parse(key)[0] for key in asked}
            masters = {name: one for name, one in masters.items() if name in names}
        look = functools.partial(self._look, masters=masters, links=links)
        looked = await look_into((one.namespace for one in masters.values()), look)
        # Who has made an interface may well plug it in, too.
        lent = {name for name, one in links.items() if one.is_lent}
        found = [
            Retrieved(key, values.get(key, Empty()))
            for there in looked.found.values()
            for key in there
            if (asked is None or key in asked)
            and (key in known or self._parse(key)[1] not in lent)
        ]
        places = {name: one.namespace for name, one in masters.items()}
        unread = [key for key in values if places.get(self._parse(key)[0]) in looked.failed]
        return looked.answer(found, unread)

    def _masters(self, links: Mapping[str, Link], known: Iterable[str]) -> dict[str, Link]:
        """Return what can be a master: by its kind, or because it is expected to be one."""
        named = {self._parse(key)[0] for key in known}
        return {name: one for name, one in links.items() if self.is_master(one) or name in named}

    def is_master(self, found: Link) -> bool:
        """Tell whether what is plugged into a link is so because of us."""
        return found.kind in self.kinds and not found.is_lent

    async def _look(
        self, namespace: str, *, masters: Mapping[str, Link], links: Mapping[str, Link]
    ) -> list[str]:
        within = await self._kernel.channel(namespace)
        names = {one.index: name for name, one in links.items() if one.namespace == namespace}
        found = []
        for master, one in masters.items():
            if one.namespace == namespace:
                members = await link.dump(within, master=one.index)
                inside = (names[member.index] for member in members if member.index in names)
                found += [self.key(master, name) for name in inside]
        return found

    def _parse(self, key: str) -> tuple[str, str]:
        found = self.parse(key)
        if found is None:
            raise ValueError(f"not the key of a {self.name}: {key}")
        return found
