# SPDX-License-Identifier: Apache-2.0
"""Interfaces of each kind for the tests of kinds, and an engine to have them made by."""

from __future__ import annotations

import subprocess
from typing import Any

from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux import with_namespaces
from kvscheduler import Scheduler, TransactionResult
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench, key_of, reference


def engine(bench: Bench, **more: Any) -> Scheduler:
    return Scheduler(linux.descriptors(kernel=bench.kernel), **more)


async def apply(scheduler: Scheduler, *values: Message, **more: Any) -> TransactionResult:
    """Have these values, the namespaces that they name, and nothing else."""
    transaction = scheduler.transaction(resync="full", **more)
    for key, value in with_namespaces({key_of(one): one for one in values}).items():
        transaction.set(key, value)
    return await transaction.commit()


def of_kind(kind: str, name: str, where: str = "", *addresses: str, **more: Any) -> Interface:
    """Return an interface of a kind, up if nothing else is said."""
    return Interface(
        name=name,
        type=kind,
        enabled=more.pop("enabled", True),
        namespace=reference(where),
        ip_addresses=addresses,
        **more,
    )


def has_kind(kind: str) -> bool:
    """Tell whether this kernel has a kind of link, by making one where nobody sees it."""
    upon = {"vlan": "id 5", "ipvlan": "mode l2", "macvlan": "mode bridge"}.get(kind)
    options = {"vrf": "table 5", "vxlan": "id 5 dstport 4789"}.get(kind, "")
    command = f"ip link add name x type {kind} {options}"
    if upon:
        command = f"ip link add name p type bridge && ip link add link p name x type {kind} {upon}"
    shell = ["unshare", "-n", "sh", "-c", command]
    return subprocess.run(shell, check=False, capture_output=True).returncode == 0
