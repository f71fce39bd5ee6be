# SPDX-License-Identifier: Apache-2.0
"""Ports of bridges: derived values that plug an interface in, once it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import keys
from ..kinds import Bridge
from ..links import neighbours
from .membership import Membership

if TYPE_CHECKING:
    from ..netlink.channel import Channel

__all__ = ["PortDescriptor"]


class PortDescriptor(Membership):
    """Interfaces that are plugged into bridges."""

    name = "linux-bridge-port"
    kinds = frozenset({Bridge.kernel_name})

    def parse(self, key: str) -> tuple[str, str] | None:
        """Return the bridge and the port that a key is of, None for another kind of key."""
        return keys.parse_port(key)

    def key(self, master: str, member: str) -> str:
        """Return the key of a bridge's having a port."""
        return keys.port(master, member)

    async def plug(self, within: Channel, index: int, master: int, key: str) -> None:
        """Plug the port in; the bridge may take its MAC address for its own then."""
        async with neighbours.kept(within, master, key):
            await super().plug(within, index, master, key)

    async def unplug(self, within: Channel, index: int, master: int, key: str) -> None:
        """Pull the port out; the bridge may lose its MAC address with it."""
        async with neighbours.kept(within, master, key):
            await super().unplug(within, index, master, key)
