# SPDX-License-Identifier: Apache-2.0
"""What is to be configured on the interface of a connection; how, its own southbound knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from kvs_proto.cnf.nsm.nsm_pb2 import ConnectionInterfaceType
from kvscheduler import Derived

__all__ = ["Interface", "InterfaceWish", "unconfigured"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceWish:
    """An interface that others make, as a client or an endpoint wants it.

    ``name`` is its name, in the kernel as well; ``made_by`` is the key of what makes it, which it
    has to wait for. Without ``phys_address`` it keeps the one that it has.
    """

    name: str
    made_by: str
    ip_addresses: tuple[str, ...]
    phys_address: str
    interface_type: ConnectionInterfaceType


# Returns all that is derived for a wish: whoever puts an agent together knows who configures
# interfaces there. Nothing, where nobody does.
Interface = Callable[[InterfaceWish], Iterable[Derived]]


def unconfigured(_: InterfaceWish) -> Iterable[Derived]:
    """Leave the interface as it comes."""
    return ()
