# SPDX-License-Identifier: Apache-2.0
"""Where an interface is, asked by its logical name from the engine's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .link import Link

if TYPE_CHECKING:
    from kvscheduler import Southbound

    from .kernel import Kernel

__all__ = ["InterfaceUnknown", "interface_link", "interface_links"]

INTERFACES = "linux-interface"


class InterfaceUnknown(LookupError):
    """The engine knows of no such interface in the kernel."""

    def __str__(self) -> str:
        return f"interface {self.args[0]} is not there"


def interface_link(southbound: Southbound, name: str) -> Link:
    """Return where an interface is; ``InterfaceUnknown`` where it is not."""
    found = southbound.metadata(INTERFACES).get(name)
    if not isinstance(found, Link):
        raise InterfaceUnknown(name)
    return found


def interface_links(southbound: Southbound, kernel: Kernel) -> dict[str, Link]:
    """Return where all interfaces are, by logical name, also while the engine retrieves them."""
    known = southbound.metadata(INTERFACES)
    links = {name: found for name, found in known.items() if isinstance(found, Link)}
    return {**links, **kernel.seen}
