# SPDX-License-Identifier: Apache-2.0
"""Which parts of a configuration are values, and under which keys; a new kind is one more line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors import netalloc
from kvs_descriptors.linux import keys
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.iptables.iptables_pb2 import RuleChain
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from ligato.netalloc.netalloc_pb2 import IPAllocation

__all__ = ["MODELS", "Model"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One kind of value: where it stands below the root, and what its key is made of."""

    section: str
    field: str
    message: type[Message]
    needed: tuple[str, ...]
    key: Callable[[Any], str]


MODELS = (
    Model(
        section="netalloc_config",
        field="ip_addresses",
        message=IPAllocation,
        needed=("network_name", "interface_name", "address"),
        key=lambda value: netalloc.keys.ip(value.network_name, value.interface_name),
    ),
    Model(
        section="linux_config",
        field="interfaces",
        message=Interface,
        needed=("name",),
        key=lambda value: keys.interface(value.name),
    ),
    Model(
        section="linux_config",
        field="arp_entries",
        message=ARPEntry,
        needed=("interface", "ip_address"),
        key=lambda value: keys.arp(value.interface, value.ip_address),
    ),
    Model(
        section="linux_config",
        field="routes",
        message=Route,
        needed=("outgoing_interface", "dst_network"),
        key=lambda value: keys.route(value.dst_network, value.outgoing_interface),
    ),
    Model(
        section="linux_config",
        field="rule_chains",
        message=RuleChain,
        needed=("name",),
        key=lambda value: keys.rule_chain(value.name),
    ),
)
