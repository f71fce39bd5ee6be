# SPDX-License-Identifier: Apache-2.0
"""Links upon another link, their parent: made in its namespace, to stand in their own.

The kernel takes the parent's number in the namespace that is asked, and puts the new link into
the one that the request names: one message, so there is nothing to move and nothing in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kvs_descriptors.linux import keys, names
from kvs_descriptors.linux.netlink import codec
from kvscheduler import Depends, InvalidValue

from .kind import Around, Kind

if TYPE_CHECKING:
    from kvs_descriptors.linux.kinds.making import Making
    from kvs_descriptors.linux.netlink.channel import Channel
    from ligato.linux.interfaces.interface_pb2 import Interface

__all__ = ["Stacked"]


class Stacked(Kind):
    """A link upon another one, which ``parent_if_name`` of its part of the message names."""

    # Left to the kernel, it is what the parent's leaves room for.
    default_mtu = None

    def part(self, value: Interface) -> Any:
        """Return the kind's part of the message."""
        return getattr(value, self.field or "")

    def parent(self, value: Interface) -> str:
        """Return the logical name of the parent."""
        return str(self.part(value).parent_if_name)

    def validate(self, value: Interface) -> None:
        """Refuse a link upon nothing, or upon itself."""
        where = (self.field or "", "parent_if_name")
        names.check_logical_name(self.parent(value), *where)
        if self.parent(value) == value.name:
            raise InvalidValue("the parent is another interface", where)

    def dependencies(self, value: Interface) -> Iterable[Depends]:
        """Need the parent, in whatever namespace."""
        parent = self.parent(value)
        # A link of an unknown parent, as retrieved, names none.
        return [Depends(keys.interface(parent), "parent-exists")] if parent else []

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another parent."""
        return self.parent(old) != self.parent(new)

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell the parent. A link keeps it for life, so where it is not known it is as it was."""
        if around.below and around.below != self.parent(value):
            self.part(value).parent_if_name = around.below

    async def make(self, making: Making, value: Interface, within: Channel) -> None:
        """Make the link upon its parent, by a request to the parent's namespace."""
        parent = making.parent(self.parent(value))
        via = await making.kernel.channel(parent.namespace)
        # Two places may be one namespace; then nothing is to be sent across.
        via = within if via.identity == within.identity else via
        await self.make_by(making, value, within, via, self.upon(parent.index, value))

    def upon(self, index: int, value: Interface) -> list[bytes]:
        """Return the attributes that say what kind of link this is, and upon which one."""
        return [codec.number(codec.IFLA_LINK, index), self.info(value)]
