# SPDX-License-Identifier: Apache-2.0
"""Which engine with which descriptors: the one place where they meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import kvs_agent.models  # noqa: F401 - loads the classes that a journal can hold
from kvs_descriptors import linux
from kvs_descriptors.nsm.interfaces import Interface, InterfaceWish
from kvs_proto.cnf.nsm.nsm_pb2 import MEM_INTERFACE
from kvscheduler import Derived, Descriptor, Scheduler
from ligato.linux.interfaces.interface_pb2 import Interface as LinuxInterface

__all__ = ["DEADLINE_S", "MAX_PARALLEL", "linux_interface", "linux_scheduler"]

# Both ends of a cable should be under way together, and the kernel answers at once: what limits
# the requests in flight is each namespace's socket, not this.
MAX_PARALLEL = 1024
DEADLINE_S = 30.0


def linux_scheduler(
    state: Path | None,
    *,
    owner: str = "kvs",
    max_parallel: int = MAX_PARALLEL,
    deadline_s: float = DEADLINE_S,
    watch: bool = False,
) -> Scheduler:
    """Return an engine for this machine's networking that begins nothing by itself.

    It takes up what the journal in ``state`` says, and changes the system only when told to. A
    journal can hold every value that files can, so all their classes are loaded. What another
    ``owner`` has made on this machine is a stranger's. ``watch``: what drifts is put back at once.
    """
    return Scheduler(
        linux.descriptors(owner, watch=watch),
        journal=state,
        recover=False,
        max_parallel=max_parallel,
        deadline_s=deadline_s,
    )


def linux_interface(descriptors: Iterable[Descriptor[Any, Any]]) -> Interface:
    """Return how interfaces that a mesh makes are configured by the Linux among descriptors."""
    brought = next(one for one in descriptors if isinstance(one, linux.BroughtDescriptor))

    def interface(wish: InterfaceWish) -> Iterator[Derived]:
        if wish.interface_type == MEM_INTERFACE:
            return  # VPP's to configure
        value = LinuxInterface(
            name=wish.name,
            type=LinuxInterface.EXISTING,
            enabled=True,
            host_if_name=wish.name,
            ip_addresses=wish.ip_addresses,
            phys_address=wish.phys_address,
            made_by=wish.made_by,
        )
        yield from brought.bring(value)

    return interface
