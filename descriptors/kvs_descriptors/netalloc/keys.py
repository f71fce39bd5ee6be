# SPDX-License-Identifier: Apache-2.0
"""The keys of allocated addresses; the predecessor's are written as it writes them."""

from __future__ import annotations

import re

__all__ = [
    "ADDRESS",
    "IP",
    "address",
    "address_prefix",
    "ip",
    "label",
    "neighbour_gateway",
    "parse_address",
    "parse_label",
]

IP = "config/netalloc/v1/ip/"
ADDRESS = "netalloc/address/"

# A network's name and an address hold no slash, so that even an interface's may.
_ADDRESS = re.compile(r"netalloc/address/interface/(.+)/network/([^/]+)/([^/]+/\d+)")

_LABEL = re.compile(r"network/([^/]+)/interface/(.+)")


def label(network: str, interface: str) -> str:
    """Return under which name an allocation's metadata is found."""
    return f"network/{network}/interface/{interface}"


def ip(network: str, interface: str) -> str:
    """Return the key of the address that is allocated to an interface in a network."""
    return IP + label(network, interface)


def parse_label(text: str) -> tuple[str, str] | None:
    """Return network and interface of an allocation, by the name of its metadata."""
    found = _LABEL.fullmatch(text)
    return (found[1], found[2]) if found else None


def neighbour_gateway(network: str, interface: str) -> str:
    """Return the key of the fact that the gateway is in the network of the address."""
    return f"netalloc/neigh-gw/{label(network, interface)}"


def address_prefix(interface: str) -> str:
    """Return what the keys of all addresses start with that are allocated to an interface."""
    return f"{ADDRESS}interface/{interface}/network/"


def address(network: str, interface: str, text: str) -> str:
    """Return the key that says what the address is."""
    return f"{address_prefix(interface)}{network}/{text}"


def parse_address(key: str) -> tuple[str, str, str] | None:
    """Return network, interface and address that a key is of, None for another kind of key."""
    found = _ADDRESS.fullmatch(key)
    return (found[2], found[1], found[3]) if found else None
