# SPDX-License-Identifier: Apache-2.0
"""How links come into being: half-made by one message, finished by a second.

The kernel ignores an alias given at creation, so a link is unmarked at first. But it takes a
group: so a link is made in a group that only we use, and the second message, which sets its mark
and its settings and sets it up, also takes it out of the group. A crash leaves it either finished
or in the group: never in doubt whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .. import names
from ..links import link
from ..links.link import Link
from ..links.lookup import interface_link
from ..netlink import channel, codec
from ..netlink.channel import Refused
from .kind import Half, find_made

if TYPE_CHECKING:
    from kvscheduler import Southbound
    from ligato.linux.interfaces.interface_pb2 import Interface

    from ..kernel import Kernel
    from ..netlink.channel import Channel
    from .kind import Kind

__all__ = ["Making"]

# The pauses after as many attempts.
PAUSES_S = (0.01, 0.05, 0.25, 0.5, 0)


class _Again(Exception):
    """What stood in the way of finishing a link is gone, or the link is: another attempt.

    With what the kernel has said, where it is not certain that anything is gone.
    """

    def __init__(self, refused: Refused | None = None) -> None:
        super().__init__()
        self.refused = refused


class Making:
    """Makes links; knows which are half-made, and which a create under way wants."""

    southbound: Southbound

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.group = names.making_group(kernel.owner)
        self.wanted: dict[str, Interface] = {}
        # What plans were last made for, by logical name: a hint, never relied upon.
        self.planned: dict[str, Interface] = {}
        self._halves: dict[str, Half] = {}
        self._announced: set[tuple[Channel, str]] = set()
        self._swept: weakref.WeakSet[Channel] = weakref.WeakSet()

    def parent(self, name: str) -> Link:
        """Return where the link is that another one is made upon."""
        return interface_link(self.southbound, name)

    def temporary(self, name: str) -> str:
        """Return the temporary name for a logical one."""
        return names.temporary(self.kernel.owner, name)

    def mark(self, name: str) -> str:
        """Return the mark of a logical name."""
        return link.mark(self.kernel.owner, name)

    async def create(self, value: Interface, kind: Kind) -> Link:
        """Make a link, or finish a half-made one; one that is there is brought up to date."""
        self.wanted[value.name] = value
        try:
            within = await self.kernel.channel(link.namespace_of(value))
            return await self._attempts(value, kind, within)
        except Refused:
            raise
        except BaseException:
            # Cut short: its half is nobody's now, so that it is found, and swept away by the next.
            self.drop(value.name)
            self._swept.clear()
            raise
        finally:
            self.wanted.pop(value.name, None)

    async def _attempts(self, value: Interface, kind: Kind, within: Channel) -> Link:
        refused = None
        for pause_s in PAUSES_S:
            try:
                return await self._attempt(value, kind, within)
            except _Again as again:
                refused = again.refused or refused
            if refused is not None:
                # The kernel clears a namespace away at its leisure, and what is in it may hold
                # what this one needs elsewhere: the number of a VXLAN, say.
                await asyncio.sleep(pause_s)
        raise refused or Refused(errno.EAGAIN, "others are at it too", f"interface {value.name}")

    async def _attempt(self, value: Interface, kind: Kind, within: Channel) -> Link:
        await self.sweep(within)
        half = self._halves.get(value.name)
        try:
            if half is None:
                await kind.prepare(value, within)
                await kind.make(self, value, within)
                half = self._halves.get(value.name)
            if half is None:
                raise _Again
            kind.check_half(half, value)
            return await self._finish(half, value, kind, within)
        except Refused as refused:
            if refused.errno != errno.EEXIST:
                raise
            return await self._meet(value, kind, within, refused)

    def half_of(self, name: str) -> Half | None:
        """Return the half-made link of a logical name."""
        return self._halves.get(name)

    def drop(self, *dropped: str) -> None:
        """Forget half-made links, by logical name: they are gone."""
        for name in dropped:
            self._halves.pop(name, None)

    def forget(self, value: Interface) -> None:
        """Forget where an interface was planned to be, unless it has been planned anew since."""
        if self.planned.get(value.name) is value:
            del self.planned[value.name]

    async def request(
        self, via: Channel, body: bytes, within: Channel, name: str
    ) -> codec.LinkRecord:
        """Ask, by way of one namespace, for a link in another one or the same; return it."""
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
        if via is within:
            # It would tell it to a socket in the link's namespace, which did not ask.
            flags |= channel.NLM_F_ECHO
        told = await via.call(channel.RTM_NEWLINK, flags, body, f"interface {name}")
        # Before Linux 6.2 the kernel does not tell what it has made.
        return codec.LinkRecord(told[0]) if told else await find_made(within, name)

    @contextlib.contextmanager
    def announced(self, *made: tuple[Channel, str]) -> Iterator[None]:
        """Keep a sweep from what is being made, by place and name, until it has been noted."""
        self._announced.update(made)
        try:
            yield
        finally:
            self._announced.difference_update(made)

    def note(self, halves: Mapping[str, Half]) -> None:
        """Take note of links that are half-made now, by logical name."""
        self._halves.update(halves)

    async def sweep(self, within: Channel) -> None:
        """Remove what an interrupted create has left half-made; once for each namespace in use."""
        if within in self._swept:
            return
        async with within.sweeping:
            if within in self._swept:
                return
            found = await link.dump(within)
            for one in found:
                if self.is_left_behind(within, one):
                    await link.delete(within, one.index, f"half-made interface {one.name}")
            self._swept.add(within)

    def is_left_behind(self, within: Channel, found: codec.LinkRecord) -> bool:
        """Tell whether a link is half-made, and not by a create that is under way."""
        if found.group != self.group or (within, found.name) in self._announced:
            return False
        living = self._halves.values()
        return not any(one.index == found.index and one.within is within for one in living)

    async def _finish(self, half: Half, value: Interface, kind: Kind, within: Channel) -> Link:
        if half.within is not within:
            half = await self._move(half, value, within)
        name = link.host_name(value)
        # A rename makes the kernel wait for its readers, so it is not asked for needlessly.
        is_named = half.name in ("", name)
        rename = [] if is_named else [codec.text(codec.IFLA_IFNAME, name)]
        attributes = [*rename, *self._settings(value, kind)]
        body = codec.link_body(attributes, index=half.index, up=value.enabled)
        what = f"interface {value.name}"
        try:
            done = await within.call(channel.RTM_NEWLINK, 0, body, what, tolerate=link.GONE)
        except Refused:
            self.drop(value.name)
            await link.delete(within, half.index, f"half-made {what}")
            raise
        self.drop(value.name)
        if done is None:
            raise _Again
        return Link(half.index, within.name, name, kind.kernel_name)

    async def _move(self, half: Half, value: Interface, within: Channel) -> Half:
        """Move a half-made link to its namespace; its index may change on the way."""
        name = half.name or link.host_name(value)
        fd = codec.number(codec.IFLA_NET_NS_FD, within.netns_fd)
        what = f"move interface {value.name}"
        body = codec.link_body([fd], index=half.index)
        moved = await half.within.call(channel.RTM_NEWLINK, 0, body, what, tolerate=link.GONE)
        found = None
        if moved is not None:
            found = await link.find(within, name=name)
        if found is None:
            self.drop(value.name)
            raise _Again
        half = Half(within, found.index, half.peer, name)
        self.note({value.name: half})
        return half

    async def _meet(self, value: Interface, kind: Kind, within: Channel, refused: Refused) -> Link:
        """Deal with the link that has a wanted name already."""
        name = link.host_name(value)
        there = await link.find(within, name=name)
        if there is None:
            await kind.make_way(self, value)
            raise _Again(refused)
        if self.is_left_behind(within, there):
            await link.delete(within, there.index, f"half-made interface {name}")
            raise _Again
        if there.alias != self.mark(value.name):
            raise self.taken(value.name, name)
        if not await kind.is_whole(self, value, there, within):
            await link.delete(within, there.index, f"interface {value.name}")
            raise _Again
        # A create that had its effect, though nobody noted it.
        for body in kind.requests(value, self._settings(value, kind), there.index):
            await within.call(channel.RTM_NEWLINK, 0, body, f"interface {value.name}")
        return Link(there.index, within.name, name, kind.kernel_name)

    def taken(self, wanted: str, name: str) -> Refused:
        """Return the error for a name that another's link has."""
        text = f"another's interface has the name {name}"
        return Refused(errno.EEXIST, text, f"interface {wanted}")

    def _settings(self, value: Interface, kind: Kind) -> list[bytes]:
        alias = codec.text(codec.IFLA_IFALIAS, self.mark(value.name))
        group = codec.number(codec.IFLA_GROUP, 0)
        return [alias, group, *link.settings(value, kind.default_mtu)]
