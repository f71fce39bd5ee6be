# SPDX-License-Identifier: Apache-2.0
"""References to allocated addresses: read, checked, and followed to the address; pure.

``alloc:NETWORK`` is the address that the interface at hand has in a network,
``alloc:NETWORK/INTERFACE`` that of another interface, and with ``/GW`` behind it either is the
gateway instead.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from kvscheduler import Depends, InvalidValue

from . import keys

__all__ = [
    "ALLOCATIONS",
    "PREFIX",
    "Address",
    "Allocation",
    "NotAllocated",
    "Reference",
    "check",
    "find",
    "is_reference",
    "needs",
]

# The descriptor whose metadata are the allocations.
ALLOCATIONS = "netalloc-ip-address"

PREFIX = "alloc:"
GATEWAY = "/GW"

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclasses.dataclass(frozen=True, slots=True)
class Allocation:
    """What has been allocated: address and gateway with their lengths; the gateway may be ""."""

    address: str
    gateway: str = ""


class NotAllocated(LookupError):
    """A reference to what is not allocated."""

    def __str__(self) -> str:
        return f"{self.args[0]} is not allocated"


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """An address by name."""

    network: str
    interface: str
    is_gateway: bool = False

    @classmethod
    def parse(cls, text: str, interface: str = "") -> Reference | None:
        """Return a reference, None for what is none; ``interface`` is the one at hand.

        Anything that starts as a reference is one: ``check`` tells whether it makes sense.
        """
        if not is_reference(text):
            return None
        name = text.removeprefix(PREFIX)
        is_gateway = name.endswith(GATEWAY)
        network, _, named = name.removesuffix(GATEWAY).partition("/")
        return cls(network, named or interface, is_gateway)

    def __str__(self) -> str:
        return self.written_on("")

    def written_on(self, interface: str) -> str:
        """Return it as short as it can be written on an interface, which is how keys have it."""
        named = "" if self.interface == interface else f"/{self.interface}"
        return f"{PREFIX}{self.network}{named}{GATEWAY if self.is_gateway else ''}"

    @property
    def key(self) -> str:
        """The key of what it refers to."""
        return keys.ip(self.network, self.interface)

    def find(self, allocations: Mapping[str, Any]) -> Address:
        """Return the address, out of the metadata of allocations; else raise ``NotAllocated``."""
        found = allocations.get(keys.label(self.network, self.interface))
        text = ""
        if isinstance(found, Allocation):
            text = found.gateway if self.is_gateway else found.address
        if not text:
            raise NotAllocated(str(self))
        return ipaddress.ip_interface(text)


def is_reference(text: str) -> bool:
    """Tell whether a text is meant to be a reference."""
    return text.startswith(PREFIX)


def check(
    text: str,
    *field: str,
    interface: str = "",
    only: str = "",
    is_gateway: bool | None = None,
) -> Reference:
    """Return a reference, refusing one that can lead nowhere.

    ``only`` is the one interface whose addresses make sense here; ``is_gateway`` says which of
    the two is expected, None: either.
    """
    found = Reference.parse(text, only or interface)
    if found is None or not found.network:
        raise InvalidValue(f"not a reference (like {PREFIX}NETWORK/INTERFACE): {text!r}", field)
    if not found.interface:
        raise InvalidValue(f"names no interface: {text!r}", field)
    if only and found.interface != only:
        raise InvalidValue(f"is to an address of another interface than {only}: {text}", field)
    if is_gateway is not None and found.is_gateway != is_gateway:
        wanted = f"a gateway, with {GATEWAY}" if is_gateway else "an address, not a gateway"
        raise InvalidValue(f"expected {wanted}: {text}", field)
    return found


def find(text: str, interface: str, allocations: Mapping[str, Any]) -> Address:
    """Return the address that a text is, or refers to; ``interface`` is the one at hand."""
    found = Reference.parse(text, interface)
    return ipaddress.ip_interface(text) if found is None else found.find(allocations)


def needs(text: str, interface: str = "", prefix: str = "") -> Iterator[Depends]:
    """Yield the allocation if a text is a reference; ``prefix`` is what its label begins with."""
    found = Reference.parse(text, interface)
    if found is not None:
        yield Depends(found.key, prefix + text)
