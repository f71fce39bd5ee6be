# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds, as values: dumps in, interfaces out; pure but for what it is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kvscheduler import Origin, Retrieved
from ligato.linux.interfaces.interface_pb2 import Interface

from . import codec, keys, link
from .link import Link
from .places import reference

if TYPE_CHECKING:
    from .kinds import Kind

__all__ = ["Inventory"]


_End = tuple[str, str, codec.LinkRecord]


class Inventory:
    """Finds interfaces among links.

    ``prefix`` is what our marks start with. Links that are not certain have to be asked after:
    see ``doubtful``.
    """

    def __init__(
        self,
        places: Mapping[str, Sequence[codec.LinkRecord]],
        kinds: Mapping[Interface.Type, Kind],
        prefix: str,
    ) -> None:
        self._places = places
        self._kinds = kinds
        self._by_kernel_name = {kind.kernel_name: kind for kind in kinds.values()}
        self._prefix = prefix
        self._marked: dict[str, tuple[str, codec.LinkRecord]] = {}
        self._named: dict[tuple[str, str], codec.LinkRecord] = {}
        # The ends of our cables, by their own index and the other end's.
        self._ends: dict[tuple[int, int], list[_End]] = defaultdict(list)
        self._peers: dict[tuple[str, int], str] = {}
        for namespace, links in places.items():
            for found in links:
                self._file(namespace, found)

    def _file(self, place: str, found: codec.LinkRecord) -> None:
        self._named[place, found.name] = found
        if found.alias.startswith(self._prefix):
            name = found.alias.removeprefix(self._prefix)
            self._marked[name] = (place, found)
            if found.lower:
                self._ends[found.index, found.lower].append((name, place, found))

    def links(self) -> Iterator[tuple[str, codec.LinkRecord]]:
        """Yield all links with their namespaces."""
        for place, links in self._places.items():
            for one in links:
                yield place, one

    def doubtful(self) -> list[tuple[str, codec.LinkRecord]]:
        """Return the ends of cables, with their namespaces, whose other ends are not certain.

        Indexes are unique in one namespace only, so those of several cables may be the same.
        """
        return [
            (namespace, end)
            for (index, lower), ends in self._ends.items()
            for _, namespace, end in ends
            if len(ends) != 1 + (index == lower)
            or len(self._ends.get((lower, index), ())) != len(ends)
        ]

    def learn(self, namespace: str, end: codec.LinkRecord, alias: str) -> None:
        """Take note of the alias of a doubtful end's other end."""
        is_ours = alias.startswith(self._prefix)
        name = alias.removeprefix(self._prefix) if is_ours else ""
        self._peers[namespace, end.index] = name

    def _peer(self, namespace: str, found: codec.LinkRecord) -> str:
        known = self._peers.get((namespace, found.index))
        if known is not None:
            return known
        others = self._ends.get((found.lower, found.index), ())
        return next(
            (name for name, place, one in others if (place, one) != (namespace, found)), ""
        )

    def expected(self, key: str, wanted: Interface) -> Retrieved | None:
        """Return what there is of an expected interface; None where there is nothing.

        What bears its mark is it, wherever it is and whatever its name. What has its name and is
        of its kind, unmarked, is another's: what a crash leaves of ours is in our group.
        """
        marked = self._marked.get(wanted.name)
        if marked is not None:
            return self._retrieved(key, wanted, *marked, origin=Origin.NORTHBOUND)
        place = link.namespace_of(wanted)
        found = self._named.get((place, link.host_name(wanted)))
        if found is None or self._is_other(wanted, found):
            return None
        return self._retrieved(key, wanted, place, found, origin=Origin.SOUTHBOUND)

    def _is_other(self, wanted: Interface, found: codec.LinkRecord) -> bool:
        kind = self._kinds.get(wanted.type)
        bears_mark = found.alias.startswith(self._prefix)
        return bears_mark or kind is None or found.kind != kind.kernel_name

    def unexpected(self, names: Iterable[str]) -> Iterator[Retrieved]:
        """Yield the interfaces that bear our mark and are none of these, by logical name."""
        for name in sorted(self._marked.keys() - set(names)):
            place, found = self._marked[name]
            key = keys.interface(name)
            yield self._retrieved(
                key, Interface(name=name), place, found, origin=Origin.NORTHBOUND
            )

    @staticmethod
    def half_made(place: str, found: codec.LinkRecord, key: str, name: str) -> Retrieved:
        """Return a link that a crash has left half-made: of no type, so it can only be deleted."""
        value = Interface(name=name, host_if_name=found.name)
        if place:
            value.namespace.MergeFrom(reference(place))
        metadata = Link(found.index, place, found.name, found.kind)
        return Retrieved(key, value, metadata, Origin.NORTHBOUND)

    def _retrieved(
        self,
        key: str,
        wanted: Interface,
        place: str,
        found: codec.LinkRecord,
        *,
        origin: Origin,
    ) -> Retrieved:
        value = self._describe(wanted, place, found)
        metadata = Link(found.index, place, found.name, found.kind)
        return Retrieved(key, value, metadata, origin)

    def _describe(self, wanted: Interface, place: str, found: codec.LinkRecord) -> Interface:
        """Return the expected value, with all that is different in the kernel written over.

        Addresses and ports are values themselves, and told by their own descriptors.
        """
        value = Interface()
        value.CopyFrom(wanted)
        kind = self._by_kernel_name.get(found.kind)
        value.type = kind.type if kind else Interface.UNDEFINED
        value.enabled = found.is_up
        if link.host_name(value) != found.name:
            value.host_if_name = found.name
        if link.namespace_of(value) != place:
            value.ClearField("namespace")
            value.namespace.MergeFrom(reference(place))
        default_mtu = kind.default_mtu if kind else None
        if found.mtu != (value.mtu or default_mtu or found.mtu):
            value.mtu = found.mtu
        if value.phys_address and value.phys_address.lower() != found.mac:
            value.phys_address = found.mac
        if value.ipv4_forwarding and not link.is_forwarding(found):
            value.ipv4_forwarding = False
        if kind is not None:
            kind.describe(value, found, self._peer(place, found))
        return value
