# SPDX-License-Identifier: Apache-2.0
"""Real Linux at scale: thousands of interfaces in dozens of namespaces, made, read again, gone."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import ipaddress
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from kvs_agent.wiring import linux_scheduler
from kvs_descriptors.linux import with_namespaces
from kvs_descriptors.linux.keys import interface
from kvscheduler import Scheduler
from ligato.linux.interfaces import interface_pb2
from ligato.linux.namespace import namespace_pb2

from .measure import Timing, yardstick
from .profile import shares
from .table import Row, timing_row

__all__ = ["rows"]

OWNER = f"kvs-scale-{os.getpid()}"
FIRST_ADDRESS = int(ipaddress.IPv4Address("10.0.0.1"))
# The kernel gives each link its IPv6 address for a second or two after it has come up.
SETTLE_S = 5.0
REACH = "1 s"


def _values(pairs: int, places: int) -> Mapping[str, object]:
    """Return cables between neighbouring namespaces, both ends with an address."""
    values = {}
    for number in range(pairs):
        names = (f"a{number}", f"b{number}")
        for end, (name, peer) in enumerate((names, names[::-1])):
            address = ipaddress.IPv4Address(FIRST_ADDRESS + 4 * number + end)
            values[interface(name)] = interface_pb2.Interface(
                name=name,
                type=interface_pb2.Interface.VETH,
                namespace=namespace_pb2.NetNamespace(
                    type=namespace_pb2.NetNamespace.NSID,
                    reference=f"{OWNER}-{(number + end) % places}",
                ),
                enabled=True,
                ip_addresses=[f"{address}/30"],
                veth=interface_pb2.VethLink(peer_if_name=peer),
            )
    return with_namespaces(values)


async def _have(scheduler: Scheduler, values: Mapping[str, object]) -> float:
    """Return the seconds that a transaction with a full resync takes."""
    gc.collect()
    started = time.perf_counter()
    transaction = scheduler.transaction(resync="full")
    for key, value in values.items():
        transaction.set(key, value)
    (await transaction.commit()).check()
    return time.perf_counter() - started


@asynccontextmanager
async def _standing(
    values: Mapping[str, object], times: dict[str, list[float]]
) -> AsyncIterator[Scheduler]:
    """Have all of it, and in the end nothing; take the times of both."""
    with tempfile.TemporaryDirectory() as folder:
        async with linux_scheduler(Path(folder) / "journal.db", owner=OWNER) as scheduler:
            times["apply"].append(await _have(scheduler, values))
            try:
                yield scheduler
            finally:
                times["destroy"].append(await _have(scheduler, {}))


async def _measure(
    values: Mapping[str, object], repeats: int
) -> tuple[dict[str, list[float]], str]:
    """Return the times by what was done, and where that of a resync goes."""
    times: dict[str, list[float]] = {"apply": [], "resync": [], "destroy": []}
    async with _standing(values, times) as scheduler:
        await asyncio.sleep(SETTLE_S)
        for _ in range(repeats):
            gc.collect()
            started = time.perf_counter()
            await scheduler.resync("full")
            times["resync"].append(time.perf_counter() - started)
        profile = cProfile.Profile()
        profile.enable()
        await scheduler.resync("full")
        profile.disable()
    return times, ", ".join(f"{part} {share:.0%}" for part, share in shares(profile))


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the figures."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield Row("Linux at scale", "not measured: needs root and iproute2")
        return
    pairs, places, repeats = (100, 5, 2) if quick else (2_500, 50, 5)
    values = _values(pairs, places)
    times, where = asyncio.run(_measure(values, repeats))
    yard_s = min(yardstick() for _ in range(5))
    name = f"{2 * pairs:,} interfaces in {places} namespaces"
    for what, samples in times.items():
        timing = Timing(samples_s=tuple(samples), yardstick_s=yard_s)
        is_resync = what == "resync"
        yield timing_row(
            f"{name}, {'full resync, nothing to do' if is_resync else what}",
            timing,
            operations=0 if is_resync else 2 * pairs,
            reach=REACH if is_resync and not quick else "",
        )
    yield Row(f"{name}, where the resync's time goes", where)
