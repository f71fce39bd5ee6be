# SPDX-License-Identifier: Apache-2.0
"""Ports of bridges: derived values that plug an interface in, once it is there."""

from __future__ import annotations

from . import keys
from .kinds import Bridge
from .membership import Membership

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
