# SPDX-License-Identifier: Apache-2.0
"""Where an interface is, by its logical name, and whose name a place and an index stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING

from .link import Link

if TYPE_CHECKING:
    from kvscheduler import Southbound

__all__ = ["InterfaceUnknown", "Seen", "interface_link", "interface_links"]

INTERFACES = "linux-interface"


class InterfaceUnknown(LookupError):
    """The engine knows of no such interface in the kernel."""

    def __str__(self) -> str:
        return f"interface {self.args[0]} is not there"


class Seen(MutableMapping[str, Link]):
    """Where interfaces are, by logical name; and the other way round, by place and index."""

    def __init__(self, links: Mapping[str, Link] | None = None) -> None:
        self._links: dict[str, Link] = {}
        self._names: dict[str, dict[int, str]] = {}
        self.update(links or {})

    def __getitem__(self, name: str) -> Link:
        return self._links[name]

    def __setitem__(self, name: str, found: Link) -> None:
        if name in self._links:
            del self[name]
        self._links[name] = found
        self._names.setdefault(found.namespace, {})[found.index] = name

    def __delitem__(self, name: str) -> None:
        old = self._links.pop(name)
        there = self._names.get(old.namespace, {})
        # The number may have come to stand for another one since.
        if there.get(old.index) == name:
            del there[old.index]
        if not there:
            self._names.pop(old.namespace, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def at(self, place: str) -> Mapping[int, str]:
        """Return the names of the interfaces in a place, by index."""
        return self._names.get(place, {})

    def places(self) -> list[str]:
        """Return the places that hold interfaces."""
        return list(self._names)


def interface_link(southbound: Southbound, name: str) -> Link:
    """Return where an interface is; ``InterfaceUnknown`` where it is not."""
    found = southbound.metadata(INTERFACES).get(name)
    if not isinstance(found, Link):
        raise InterfaceUnknown(name)
    return found


def interface_links(southbound: Southbound, seen: Seen) -> dict[str, Link]:
    """Return where all interfaces are, by logical name, also while the engine retrieves them."""
    known = southbound.metadata(INTERFACES)
    links = {name: found for name, found in known.items() if isinstance(found, Link)}
    return {**links, **seen}
