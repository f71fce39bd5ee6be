# SPDX-License-Identifier: Apache-2.0
"""Linux networking as descriptors: namespaces, interfaces, addresses, bridge ports, routes.

They share one ``Kernel``, which holds a netlink socket for each namespace in use, for as long as
the engine runs.
"""

from __future__ import annotations

from typing import Any

from kvs_descriptors import netalloc
from kvscheduler import Descriptor

from . import keys
from .interfaces.brought import BroughtDescriptor
from .interfaces.host_interface import HostInterfaceDescriptor
from .interfaces.interface import InterfaceDescriptor
from .iptables import RuleChainDescriptor
from .kernel import Kernel, NamespaceGone
from .l3.address import AddressDescriptor
from .l3.allocated import AllocatedDescriptor
from .l3.arp import ArpDescriptor
from .l3.expected_address import ExpectedAddressDescriptor
from .l3.route import RouteDescriptor
from .links.link import Link
from .membership.member import MemberDescriptor
from .membership.port import PortDescriptor
from .membership.vrf import VrfDescriptor
from .namespaces.microservice import MicroserviceDescriptor
from .namespaces.namespace import NamespaceDescriptor, with_namespaces
from .netlink.channel import Refused

__all__ = [
    "AddressDescriptor",
    "AllocatedDescriptor",
    "ArpDescriptor",
    "BroughtDescriptor",
    "ExpectedAddressDescriptor",
    "HostInterfaceDescriptor",
    "InterfaceDescriptor",
    "Kernel",
    "Link",
    "MemberDescriptor",
    "MicroserviceDescriptor",
    "NamespaceDescriptor",
    "NamespaceGone",
    "PortDescriptor",
    "Refused",
    "RouteDescriptor",
    "RuleChainDescriptor",
    "VrfDescriptor",
    "descriptors",
    "keys",
    "with_namespaces",
]


def descriptors(
    owner: str = "kvs", kernel: Kernel | None = None, *, watch: bool = False
) -> list[Descriptor[Any, Any]]:
    """Return descriptors for all of Linux that is supported, for one engine.

    ``owner`` is written into the marks: give engines that share a machine different ones.
    ``watch``: what others change is noticed and put back, for as long as the engine runs.
    """
    shared = kernel or Kernel(owner)
    interfaces = InterfaceDescriptor(shared)
    return [
        NamespaceDescriptor(shared, watch=watch),
        MicroserviceDescriptor(shared, watch=watch),
        HostInterfaceDescriptor(shared, watch=watch),
        interfaces,
        BroughtDescriptor(interfaces),
        *netalloc.descriptors(),
        AddressDescriptor(shared),
        ExpectedAddressDescriptor(shared),
        AllocatedDescriptor(),
        PortDescriptor(shared),
        MemberDescriptor(shared),
        VrfDescriptor(shared),
        RouteDescriptor(shared),
        ArpDescriptor(shared),
        RuleChainDescriptor(shared),
    ]
