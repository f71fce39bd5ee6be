# SPDX-License-Identifier: Apache-2.0
"""One thing of others' that is to be ours: the messages that mark it, and take the mark away."""

from __future__ import annotations

import dataclasses
import errno
from typing import TYPE_CHECKING

from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import channel, codec
from kvs_descriptors.linux.netlink.channel import Refused

if TYPE_CHECKING:
    from kvs_descriptors.linux.kernel import Kernel
    from kvs_descriptors.linux.links.link import Link

__all__ = ["GONE", "Message", "Taken"]

GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL})


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One request to the kernel."""

    kind: int
    flags: int
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What it takes to mark one thing, and to give it back as it was.

    ``link`` is the interface, where it is one; ``alias`` what that bore when it was looked at.
    """

    place: str
    mark: Message
    unmark: tuple[Message, ...]
    link: Link | None = None
    alias: str = ""

    async def take(self, kernel: Kernel, what: str) -> Link | None:
        """Set the mark; refuse where it is not what was looked at any more."""
        within = await kernel.channel(self.place)
        if self.link is not None:
            await self._check(within, self.link, what)
        await within.call(self.mark.kind, self.mark.flags, self.mark.body, what)
        return self.link

    async def _check(self, within: channel.Channel, place: Link, what: str) -> None:
        found = await link.find(within, index=place.index)
        if found is None or found.name != place.host_if_name or found.kind != place.kind:
            raise Refused(errno.ENODEV, "it has gone, or another came in its place", what)
        wanted = codec.LinkRecord(self.mark.body).alias
        if found.alias not in (self.alias, wanted):
            raise Refused(errno.EBUSY, f"others have marked it meanwhile: {found.alias}", what)

    async def give_back(self, kernel: Kernel, what: str) -> None:
        """Take the mark away; what is gone is a success."""
        within = await kernel.channel(self.place)
        for one in self.unmark:
            await within.call(one.kind, one.flags, one.body, what, tolerate=GONE)
