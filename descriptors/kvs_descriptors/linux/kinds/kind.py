# SPDX-License-Identifier: Apache-2.0
"""What one kind of interface has that others have not; the defaults fit a plain link."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from kvs_descriptors.linux import codec, link
from kvs_descriptors.linux.channel import Refused

if TYPE_CHECKING:
    from kvs_descriptors.linux.channel import Channel
    from kvs_descriptors.linux.making import Making
    from kvscheduler import Depends, DependsOnAny, Derived
    from ligato.linux.interfaces.interface_pb2 import Interface

__all__ = ["Half", "Kind", "find_made"]


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


class Kind:
    """One kind of interface: ``field`` is its part of the message, if it has one."""

    type: ClassVar[Interface.Type]
    kernel_name: ClassVar[str]
    field: ClassVar[str | None] = None
    default_mtu: ClassVar[int | None] = 1500

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

    def describe(self, value: Interface, found: codec.LinkRecord, peer: str) -> None:
        """Write what belongs to the kind into a copy of what is expected, as the kernel has it.

        ``peer`` is the logical name of the other end of a cable, "" where that is not ours.
        """

    def check_half(self, half: Half, value: Interface) -> None:
        """Raise where a half-made link cannot become this interface."""

    async def is_whole(
        self, making: Making, value: Interface, there: codec.LinkRecord, within: Channel
    ) -> bool:
        """Tell whether a marked link is all that the interface takes."""
        return True

    async def make_way(self, making: Making, value: Interface) -> None:
        """Deal with a name that is taken, when it is not the interface's own."""

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the link, in the group of the half-made."""
        name = link.host_name(value)
        group = codec.number(codec.IFLA_GROUP, making.group)
        body = codec.link_body([codec.text(codec.IFLA_IFNAME, name), group, self.info(value)])
        places = [(within, name)]
        made = await making.request(within, body, places)
        if made is None:
            made = await find_made(within, name)
        making.note({value.name: Half(within, made.index)}, places)

    def changes(self, value: Interface) -> list[bytes]:
        """Return the attributes that bring a link of this kind up to date."""
        # A kind without options refuses to have them changed, even to nothing.
        return [self.info(value)] if self.options(value) else []

    def info(self, value: Interface) -> bytes:
        """Return the attribute that says what kind of link this is, with its options."""
        data = codec.nested(codec.IFLA_INFO_DATA, *self.options(value))
        return codec.nested(
            codec.IFLA_LINKINFO, codec.text(codec.IFLA_INFO_KIND, self.kernel_name), data
        )


async def find_made(within: Channel, name: str) -> codec.LinkRecord:
    """Return a link that has just been made; before Linux 6.2 the kernel does not tell."""
    made = await link.find(within, name=name)
    if made is None:
        raise Refused(errno.ENODEV, "gone as soon as it was made", f"interface {name}")
    return made
