# SPDX-License-Identifier: Apache-2.0
"""Linux networking as descriptors: namespaces, interfaces, addresses, bridge ports, routes.

They share one ``Kernel``, which holds a netlink socket for each namespace in use, for as long as
the engine runs.
"""

from __future__ import annotations

from typing import Any

from kvscheduler import Descriptor

from . import keys
from .address import AddressDescriptor
from .channel import Refused
from .interface import InterfaceDescriptor
from .kernel import Kernel, NamespaceGone
from .link import Link
from .namespace import NamespaceDescriptor, with_namespaces
from .port import PortDescriptor
from .route import RouteDescriptor

__all__ = [
    "AddressDescriptor",
    "InterfaceDescriptor",
    "Kernel",
    "Link",
    "NamespaceDescriptor",
    "NamespaceGone",
    "PortDescriptor",
    "Refused",
    "RouteDescriptor",
    "descriptors",
    "keys",
    "with_namespaces",
]


def descriptors(owner: str = "kvs", kernel: Kernel | None = None) -> list[Descriptor[Any, Any]]:
    """Return descriptors for all of Linux that is supported, for one engine.

    ``owner`` is written into the marks: give engines that share a machine different ones.
    """
    shared = kernel or Kernel(owner)
    return [
        NamespaceDescriptor(shared),
        InterfaceDescriptor(shared),
        AddressDescriptor(shared),
        PortDescriptor(shared),
        RouteDescriptor(shared),
    ]
