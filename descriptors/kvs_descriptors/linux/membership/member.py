# SPDX-License-Identifier: Apache-2.0
"""Members of bonds: derived values; the kernel takes none that is up, and sets it up itself."""

from __future__ import annotations

from .. import keys
from ..kinds import Bond
from ..netlink import channel, codec
from ..netlink.channel import Channel, Refused
from .membership import Membership

__all__ = ["MemberDescriptor"]


class MemberDescriptor(Membership):
    """Interfaces that are members of bonds.

    While it is one, a member is up and has the bond's MTU and MAC address. When it is none any
    more the kernel leaves it down; then it is set up again.
    """

    name = "linux-bond-member"
    kinds = frozenset({Bond.kernel_name})

    def parse(self, key: str) -> tuple[str, str] | None:
        """Return the bond and the member that a key is of, None for another kind of key."""
        return keys.parse_member(key)

    def key(self, master: str, member: str) -> str:
        """Return the key of a bond's having a member."""
        return keys.member(master, member)

    async def plug(self, within: Channel, index: int, master: int, key: str) -> None:
        """Set the link down and plug it in, in one message."""
        body = codec.link_body([codec.number(codec.IFLA_MASTER, 0)], index=index, up=False)
        await within.call(channel.RTM_NEWLINK, 0, body, key)
        try:
            await self.set_master(within, index, master, key)
        except Refused:
            await self._set_up(within, index, key)
            raise

    async def unplug(self, within: Channel, index: int, master: int, key: str) -> None:
        """Pull the link out, and set it up again."""
        await self.set_master(within, index, 0, key)
        await self._set_up(within, index, key)

    @staticmethod
    async def _set_up(within: Channel, index: int, key: str) -> None:
        body = codec.link_body(index=index, up=True)
        await within.call(channel.RTM_NEWLINK, 0, body, key)
