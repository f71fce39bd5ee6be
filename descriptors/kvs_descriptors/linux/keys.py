# SPDX-License-Identifier: Apache-2.0
"""The keys of everything on Linux; the predecessor's are written as it writes them."""

from __future__ import annotations

import ipaddress
import re

from kvs_descriptors.netalloc.reference import is_reference

__all__ = [
    "ADDRESS",
    "ARP",
    "HOST_INTERFACE",
    "INTERFACE",
    "LINK_LOCAL_ROUTE",
    "MICROSERVICE",
    "NAMESPACE",
    "PORT",
    "ROUTE",
    "RULE_CHAIN",
    "STATE",
    "address",
    "address_prefix",
    "arp",
    "existing_address",
    "host_interface",
    "host_interface_address",
    "host_interface_vrf",
    "interface",
    "link_local_route",
    "link_local_route_prefix",
    "member",
    "microservice",
    "namespace",
    "parse_address",
    "parse_existing_address",
    "parse_member",
    "parse_port",
    "parse_state",
    "parse_vrf",
    "port",
    "route",
    "rule_chain",
    "state",
    "vrf",
]

NAMESPACE = "config/linux/ns/v1/namespace/"
INTERFACE = "config/linux/interfaces/v2/interface/"
ARP = "config/linux/l3/v2/arp/"
ROUTE = "config/linux/l3/v2/route/"
RULE_CHAIN = "config/linux/iptables/v2/rulechain/"
LINK_LOCAL_ROUTE = "linux/link-local-route/"
MICROSERVICE = "linux/microservice/"
HOST_INTERFACE = "linux/interface/host-name/"
STATE = "linux/interface/state/"

# Logical names hold no slash (names.py sees to it), so these cannot be mistaken.
ADDRESS = re.compile(r"linux/interface/([^/]+)/address/(?:static|alloc_ref)/(.+)")
EXISTING_ADDRESS = re.compile(r"linux/interface/([^/]+)/address/existing/(.+)")
PORT = re.compile(r"linux/interface/([^/]+)/port/([^/]+)")
MEMBER = re.compile(r"linux/interface/([^/]+)/member/([^/]+)")
VRF = re.compile(r"linux/interface/([^/]+)/vrf/([^/]+)")


def namespace(name: str) -> str:
    """Return the key of a named namespace."""
    return NAMESPACE + name


def microservice(label: str) -> str:
    """Return the key of the fact that a container is there, by its label."""
    return MICROSERVICE + label


def host_interface(host: str) -> str:
    """Return the key of the fact that our own namespace has an interface which is up."""
    return HOST_INTERFACE + host


def host_interface_address(host: str, text: str) -> str:
    """Return the key of an address that it has; with "" what the keys of all start with."""
    return f"{HOST_INTERFACE}{host}/address/{text}"


def host_interface_vrf(host: str, vrf: str) -> str:
    """Return the key of its being in a VRF; with "" what the keys of all start with."""
    return f"{HOST_INTERFACE}{host}/vrf-host-name/{vrf}"


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


def rule_chain(name: str) -> str:
    """Return the key of a chain of packet filter rules, by its logical name."""
    return RULE_CHAIN + name


def state(name: str) -> str:
    """Return the key of the fact that an interface is up."""
    return f"{STATE}{name}/UP"


def parse_state(key: str) -> str:
    """Return the interface that such a key is of, "" for another kind of key."""
    name, slash, up = key.removeprefix(STATE).partition("/")
    return name if key.startswith(STATE) and (slash, up) == ("/", "UP") else ""


def address_prefix(name: str) -> str:
    """Return what the keys of all addresses of an interface start with."""
    return f"linux/interface/{name}/address/"


def address(name: str, text: str) -> str:
    """Return the key of an address of an interface, or of a reference to one."""
    source = "alloc_ref" if is_reference(text) else "static"
    return f"{address_prefix(name)}{source}/{text}"


def existing_address(name: str, text: str) -> str:
    """Return the key of an address that others are to set on an interface of theirs."""
    return f"{address_prefix(name)}existing/{text}"


def parse_address(key: str) -> tuple[str, str] | None:
    """Return the interface, and the address or reference, that a key is of; else None."""
    found = ADDRESS.fullmatch(key)
    return (found[1], found[2]) if found else None


def port(bridge: str, name: str) -> str:
    """Return the key of an interface's being plugged into a bridge."""
    return f"linux/interface/{bridge}/port/{name}"


def parse_port(key: str) -> tuple[str, str] | None:
    """Return the bridge and the port that a key is of, None for another kind of key."""
    found = PORT.fullmatch(key)
    return (found[1], found[2]) if found else None


def parse_existing_address(key: str) -> tuple[str, str] | None:
    """Return the interface and the address that a key is of, None for another kind of key."""
    found = EXISTING_ADDRESS.fullmatch(key)
    return (found[1], found[2]) if found else None


def member(bond: str, name: str) -> str:
    """Return the key of an interface's being one of those that act as one."""
    return f"linux/interface/{bond}/member/{name}"


def parse_member(key: str) -> tuple[str, str] | None:
    """Return the bond and the member that a key is of, None for another kind of key."""
    found = MEMBER.fullmatch(key)
    return (found[1], found[2]) if found else None


def vrf(name: str, master: str) -> str:
    """Return the key of an interface's being in a VRF."""
    return f"linux/interface/{name}/vrf/{master}"


def parse_vrf(key: str) -> tuple[str, str] | None:
    """Return the VRF and the interface that a key is of, None for another kind of key."""
    found = VRF.fullmatch(key)
    return (found[2], found[1]) if found else None


def link_local_route_prefix(out: str) -> str:
    """Return what the keys of all link-local routes over an interface start with."""
    return f"{LINK_LOCAL_ROUTE}{out}/"


def link_local_route(out: str, dst_network: str) -> str:
    """Return the key of the fact that a destination is on the link of an interface."""
    return f"{link_local_route_prefix(out)}dest-address/{dst_network}"
