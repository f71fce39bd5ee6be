# SPDX-License-Identifier: Apache-2.0
"""Virtual cables: two interfaces that need each other, each in a namespace of its own.

The kernel makes and deletes both ends at once, while they are two values. The first create makes
the pair; each create then finishes its own end. Who is first, and whether both run at once, makes
no difference to what comes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvs_descriptors.linux import keys, names
from kvs_descriptors.linux.kernel import NamespaceGone
from kvs_descriptors.linux.links import link, offloading
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.netlink.channel import Refused
from kvscheduler import Depends, InvalidValue
from ligato.linux.interfaces.interface_pb2 import Interface, VethLink

from .kind import Around, Half, Kind

if TYPE_CHECKING:
    from kvs_descriptors.linux.kernel import Kernel
    from kvs_descriptors.linux.kinds.making import Making
    from kvs_descriptors.linux.links.link import Link
    from kvs_descriptors.linux.netlink.channel import Channel

__all__ = ["Veth"]

VETH_INFO_PEER = 1
OFFLOADING = ("rx_checksum_offloading", "tx_checksum_offloading")
ENABLED = VethLink.CHKSM_OFFLOAD_ENABLED
DISABLED = VethLink.CHKSM_OFFLOAD_DISABLED


class Veth(Kind):
    """One end of a cable."""

    type = Interface.VETH
    kernel_name = "veth"
    field = "veth"

    def __init__(self) -> None:
        self._pairs: dict[frozenset[str], asyncio.Event] = {}

    def validate(self, value: Interface) -> None:
        """Refuse an end without another end, and what we cannot set."""
        names.check_logical_name(value.veth.peer_if_name, "veth", "peer_if_name")
        if value.veth.peer_if_name == value.name:
            raise InvalidValue("the other end is another interface", ("veth", "peer_if_name"))
        for field in OFFLOADING:
            if getattr(value.veth, field) not in VethLink.ChecksumOffloading.values():
                raise InvalidValue("no such choice", ("veth", field))

    def dependencies(self, value: Interface) -> Iterable[Depends]:
        """Need the other end, as the other end needs this one: the two make a cycle."""
        peer = value.veth.peer_if_name
        # An end of an unknown cable, as retrieved, names no other end.
        return [Depends(keys.interface(peer), "veth-peer-exists")] if peer else []

    def claims(self, value: Interface) -> Iterable[str]:
        """Hold the other end: no third interface can have it."""
        peer = value.veth.peer_if_name
        return [f"veth-peer:{peer}"] if peer else []

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new cable for another other end."""
        return old.veth.peer_if_name != new.veth.peer_if_name

    def normalize(self, value: Interface) -> None:
        """Checksums are left to the hardware, if nothing is said."""
        for field, is_on in zip(OFFLOADING, _checksums(value), strict=True):
            setattr(value.veth, field, ENABLED if is_on else DISABLED)

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell the other end, if that is one of ours and finished, and who sums."""
        value.veth.peer_if_name = around.below
        if around.checksums is None:
            return
        for field, is_on, was in zip(OFFLOADING, around.checksums, _checksums(value), strict=True):
            if is_on != was:
                setattr(value.veth, field, ENABLED if is_on else DISABLED)

    async def settle(
        self, old: Interface | None, new: Interface, made: Link, kernel: Kernel
    ) -> None:
        """Say who sums."""
        wanted = _checksums(new)
        if wanted != (_checksums(old) if old else (True, True)):
            within = await kernel.channel(made.namespace)
            await offloading.choose(within, made.host_if_name, *wanted)

    def check_half(self, half: Half, value: Interface) -> None:
        """Refuse to plug a cable into the wrong interface."""
        if half.peer != value.veth.peer_if_name:
            raise _mismatch(value, f"{half.peer} has it for its own")

    async def is_whole(
        self, making: Making, value: Interface, there: codec.LinkRecord, within: Channel
    ) -> bool:
        """Tell whether the other end of a finished one is finished too."""
        other = await link.find(within, index=there.lower, netns_id=there.lower_netns_id)
        return other is not None and other.alias == making.mark(value.veth.peer_if_name)

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the pair, unless the other end's create is at it or has done it."""
        peer = value.veth.peer_if_name
        # The other end's create has most likely been started in the same breath. Let it say
        # where it wants its end: then that is made there, and need not be moved, which is slow.
        if peer not in making.wanted:
            await asyncio.sleep(0)
        pair = frozenset((value.name, peer))
        other = making.wanted.get(peer)
        if other is not None and other.veth.peer_if_name != value.name:
            raise _mismatch(value, f"that has {other.veth.peer_if_name or 'none'} for its own")
        while making.half_of(value.name) is None:
            running = self._pairs.get(pair)
            if running is None:
                return await self._make_pair(making, value, within, pair)
            await running.wait()
        return None

    async def _make_pair(
        self, making: Making, value: Interface, within: Channel, pair: frozenset[str]
    ) -> None:
        done = self._pairs[pair] = asyncio.Event()
        try:
            peer = value.veth.peer_if_name
            there, peer_name = await self._place(making, value)
            name = link.host_name(value)
            body = self._body(making.group, name, peer_name, there)
            with making.announced((within, name), (there, peer_name)):
                made = await making.request(within, body, within, name)
                # From here on a crash leaves two links that a sweep knows for ours.
                other = Half(there, made.lower, value.name, peer_name)
                making.note({value.name: Half(within, made.index, peer), peer: other})
        finally:
            del self._pairs[pair]
            done.set()

    async def _place(self, making: Making, value: Interface) -> tuple[Channel, str]:
        """Return where the other end is wanted, and its name there.

        Its create tells, once that is under way. Before, its name may not be free yet, so it gets
        a temporary one, in the namespace where the last plan had it: a move is slow.
        """
        peer = value.veth.peer_if_name
        other = making.wanted.get(peer)
        if other is not None:
            # Where its namespace is not there, its own create will say so.
            with contextlib.suppress(NamespaceGone):
                there = await making.kernel.channel(link.namespace_of(other))
                await making.sweep(there)
                return there, link.host_name(other)
        planned = making.planned.get(peer)
        there = await making.kernel.channel("")
        if planned is not None:
            with contextlib.suppress(NamespaceGone):
                there = await making.kernel.channel(link.namespace_of(planned))
        await making.sweep(there)
        return there, making.temporary(peer)

    async def make_way(self, making: Making, value: Interface) -> None:
        """Look at what has the other end's name: ours is half of another cable, and goes."""
        peer = value.veth.peer_if_name
        there, name = await self._place(making, value)
        found = await link.find(there, name=name)
        # What the other end's create has made meanwhile is half ours: then it is not in the way.
        halves = (making.half_of(name) for name in (peer, value.name))
        if found is None or any(half is not None for half in halves):
            return
        is_ours = found.alias == making.mark(peer) or making.is_left_behind(there, found)
        if not is_ours:
            raise making.taken(peer, name)
        await link.delete(there, found.index, f"interface {peer}")

    def _body(self, group_number: int, name: str, peer_name: str, there: Channel) -> bytes:
        fd = codec.number(codec.IFLA_NET_NS_FD, there.netns_fd)
        group = codec.number(codec.IFLA_GROUP, group_number)
        peer = codec.link_body([codec.text(codec.IFLA_IFNAME, peer_name), group, fd])
        data = codec.nested(codec.IFLA_INFO_DATA, codec.attribute(VETH_INFO_PEER, peer))
        kind = codec.text(codec.IFLA_INFO_KIND, self.kernel_name)
        own_name = codec.text(codec.IFLA_IFNAME, name)
        return codec.link_body([own_name, group, codec.nested(codec.IFLA_LINKINFO, kind, data)])


def _checksums(value: Interface) -> tuple[bool, bool]:
    part = value.veth
    return part.rx_checksum_offloading != DISABLED, part.tx_checksum_offloading != DISABLED


def _mismatch(value: Interface, text: str) -> Refused:
    text = f"its other end is to be {value.veth.peer_if_name}, but {text}"
    return Refused(errno.EINVAL, text, f"interface {value.name}")
