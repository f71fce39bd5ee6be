# SPDX-License-Identifier: Apache-2.0
"""Bonds: several interfaces that act as one; each member is a derived value."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from kvs_descriptors.linux import keys, names
from kvs_descriptors.linux.netlink import codec
from kvscheduler import Derived, InvalidValue
from ligato.linux.interfaces.interface_pb2 import BondLink, Interface

from .kind import Around, Kind

__all__ = ["Bond"]

# linux/if_link.h
IFLA_BOND_MODE, IFLA_BOND_MIIMON = 1, 3
DEFAULT_MIIMON_MS, MAX_MIIMON_MS = 100, 3_600_000
# The kernel's numbers for the modes are the messages' (linux/if_bonding.h).
_MODE_OF = {
    0: BondLink.BALANCE_RR,
    1: BondLink.ACTIVE_BACKUP,
    2: BondLink.BALANCE_XOR,
    3: BondLink.BROADCAST,
    4: BondLink.LACP,
    5: BondLink.BALANCE_TLB,
    6: BondLink.BALANCE_ALB,
}


class Bond(Kind):
    """Several interfaces that act as one."""

    type = Interface.BOND
    kernel_name = "bond"
    field = "bond"

    def validate(self, value: Interface) -> None:
        """Refuse a member that is named twice, and times that nobody can mean."""
        seen: set[str] = set()
        for index, member in enumerate(value.bond.members):
            where = ("bond", f"members[{index}]", "name")
            names.check_logical_name(member.name, *where)
            if member.name in seen or member.name == value.name:
                text = f"{member.name} cannot be a member, or is one already"
                raise InvalidValue(text, where)
            seen.add(member.name)
        if value.bond.mode not in _MODE_OF:
            raise InvalidValue("no such mode", ("bond", "mode"))
        if value.bond.miimon_ms > MAX_MIIMON_MS:
            raise InvalidValue(f"at most {MAX_MIIMON_MS} ms", ("bond", "miimon_ms"))

    def derived(self, value: Interface) -> Iterable[Derived]:
        """Bring along the members."""
        return [Derived(keys.member(value.name, one.name), Empty()) for one in value.bond.members]

    def requires_recreate(self, old: Interface, new: Interface) -> bool:
        """Take a new link for another mode: the kernel changes none that has members."""
        return old.bond.mode != new.bond.mode

    def normalize(self, value: Interface) -> None:
        """Members have no order; no interval is the default one."""
        members = sorted(one.name for one in value.bond.members)
        del value.bond.members[:]
        value.bond.members.extend(BondLink.Member(name=name) for name in members)
        value.bond.miimon_ms = value.bond.miimon_ms or DEFAULT_MIIMON_MS

    def options(self, value: Interface) -> list[bytes]:
        """Return mode and interval."""
        return [codec.byte(IFLA_BOND_MODE, value.bond.mode), self._interval(value)]

    def changes(self, value: Interface) -> list[bytes]:
        """Return the interval."""
        return [self.info_with([self._interval(value)])]

    @staticmethod
    def _interval(value: Interface) -> bytes:
        return codec.number(IFLA_BOND_MIIMON, value.bond.miimon_ms or DEFAULT_MIIMON_MS)

    def describe(self, value: Interface, found: codec.LinkRecord, around: Around) -> None:
        """Tell mode and interval."""
        options = found.options()
        mode = codec.to_number(options.get(IFLA_BOND_MODE, b""))
        if mode != value.bond.mode:
            value.bond.mode = _MODE_OF.get(mode, BondLink.BALANCE_RR)
        interval = codec.to_number(options.get(IFLA_BOND_MIIMON, b""))
        if interval != (value.bond.miimon_ms or DEFAULT_MIIMON_MS):
            value.bond.miimon_ms = interval
