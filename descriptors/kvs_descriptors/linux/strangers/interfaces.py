# SPDX-License-Identifier: Apache-2.0
"""Links that are to be taken, as values: read as if they bore our mark already; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.interfaces.inventory import Inventory
from kvs_descriptors.linux.kinds import Bond, Bridge, Kind, Lent, Veth, kinds
from kvs_descriptors.linux.kinds.stacked import Stacked
from kvs_descriptors.linux.kinds.vxlan import Vxlan
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.links.link import Link
from kvs_descriptors.linux.links.lookup import Seen as Whereabouts
from kvs_descriptors.linux.netlink import channel, codec
from kvs_descriptors.linux.places import reference
from ligato.linux.interfaces.interface_pb2 import BondLink, BridgeLink, Interface

from .choosing import OTHER_END, VRF, At, Chosen, Seen
from .taken import Message, Taken

if TYPE_CHECKING:
    from kvs_descriptors.linux.interfaces.lending import Lending

    from .sight import Sight

__all__ = ["Reading", "inside", "taken"]

USUAL_MTU = 1500
VXLAN = Vxlan.kernel_name
# linux/if_link.h
IFLA_VXLAN_COLLECT_METADATA = 25
# What a VXLAN takes of its parent's MTU, over IPv4 and IPv6.
VXLAN_OVERHEADS = (50, 70)
# Kinds that have no MAC address, or another link's.
NO_MAC = frozenset({Interface.IPVLAN, Interface.VRF_DEVICE, Interface.LOOPBACK})


class Reading:
    """Reads the links that are chosen; what cannot be read right is left."""

    def __init__(
        self,
        sight: Sight,
        seen: Seen,
        owner: str,
        lending: Lending,
        wanted_inside: Collection[str],
    ) -> None:
        self._wanted_inside = wanted_inside
        self._sight = sight
        self._seen = seen
        self._prefix = link.mark(owner, "")
        self._lending = lending
        self._kinds = kinds()

    def values(self, chosen: Chosen) -> dict[At, Interface]:
        """Return the values; what turns out not to fit is left, and all that needs it."""
        while True:
            values = self._read(chosen)
            wrong = {at: self._why_not(at, values.get(at), chosen) for at in chosen.types}
            if not any(wrong.values()):
                break
            for at, why in wrong.items():
                if why:
                    chosen.leave(at, why)
        for at, value in values.items():
            self._complete(at, value, chosen)
        self._plug(chosen, values)
        return values

    def _read(self, chosen: Chosen) -> dict[At, Interface]:
        names = {name: at for at, name in chosen.names.items() if at in chosen.types}
        inventory = self._inventory(chosen)
        values = {}
        for one in inventory.unexpected(()):
            at = names.get(one.value.name)
            if at is not None:
                is_lent = isinstance(self._kinds[chosen.types[at]], Lent)
                values[at] = self._lent(at, chosen) if is_lent else one.value
        return values

    def _inventory(self, chosen: Chosen) -> Inventory:
        places: dict[str, list[codec.LinkRecord]] = {place: [] for place in self._sight.places}
        for at, body in self._seen.bodies.items():
            name = chosen.names.get(at)
            places[at[0]].append(_Marked(body, self._prefix + name if name else ""))
        inventory = Inventory(places, self._kinds, self._prefix, self._lending, Whereabouts())
        for place, end in inventory.doubtful():
            there = self._sight.beneath(place, end)
            name = chosen.names.get(there) if there else None
            inventory.learn(place, end, self._prefix + name if name else "")
        for place, held in self._sight.places.items():
            inventory.learn_checksums(place, held.checksums)
        return inventory

    def _lent(self, at: At, chosen: Chosen) -> Interface:
        found, kind = self._seen.links[at], self._kinds[chosen.types[at]]
        value = Interface(name=chosen.names[at], type=kind.type, enabled=found.is_up)
        if at[0]:
            value.namespace.MergeFrom(reference(at[0]))
        if kind.type != Interface.LOOPBACK and found.name != value.name:
            value.host_if_name = found.name
        if found.mtu != (kind.default_mtu or USUAL_MTU):
            value.mtu = found.mtu
        return value

    def _why_not(self, at: At, value: Interface | None, chosen: Chosen) -> str:
        found = self._seen.links[at]
        if value is None:
            return "another link bears its mark"
        kind = self._kinds[value.type]
        if isinstance(kind, Lent):
            return self._why_not_inside(at, chosen)
        if isinstance(kind, Veth | Stacked) and link.beneath(found):
            there = self._sight.beneath(at[0], found)
            if there not in chosen.names:
                return self._why_without(there, kind)
        options = found.options()
        if found.kind == VXLAN and any(options.get(IFLA_VXLAN_COLLECT_METADATA, b"")):
            return "a file cannot say external"
        for number, wanted in codec.decode_attributes(b"".join(kind.options(value))).items():
            if not _is_same(options.get(number, b""), wanted):
                return f"a file cannot say all of its options (number {number} of {found.kind})"
        return self._why_not_inside(at, chosen)

    def _why_without(self, there: At | None, kind: Kind) -> str:
        if there is None or there not in self._seen.links:
            return OTHER_END if isinstance(kind, Veth) else "its parent is out of sight"
        what = "its other end" if isinstance(kind, Veth) else "its parent"
        return f"{what}, {self._seen.text(there)}, is not imported"

    def _why_not_inside(self, at: At, chosen: Chosen) -> str:
        """Leave what somebody has plugged into a link of ours, which does not want it."""
        found = self._seen.links[at]
        master = (at[0], found.master)
        key = _KEYS.get(self._seen.links[master].kind) if master in self._seen.ours else None
        if key is None or found.master_kind == VRF or master in chosen.types:
            return ""
        if key(chosen.names[master], chosen.names[at]) in self._wanted_inside:
            return ""
        return f"it is in {self._seen.text(master)}, which does not name it: add it there first"

    # What an inventory does not tell.

    def _complete(self, at: At, value: Interface, chosen: Chosen) -> None:
        found = self._seen.links[at]
        hand_set = self._sight.places[at[0]].hand_set or ()
        has_mac = value.type not in NO_MAC and len(found.mac) == len("00:00:00:00:00:00")
        if has_mac and found.name in hand_set and found.mac != self._mac_beneath(at, found):
            value.phys_address = found.mac
        if link.is_forwarding(found):
            value.ipv4_forwarding = True
        is_chosen = self._kinds[value.type].default_mtu is None
        if is_chosen and value.type != Interface.EXISTING and not self._is_mtu_of_birth(at, found):
            value.mtu = found.mtu
        if found.master_kind == VRF:
            value.vrf_master_interface = chosen.names.get((at[0], found.master), "")

    def _mac_beneath(self, at: At, found: codec.LinkRecord) -> str:
        """Return the MAC address that the link may have from the one that it is made upon."""
        there = None if found.kind == Veth.kernel_name else self._sight.beneath(at[0], found)
        if there is None or there not in self._seen.links:
            return ""
        return self._seen.links[there].mac

    def _is_mtu_of_birth(self, at: At, found: codec.LinkRecord) -> bool:
        """Tell whether the kernel would choose this MTU again."""
        beneath = self._sight.beneath(at[0], found)
        if beneath is not None and beneath in self._seen.links:
            least = {self._seen.links[beneath].mtu}
        else:
            inside = [self._seen.links[one].mtu for one in self._seen.inside.get(at, ())]
            least = {min(inside)} if inside else {USUAL_MTU}
        if found.kind == VXLAN and beneath is not None:
            (mtu,) = least
            least = {mtu - taken for taken in VXLAN_OVERHEADS}
        return found.mtu in least

    def _plug(self, chosen: Chosen, values: Mapping[At, Interface]) -> None:
        for at, value in values.items():
            inside = self._seen.inside.get(at, ())
            names = [chosen.names[one] for one in inside if one in chosen.names]
            if value.type == Interface.BRIDGE:
                value.bridge.ports.extend(BridgeLink.Port(name=one) for one in sorted(names))
            elif value.type == Interface.BOND:
                value.bond.members.extend(BondLink.Member(name=one) for one in sorted(names))


class _Marked(codec.LinkRecord):
    """A link as it would be if it bore a mark."""

    def __init__(self, body: bytes, alias: str) -> None:
        super().__init__(body)
        self._alias = alias

    @property
    def alias(self) -> str:
        """The alias that it is to have."""
        return self._alias


def _is_same(found: bytes, wanted: bytes) -> bool:
    if len(found) == len(wanted):
        return found == wanted
    return codec.to_number(found) == codec.to_number(wanted)


def taken(at: At, name: str, found: codec.LinkRecord, owner: str, ipv4: int) -> Taken:
    """Return how a link is marked; ``ipv4`` is how many addresses of IPv4 it has.

    Of several the first must not take the others along when it goes.
    """
    keep, was = [], []
    promoting = link.IPV4_DEVCONF_PROMOTE_SECONDARIES
    if ipv4 > 1 and not link.read_ipv4_setting(found, promoting):
        keep = [link.ipv4_setting(promoting, 1)]
        was = [link.ipv4_setting(promoting, 0)]
    mark = [codec.text(codec.IFLA_IFALIAS, link.mark(owner, name)), *keep]
    raw = found.attributes.get(codec.IFLA_IFALIAS, b"").rstrip(b"\0")
    unmark = [codec.attribute(codec.IFLA_IFALIAS, raw), *was]
    return Taken(
        place=at[0],
        mark=_message(mark, found.index),
        unmark=(_message(unmark, found.index),),
        link=Link(found.index, at[0], found.name, found.kind),
        alias=found.alias,
    )


def _message(attributes: list[bytes], index: int) -> Message:
    return Message(channel.RTM_NEWLINK, 0, codec.link_body(attributes, index=index))


def inside(seen: Seen, names: Mapping[At, str]) -> Iterator[str]:
    """Yield the keys of what is plugged into what, among links with logical names."""
    for master, members in seen.inside.items():
        key = _KEYS.get(seen.links[master].kind) if master in seen.links else None
        for member in members:
            if key is not None and master in names and member in names:
                yield key(names[master], names[member])


_KEYS: dict[str, Callable[[str, str], str]] = {
    Bridge.kernel_name: keys.port,
    Bond.kernel_name: keys.member,
    VRF: lambda master, member: keys.vrf(member, master),
}
