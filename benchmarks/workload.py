# SPDX-License-Identifier: Apache-2.0
"""The predecessor's scale workload: n loopbacks, and a bridge domain that derives n members."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from kvscheduler import Depends, Derived, Descriptor, Origin, Retrieved

__all__ = ["BRIDGE_DOMAIN", "Loopback", "descriptors", "operations", "values"]

INTERFACES = "bench/interface/"
BRIDGE_DOMAINS = "bench/bd/"
MEMBERS = "bench/member/"
BRIDGE_DOMAIN = f"{BRIDGE_DOMAINS}bd1"


@dataclasses.dataclass(frozen=True, slots=True)
class Loopback:
    """An interface that needs nothing."""

    name: str
    mtu: int = 1500


@dataclasses.dataclass(frozen=True, slots=True)
class BridgeDomain:
    """A group of interfaces; each becomes a derived value."""

    name: str
    interfaces: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """An interface's place in a bridge domain."""

    interface: str


class InterfaceDescriptor(Descriptor[Loopback, int]):
    """Keeps loopbacks in a dictionary and hands out indexes."""

    name = "interface"
    key_prefix = INTERFACES

    def __init__(self) -> None:
        self.made: dict[str, Loopback] = {}

    def create(self, key: str, value: Loopback) -> int:
        """Add it."""
        self.made[key] = value
        return len(self.made)

    def update(self, key: str, old: Loopback, new: Loopback, metadata: int | None) -> None:
        """Replace it."""
        self.made[key] = new

    def delete(self, key: str, value: Loopback, metadata: int | None) -> None:
        """Remove it."""
        del self.made[key]

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterator[Retrieved]:
        """Return what is there."""
        for number, (key, value) in enumerate(list(self.made.items())):
            yield Retrieved(key, value, number, Origin.NORTHBOUND)


class BridgeDomainDescriptor(Descriptor[BridgeDomain, None]):
    """Derives one member for each interface of the bridge domain."""

    name = "bd"
    key_prefix = BRIDGE_DOMAINS

    def __init__(self) -> None:
        self.made: dict[str, BridgeDomain] = {}

    def derived(self, key: str, value: BridgeDomain) -> Iterable[Derived]:
        """Return the members."""
        return [Derived(MEMBERS + name, Member(name)) for name in value.interfaces]

    def create(self, key: str, value: BridgeDomain) -> None:
        """Add it."""
        self.made[key] = value

    def update(self, key: str, old: BridgeDomain, new: BridgeDomain, metadata: None) -> None:
        """Replace it."""
        self.made[key] = new

    def delete(self, key: str, value: BridgeDomain, metadata: None) -> None:
        """Remove it."""
        del self.made[key]

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterator[Retrieved]:
        """Return what is there."""
        for key, value in list(self.made.items()):
            yield Retrieved(key, value, None, Origin.NORTHBOUND)


class MemberDescriptor(Descriptor[Member, None]):
    """Puts an interface into its bridge domain once the interface is there."""

    name = "member"
    key_prefix = MEMBERS

    def __init__(self) -> None:
        self.made: dict[str, Member] = {}

    def dependencies(self, key: str, value: Member) -> Iterable[Depends]:
        """Return the interface."""
        return (Depends(INTERFACES + value.interface),)

    def create(self, key: str, value: Member) -> None:
        """Add it."""
        self.made[key] = value

    def delete(self, key: str, value: Member, metadata: None) -> None:
        """Remove it."""
        del self.made[key]


def descriptors() -> list[
    Descriptor[Loopback, int] | Descriptor[BridgeDomain, None] | Descriptor[Member, None]
]:
    """Return a southbound of its own, empty."""
    return [InterfaceDescriptor(), BridgeDomainDescriptor(), MemberDescriptor()]


def values(count: int) -> dict[str, Loopback | BridgeDomain]:
    """Return what to want: so many loopbacks and the bridge domain over them."""
    names = tuple(f"loop{number}" for number in range(count))
    wanted: dict[str, Loopback | BridgeDomain] = {
        INTERFACES + name: Loopback(name) for name in names
    }
    wanted[BRIDGE_DOMAIN] = BridgeDomain("bd1", names)
    return wanted


def operations(count: int) -> int:
    """Return how many operations make the values: interfaces, members, the bridge domain."""
    return 2 * count + 1
