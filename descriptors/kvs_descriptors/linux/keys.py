# SPDX-License-Identifier: Apache-2.0
"""The keys of everything on Linux; the predecessor's are written as it writes them."""

from __future__ import annotations

import ipaddress
import re

__all__ = [
    "ADDRESS",
    "ARP",
    "INTERFACE",
    "LINK_LOCAL_ROUTE",
    "MICROSERVICE",
    "NAMESPACE",
    "PORT",
    "ROUTE",
    "address",
    "address_prefix",
    "arp",
    "interface",
    "link_local_route",
    "link_local_route_prefix",
    "microservice",
    "namespace",
    "parse_address",
    "parse_port",
    "port",
    "route",
    "state",
]

NAMESPACE = "config/linux/ns/v1/namespace/"
INTERFACE = "config/linux/interfaces/v2/interface/"
ARP = "config/linux/l3/v2/arp/"
ROUTE = "config/linux/l3/v2/route/"
LINK_LOCAL_ROUTE = "linux/link-local-route/"
MICROSERVICE = "linux/microservice/"

# Logical names hold no slash (names.py sees to it), so these cannot be mistaken.
ADDRESS = re.compile(r"linux/interface/([^/]+)/address/static/(.+)")
PORT = re.compile(r"linux/interface/([^/]+)/port/([^/]+)")


def namespace(name: str) -> str:
    """Return the key of a named namespace."""
    return NAMESPACE + name


def microservice(label: str) -> str:
    """Return the key of the fact that a container is there, by its label."""
    return MICROSERVICE + label


def interface(name: str) -> str:
    """Return the key of an interface, by its logical name."""
    return INTERFACE + name


def arp(out: str, ip_address: str) -> str:
    """Return the key of a fixed neighbour."""
    return f"{ARP}{out}/{ip_address}"


def route(dst_network: str, out: str) -> str:
    """Return the key of a route; a destination that is no network stands in it as it is."""
    try:
        dst = str(ipaddress.ip_network(dst_network, strict=False))
    except ValueError:
        dst = dst_network
    return f"{ROUTE}{dst}/{out}"


def state(name: str) -> str:
    """Return the key of the fact that an interface is up."""
    return f"linux/interface/state/{name}/UP"


def address_prefix(name: str) -> str:
    """Return what the keys of all addresses of an interface start with."""
    return f"linux/interface/{name}/address/"


def address(name: str, text: str) -> str:
    """Return the key of an address of an interface."""
    return f"{address_prefix(name)}static/{text}"


def parse_address(key: str) -> tuple[str, str] | None:
    """Return the interface and the address that a key is of, None for another kind of key."""
    found = ADDRESS.fullmatch(key)
    return (found[1], found[2]) if found else None


def port(bridge: str, name: str) -> str:
    """Return the key of an interface's being plugged into a bridge."""
    return f"linux/interface/{bridge}/port/{name}"


def parse_port(key: str) -> tuple[str, str] | None:
    """Return the bridge and the port that a key is of, None for another kind of key."""
    found = PORT.fullmatch(key)
    return (found[1], found[2]) if found else None


def link_local_route_prefix(out: str) -> str:
    """Return what the keys of all link-local routes over an interface start with."""
    return f"{LINK_LOCAL_ROUTE}{out}/"


def link_local_route(out: str, dst_network: str) -> str:
    """Return the key of the fact that a destination is on the link of an interface."""
    return f"{link_local_route_prefix(out)}dest-address/{dst_network}"
