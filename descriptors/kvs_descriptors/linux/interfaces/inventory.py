# SPDX-License-Identifier: Apache-2.0
"""What the kernel holds, as values: dumps in, interfaces out; pure but for what it is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kvscheduler import Origin, Retrieved
from ligato.linux.interfaces.interface_pb2 import Interface

from .. import keys
from ..kinds import Bond, Lent, Veth
from ..kinds.kind import Around, copy_of
from ..links import link
from ..links.link import Link
from ..netlink import codec
from ..places import reference
from .lending import LEFT

if TYPE_CHECKING:
    from ..kinds import Kind
    from ..links.lookup import Seen
    from ..links.offloading import Checksums
    from .lending import Lending

__all__ = ["Inventory"]

BOND, VETH = Bond.kernel_name, Veth.kernel_name

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
        lending: Lending,
        seen: Seen,
    ) -> None:
        self._places = places
        self._kinds = kinds
        made = [kind for kind in kinds.values() if not isinstance(kind, Lent)]
        self._by_kernel_name = {kind.kernel_name: kind for kind in made}
        self._prefix = prefix
        self._lending = lending
        self._seen = seen
        self._lent: dict[str, tuple[str, codec.LinkRecord]] = {}
        self._indexed: dict[tuple[str, int], codec.LinkRecord] = {}
        self._checksums: dict[tuple[str, str], Checksums] = {}
        self._marked: dict[str, tuple[str, codec.LinkRecord]] = {}
        self._named: dict[tuple[str, str], codec.LinkRecord] = {}
        # The ends of our cables, by their own index and the other end's.
        self._ends: dict[tuple[int, int], list[_End]] = defaultdict(list)
        self._peers: dict[tuple[str, int], str] = {}
        # Which namespaces the kernel's numbers stand for; each has numbers of its own.
        self._numbered: dict[tuple[str, int | None], str] = {}
        for namespace, links in places.items():
            for found in links:
                self._file(namespace, found)

    def _file(self, place: str, found: codec.LinkRecord) -> None:
        self._named[place, found.name] = found
        self._indexed[place, found.index] = found
        loan = self._lending.loan(found)
        if loan is not None:
            self._lent[loan.mark] = (place, found)
        if found.alias.startswith(self._prefix):
            name = found.alias.removeprefix(self._prefix)
            self._marked[name] = (place, found)
            if found.lower and found.kind == VETH:
                self._ends[found.index, found.lower].append((name, place, found))

    def links(self) -> Iterator[tuple[str, codec.LinkRecord]]:
        """Yield all links with their namespaces."""
        for place, links in self._places.items():
            for one in links:
                yield place, one

    def doubtful(self) -> list[tuple[str, codec.LinkRecord]]:
        """Return our links, with their namespaces, that are tied to one which is not certain.

        Of a cable's end that is the other end. Indexes are unique in one namespace only, so those
        of several cables may be the same. Of a link upon another it is that one, if elsewhere.
        """
        upon = [
            (place, one)
            for place, one in self._marked.values()
            if one.kind != VETH and link.beneath(one) and one.lower_netns_id is not None
        ]
        return upon + [
            (namespace, end)
            for (index, lower), ends in self._ends.items()
            for _, namespace, end in ends
            if len(ends) != 1 + (index == lower)
            or len(self._ends.get((lower, index), ())) != len(ends)
        ]

    def learn(self, namespace: str, end: codec.LinkRecord, alias: str) -> None:
        """Take note of the alias of what a doubtful link is tied to."""
        name = self._peers[namespace, end.index] = self._ours(alias)
        place, other = self._marked.get(name, ("", None))
        if other is not None and other.index == link.beneath(end):
            self._numbered[namespace, end.lower_netns_id] = place

    def infer(self, namespace: str, end: codec.LinkRecord) -> bool:
        """Find out what a doubtful link is tied to, by what was learned of another; or do not."""
        there = self._numbered.get((namespace, end.lower_netns_id))
        other = None if there is None else self._indexed.get((there, link.beneath(end)))
        if other is None or (end.kind == VETH and other.lower != end.index):
            return False
        self._peers[namespace, end.index] = self._ours(other.alias)
        return True

    def _ours(self, alias: str) -> str:
        return alias.removeprefix(self._prefix) if alias.startswith(self._prefix) else ""

    def cables(self) -> dict[str, list[str]]:
        """Return the names in the kernel of all ends of our cables, by namespace."""
        found: dict[str, list[str]] = defaultdict(list)
        for place, one in self._marked.values():
            if one.kind == VETH:
                found[place].append(one.name)
        return found

    def learn_checksums(self, namespace: str, checksums: Mapping[str, Checksums]) -> None:
        """Take note of who sums, by the names in the kernel."""
        for name, both in checksums.items():
            self._checksums[namespace, name] = both

    def _around(self, place: str, found: codec.LinkRecord) -> Around:
        below = self._peer(place, found) if found.kind == VETH else self._beneath(place, found)
        return Around(below, self._checksums.get((place, found.name)))

    def _beneath(self, place: str, found: codec.LinkRecord) -> str:
        """Return the logical name of the link that another one is made upon, "" if not known."""
        index = link.beneath(found)
        if not index or found.lower_netns_id is not None:
            return self._peers.get((place, found.index), "")
        beneath = self._indexed.get((place, index))
        if beneath is not None and beneath.alias.startswith(self._prefix):
            return beneath.alias.removeprefix(self._prefix)
        return self._seen.at(place).get(index, "")

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
        kind = self._kinds.get(wanted.type)
        if isinstance(kind, Lent) and wanted.name not in self._marked:
            return self._expected_loan(key, wanted, kind)
        marked = self._marked.get(wanted.name)
        if marked is not None:
            return self._retrieved(key, wanted, *marked, origin=Origin.NORTHBOUND)
        place = link.namespace_of(wanted)
        found = self._named.get((place, link.host_name(wanted)))
        if found is None or self._is_other(wanted, found):
            return None
        origin = Origin.NORTHBOUND if self._is_half(wanted, found) else Origin.SOUTHBOUND
        return self._retrieved(key, wanted, place, found, origin=origin)

    def _expected_loan(self, key: str, wanted: Interface, kind: Lent) -> Retrieved | None:
        there = self._lent.get(self._lending.mark(wanted.name))
        if there is None and not kind.is_touched(wanted):
            # Nothing is noted on what nothing is done to.
            place = link.namespace_of(wanted)
            found = self._named.get((place, link.host_name(wanted)))
            there = (place, found) if found is not None and found.is_up else None
        if there is None:
            return None
        place, found = there
        value = self._describe_place(wanted, place, found)
        kind.describe_loan(value, found, self._was(found))
        metadata = Link(found.index, place, found.name, found.kind, is_lent=True)
        return Retrieved(key, value, metadata, Origin.NORTHBOUND)

    def _was(self, found: codec.LinkRecord) -> Mapping[str, str]:
        loan = self._lending.loan(found)
        return loan.was if loan else {}

    def loans(self, asked: Iterable[Interface]) -> Iterator[Retrieved]:
        """Yield what is lent to us for none of these."""
        lent = [one for one in asked if isinstance(self._kinds.get(one.type), Lent)]
        wanted = {self._lending.mark(one.name) for one in lent}
        for mark in sorted(self._lent.keys() - wanted):
            place, found = self._lent[mark]
            key = keys.interface(LEFT + mark)
            value = self._describe_place(Interface(name=LEFT + mark), place, found)
            metadata = Link(found.index, place, found.name, found.kind, is_lent=True)
            yield Retrieved(key, value, metadata, Origin.NORTHBOUND)

    def _is_half(self, wanted: Interface, found: codec.LinkRecord) -> bool:
        """Tell whether a link without a mark is the other end of a cable that bears ours.

        Somebody has taken its mark away. It is made anew with that cable: as an end that names no
        other one, ours is not as it is wanted.
        """
        place, other = self._marked.get(wanted.veth.peer_if_name, ("", None))
        if other is None or other.kind != VETH or found.kind != VETH:
            return False
        is_pair = (other.lower, found.lower) == (found.index, other.index)
        return is_pair and not self._peer(place, other)

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
        value = self._describe_place(wanted, place, found)
        kind = self._by_kernel_name.get(found.kind)
        value.type = kind.type if kind else Interface.UNDEFINED
        if found.master_kind != BOND:
            # A bond has its members up, with an MTU and a MAC address that it chooses.
            _describe_settings(value, found, kind)
        if value.ipv4_forwarding and not link.is_forwarding(found):
            value.ipv4_forwarding = False
        if kind is not None:
            kind.describe(value, found, self._around(place, found))
        return value

    @staticmethod
    def _describe_place(wanted: Interface, place: str, found: codec.LinkRecord) -> Interface:
        value = copy_of(wanted)
        if link.host_name(value) != found.name:
            value.host_if_name = found.name
        if link.namespace_of(value) != place:
            value.ClearField("namespace")
            value.namespace.MergeFrom(reference(place))
        return value


def _describe_settings(value: Interface, found: codec.LinkRecord, kind: Kind | None) -> None:
    value.enabled = found.is_up
    is_right = found.mtu == value.mtu
    if not value.mtu:
        is_right = kind is None or kind.is_default_mtu(found.mtu)
    if not is_right:
        value.mtu = found.mtu
    if value.phys_address and value.phys_address.lower() != found.mac:
        value.phys_address = found.mac
