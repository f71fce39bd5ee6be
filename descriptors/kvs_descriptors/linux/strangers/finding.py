# SPDX-License-Identifier: Apache-2.0
"""What there is that others made: as values, each with the way to mark it, and what is left."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.interfaces.lending import Lending
from kvs_descriptors.linux.kinds import Lent, kinds
from kvs_descriptors.linux.kinds.kind import copy_of
from kvs_descriptors.linux.netlink import codec
from kvscheduler import Derived
from ligato.linux.interfaces.interface_pb2 import Interface

from . import choosing, interfaces, near, routes
from .addresses import Address, addresses
from .choosing import VRF, At, Chosen, Left, Request, Seen
from .interfaces import Reading
from .sight import Sight, look
from .taken import Taken
from .unsaid import unsaid

if TYPE_CHECKING:
    from kvs_descriptors.linux.kernel import Kernel

__all__ = ["Findings", "Left", "Request", "find", "understand"]

# linux/if_link.h
IFLA_VRF_TABLE = 1
IPV4_MARK = "."


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """Values by key; how those that bear no mark yet are marked; what is plugged in already.

    ``left`` is what stays as it is and why, ``notes`` what of the values no value says.
    """

    values: Mapping[str, Message]
    taken: Mapping[str, Taken]
    inside: frozenset[str]
    left: tuple[Left, ...]
    notes: tuple[Left, ...]

    def without(self, dropped: Mapping[str, str]) -> Findings:
        """Return these without some keys, which are left for the reasons given."""
        left = [Left(_name_of(key, self.values[key]), why) for key, why in dropped.items()]
        names = {_name_of(key, self.values[key]) for key in dropped}
        return dataclasses.replace(
            self,
            values={
                key: _unplugged(one, names)
                for key, one in self.values.items()
                if key not in dropped
            },
            taken={key: one for key, one in self.taken.items() if key not in dropped},
            left=(*self.left, *left),
        )


async def find(
    kernel: Kernel, places: Iterable[str], request: Request, wanted: Mapping[str, Message]
) -> Findings:
    """Read namespaces, ours and others', and say what there is that is not wanted yet."""
    return understand(await look(kernel, places), kernel, request, wanted)


def understand(
    sight: Sight, kernel: Kernel, request: Request, wanted: Mapping[str, Message]
) -> Findings:
    """Say what there is in what has been read; pure."""
    return _Finder(sight, kernel, request, wanted).findings()


