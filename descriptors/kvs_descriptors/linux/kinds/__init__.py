# SPDX-License-Identifier: Apache-2.0
"""The kinds of interfaces: a new one is one more file here, and one more line."""

from __future__ import annotations

from ligato.linux.interfaces.interface_pb2 import Interface

from .bridge import Bridge
from .kind import Kind
from .veth import Veth

__all__ = ["Bridge", "Kind", "kinds"]


def kinds() -> dict[Interface.Type, Kind]:
    """Return all kinds by their type in the messages; each engine has its own."""
    return {kind.type: kind for kind in (Veth(), Bridge())}
