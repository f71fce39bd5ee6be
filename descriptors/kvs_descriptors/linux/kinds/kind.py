# SPDX-License-Identifier: Apache-2.0
"""What one kind of interface has that others have not; the defaults fit a plain link."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.netlink.channel import Refused
from ligato.linux.interfaces.interface_pb2 import Interface

if TYPE_CHECKING:
    from kvs_descriptors.linux.kernel import Kernel
    from kvs_descriptors.linux.kinds.making import Making
    from kvs_descriptors.linux.links.link import Link
    from kvs_descriptors.linux.netlink.channel import Channel
    from kvscheduler import Depends, DependsOnAny, Derived

__all__ = ["Around", "Half", "Kind", "copy_of", "find_made"]

# What the kernel says of a kind that it lacks, and what is said for it where it has no words.
UNKNOWN_KIND = frozenset({"Unknown device type", os.strerror(errno.EOPNOTSUPP)})


@dataclasses.dataclass(frozen=True, slots=True)
class Half:
    """A link that is made but not finished.

    ``peer`` is the logical name of a veth's other end; ``name`` is what it is called as yet where
    that may not be the name it is to have.
    """

    within: Channel
    index: int
    peer: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Around:
    """What is told of a link elsewhere.

    ``below`` is the logical name of a cable's other end, or of the link beneath this one, "" where
    that is not known; ``checksums`` is whether they are left to the hardware: in, out.
    """

    below: str = ""
    checksums: tuple[bool, bool] | None = None


class Kind:
    """One kind of interface: ``field`` is its part of the message, if it has one."""

    type: ClassVar[Interface.Type]
    kernel_name: ClassVar[str]
    field: ClassVar[str | None] = None
    default_mtu: ClassVar[int | None] = 1500

    def is_default_mtu(self, mtu: int) -> bool:
        """Tell whether a link has an MTU that it would have if nobody had asked for one."""
        return self.default_mtu in {None, mtu}

    def validate(self, value: Interface) -> None:
        """Raise ``InvalidValue`` where what belongs to the kind is wrong."""

    def dependencies(self, value: Interface) -> Iterable[Depends | DependsOnAny]:
        """Return what the kind needs, beyond the namespace."""
        return ()

    def derived(self, value: Interface) -> Iterable[Derived]:
        """Return what the kind brings along, beyond state and addresses."""
        return ()

    def claims(self, value: Interface) -> Iterable[str]:
        """Return what the kind holds, beyond the name."""
        return ()

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Tell whether a change of what belongs to the kind takes a new link."""
        return False

    def normalize(self, value: Interface) -> None:
        """Bring what can be written in several ways into one; the value is a copy."""

    def options(self, value: Interface) -> list[bytes]:
        """Return the attributes that belong to the kind, for creation and update."""
        return []

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Write what belongs to the kind into a copy of what is expected, as the kernel has it."""

    def check_half(self, half: Half, value: Interface) -> None:
        """Raise where a half-made link cannot become this interface."""

    async def is_whole(
        self, making: Making, value: Interface, there: codec.LinkRecord, within: Channel
    ) -> bool:
        """Tell whether a marked link is all that the interface takes."""
        if there.kind != self.kernel_name:
            return False
        as_is = copy_of(value)
        self.describe(as_is, there, Around())
        return not self.requires_recreate(as_is, value)

    async def make_way(self, making: Making, value: Interface) -> None:
        """Deal with something else than the interface's name that is taken."""

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the link, in the group of the half-made."""
        await self.make_by(making, value, within, within, [self.info(value)])

    async def make_by(
        self,
        making: Making,
        value: Interface,
        within: Channel,
        via: Channel,
        what: Iterable[bytes],
    ) -> None:
        """Make the link where it belongs, by a request to the same or to another namespace."""
        name = link.host_name(value)
        group = codec.number(codec.IFLA_GROUP, making.group)
        attributes = [codec.text(codec.IFLA_IFNAME, name), group, *what]
        if via is not within:
            attributes.append(codec.number(codec.IFLA_NET_NS_FD, within.netns_fd))
        with making.announced((within, name)):
            try:
                made = await making.request(via, codec.link_body(attributes), within, name)
            except Refused as refused:
                raise self._in_words(refused) from None
            making.note({value.name: Half(within, made.index)})

    def _in_words(self, refused: Refused) -> Refused:
        if refused.errno != errno.EOPNOTSUPP or refused.strerror not in UNKNOWN_KIND:
            return refused
        return Refused(errno.EOPNOTSUPP, f"this kernel has no {self.kernel_name}", refused.what)

    async def prepare(self, value: Interface, within: Channel) -> None:
        """Do what a link of this kind needs in its namespace, before it is made."""

    async def settle(
        self, old: Interface | None, new: Interface, made: Link, kernel: Kernel
    ) -> None:
        """Set what takes something else than netlink; ``old`` None: of a link just made."""

    def changes(self, value: Interface) -> list[bytes]:
        """Return the attributes that bring a link of this kind up to date."""
        # A kind without options refuses to have them changed, even to nothing.
        return [self.info(value)] if self.options(value) else []

    def requests(self, value: Interface, settings: Iterable[bytes], index: int) -> list[bytes]:
        """Return the bodies of the messages that bring a link and its settings up to date."""
        attributes = [*settings, *self.changes(value)]
        return [codec.link_body(attributes, index=index, up=value.enabled)]

    def info(self, value: Interface) -> bytes:
        """Return the attribute that says what kind of link this is, with its options."""
        return self.info_with(self.options(value))

    def info_with(self, options: Iterable[bytes]) -> bytes:
        """Return the attribute that says what kind of link this is, with these options."""
        data = codec.nested(codec.IFLA_INFO_DATA, *options)
        return codec.nested(
            codec.IFLA_LINKINFO, codec.text(codec.IFLA_INFO_KIND, self.kernel_name), data
        )


def copy_of(value: Interface) -> Interface:
    """Return a copy of a value, which is not ours to change."""
    copy = Interface()
    copy.CopyFrom(value)
    return copy


async def find_made(within: Channel, name: str) -> codec.LinkRecord:
    """Return a link that has just been made; before Linux 6.2 the kernel does not tell."""
    made = await link.find(within, name=name)
    if made is None:
        raise Refused(errno.ENODEV, "gone as soon as it was made", f"interface {name}")
    return made