class _Finder:
    """Goes through links, addresses, routes and neighbours; what it was given does not change."""

    def __init__(
        self, sight: Sight, kernel: Kernel, request: Request, wanted: Mapping[str, Message]
    ) -> None:
        self._sight = sight
        self._request = request
        self._wanted = wanted
        self._owner = kernel.owner
        self._kinds = kinds()
        self._lending = Lending(kernel)
        self._values: dict[str, Any] = {}
        self._taken: dict[str, Taken] = {}
        self._left: list[Left] = []

    def findings(self) -> Findings:
        """Return all of it."""
        known = [one for one in self._wanted.values() if isinstance(one, Interface)]
        seen = choosing.look(self._sight, self._owner, self._lending, known)
        set_by_hand = self._addresses(seen)
        said = {at for at, some in set_by_hand.items() if any(not one.why_not for one in some)}
        chosen = choosing.choose(self._sight, seen, self._request, known, self._owner, said)
        ports = {one.key for value in known for one in self._ports(value)}
        reading = Reading(self._sight, seen, self._owner, self._lending, ports)
        values = reading.values(chosen)
        for at, value in values.items():
            self._interface(at, value, seen, set_by_hand[at])
        self._left += [Left(seen.text(at), why) for at, why in sorted(chosen.left.items())]
        for place in self._sight.places:
            self._over(place, seen, chosen)
        return Findings(
            self._values,
            self._taken,
            frozenset(interfaces.inside(seen, chosen.names)),
            tuple(self._left),
            tuple(unsaid(self._sight, seen, chosen)),
        )

    def _ports(self, value: Interface) -> Iterable[Derived]:
        kind = self._kinds.get(value.type)
        return kind.derived(value) if kind is not None else ()

    def _addresses(self, seen: Seen) -> Mapping[At, list[Address]]:
        found: dict[At, list[Address]] = defaultdict(list)
        for place, there in self._sight.places.items():
            links = {index: one.name for index, one in seen.at(place).items()}
            for one in addresses(place, there.addresses, links):
                found[place, one.index].append(one)
        return found

    def _add(self, key: str, value: Any, taken: Taken | None, what: str) -> bool:
        """Take a value in; tell whether it could be, as another may be wanted in its place."""
        value.protected = self._request.protected
        there = self._wanted.get(key)
        if there is not None and there != value:
            why = f"{key} is wanted already, and is not this: kvsctl diff tells the difference"
            self._left.append(Left(what, why))
            return False
        self._values[key] = value
        if taken is not None:
            self._taken[key] = taken
        return True

    def _interface(self, at: At, value: Interface, seen: Seen, there: list[Address]) -> None:
        is_lent = isinstance(self._kinds[value.type], Lent)
        said = [one for one in there if not one.why_not]
        value.ip_addresses.extend(one.text for one in said)
        name = seen.text(at)
        for one in there:
            if one.why_not:
                self._left.append(Left(f"address {one.text} of {name}", one.why_not))
        found, ipv4 = seen.links[at], sum(1 for one in said if IPV4_MARK in one.text)
        mark = interfaces.taken(at, value.name, found, self._owner, ipv4)
        taken = None if is_lent else mark
        if self._add(keys.interface(value.name), value, taken, name) and not is_lent:
            # What was on a borrowed link before stays when that is given back, so it is not ours.
            for one in said:
                if one.taken is not None:
                    self._taken[keys.address(value.name, one.text)] = one.taken

    # Routes and neighbours.

    def _over(self, place: str, seen: Seen, chosen: Chosen) -> None:
        there = self._sight.places[place]
        outs = {at[1]: name for at, name in self._outs(chosen, seen).items() if at[0] == place}
        tables = _tables(seen.at(place))
        found: list[routes.Found | near.Found] = [
            *routes.routes(place, there.routes, outs, tables),
            *near.near(place, there.neighbours, outs),
        ]
        for one in found:
            at = (place, one.index)
            # Nothing is said of what nobody has asked for.
            if chosen.meant is None or at in chosen.meant or at in chosen.left:
                self._take_over(one, at, seen)

    def _outs(self, chosen: Chosen, seen: Seen) -> dict[At, str]:
        return {
            at: name
            for at, name in chosen.names.items()
            if at in seen.ours or keys.interface(name) in self._values
        }

    def _take_over(self, one: routes.Found | near.Found, at: At, seen: Seen) -> None:
        out = seen.text(at) if at in seen.links else "no link"
        what = f"{one.text} over {out}"
        if one.value is None:
            self._left.append(Left(what, one.why_not or f"{out} is not imported"))
            return
        if one.taken is None and not self._request.everything:
            return
        key = _key(one.value)
        if key in self._values:
            self._left.append(Left(what, "one with another metric is imported, and has its key"))
        else:
            self._add(key, one.value, one.taken, what)


def _key(value: Any) -> str:
    if hasattr(value, "dst_network"):
        return keys.route(value.dst_network, value.outgoing_interface)
    return keys.arp(value.interface, value.ip_address)


def _tables(links: Mapping[int, codec.LinkRecord]) -> dict[int, int]:
    """Return the tables for routes over the links that are in a VRF, by index."""
    inside = {index: links.get(one.master) for index, one in links.items()}
    return {
        index: codec.to_number(master.options().get(IFLA_VRF_TABLE, b""))
        for index, master in inside.items()
        if master is not None and master.kind == VRF
    }


def _unplugged(value: Message, names: Collection[str]) -> Message:
    """Return a value that names none of these among what is plugged into it."""
    if not isinstance(value, Interface) or value.type not in {Interface.BRIDGE, Interface.BOND}:
        return value
    kept = copy_of(value)
    part: Any = kept.bridge.ports if value.type == Interface.BRIDGE else kept.bond.members
    for one in [one for one in part if one.name in names]:
        part.remove(one)
    return kept


def _name_of(key: str, value: Message) -> str:
    return value.name if isinstance(value, Interface) else key
