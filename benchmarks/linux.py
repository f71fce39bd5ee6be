# SPDX-License-Identifier: Apache-2.0
"""Real Linux: veth pairs with alias, address and up, by the engine and by ``ip -batch``."""

from __future__ import annotations

import asyncio
import cProfile
import ipaddress
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kvs_agent.wiring import linux_scheduler
from kvs_descriptors.linux import keys
from ligato.linux.interfaces import interface_pb2
from ligato.linux.namespace import namespace_pb2

from .measure import measure
from .profile import shares
from .table import Row, timing_row

__all__ = ["rows"]

NAMES = (f"kvs-bench-{os.getpid()}-{number}" for number in itertools.count())
# For so long after links have come up the kernel is still at work on them: that is nobody's cost.
SETTLE_S = 3.0
FIRST_ADDRESS = int(ipaddress.IPv4Address("10.0.0.1"))


class Namespaces:
    """Hands out names of network namespaces, and removes those that exist in the end."""

    def __init__(self) -> None:
        self._given: list[str] = []

    def fresh(self) -> str:
        """Return a name that nobody uses."""
        self._given.append(next(NAMES))
        return self._given[-1]

    def remove(self) -> None:
        """Remove what was made; it stays until now because the kernel clears away at leisure."""
        for name in self._given:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ends(pairs: int) -> Iterator[tuple[str, str, str]]:
    """Yield each end's name, its peer's, and its address."""
    for number in range(pairs):
        first = FIRST_ADDRESS + 4 * number
        names = (f"a{number}", f"b{number}")
        for offset, (name, peer) in enumerate((names, names[::-1])):
            yield name, peer, f"{ipaddress.IPv4Address(first + offset)}/30"


def _batch(pairs: int) -> str:
    """Return the input of ``ip -batch``: what must be said, as tersely as ip can."""
    lines = []
    for name, peer, address in _ends(pairs):
        if name < peer:
            lines.append(f"link add {name} type veth peer name {peer}")
        else:
            lines.append(f"link set {peer} alias kvs:{peer} up")
            lines.append(f"link set {name} alias kvs:{name} up")
        lines.append(f"address add {address} dev {name}")
    return "\n".join(lines) + "\n"


def _ip_batch(pairs: int, namespace: str) -> float:
    """Return the seconds that ip takes, its start included."""
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    command = ["ip", "-netns", namespace, "-batch", "-"]
    started = time.perf_counter()
    subprocess.run(command, input=_batch(pairs), text=True, check=True)
    return time.perf_counter() - started


def _values(pairs: int, namespace: str) -> dict[str, object]:
    """Return what to want: the namespace and both ends of each pair."""
    inside = namespace_pb2.NetNamespace(type=namespace_pb2.NetNamespace.NSID, reference=namespace)
    wanted: dict[str, object] = {
        keys.namespace(namespace): namespace_pb2.NamedNamespace(name=namespace)
    }
    for name, peer, address in _ends(pairs):
        wanted[keys.interface(name)] = interface_pb2.Interface(
            name=name,
            type=interface_pb2.Interface.VETH,
            namespace=inside,
            enabled=True,
            ip_addresses=[address],
            veth=interface_pb2.VethLink(peer_if_name=peer),
        )
    return wanted


async def _apply(values: dict[str, object], journal: Path, owner: str) -> float:
    """Return the seconds from nothing to done: start, retrieve, plan, journal, all of it.

    Each run has an owner of its own: what earlier runs have left is not its to remove.
    """
    started = time.perf_counter()
    async with linux_scheduler(journal, owner=owner) as scheduler:
        transaction = scheduler.transaction(resync="full")
        for key, value in values.items():
            transaction.set(key, value)
        result = await transaction.commit()
        elapsed = time.perf_counter() - started
        result.check()
    return elapsed


def _engine(pairs: int, namespace: str) -> float:
    values = _values(pairs, namespace)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_apply(values, Path(folder) / "journal.db", owner=namespace))


def _profiled(pairs: int, namespace: str) -> str:
    """Return where a run's time goes, by part, as one line."""
    profile = cProfile.Profile()
    profile.runcall(_engine, pairs, namespace)
    return ", ".join(f"{part} {share:.0%}" for part, share in shares(profile))


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the figures of both, run in turn."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield Row("Linux", "not measured: needs root and iproute2")
        return
    pairs, repeats = (100, 2) if quick else (1_000, 3)
    namespaces = Namespaces()
    try:
        yield from _rows(pairs, repeats, namespaces)
    finally:
        namespaces.remove()


def _rows(pairs: int, repeats: int, namespaces: Namespaces) -> Iterator[Row]:
    batches: list[float] = []

    def in_turn() -> float:
        time.sleep(SETTLE_S)
        batches.append(_ip_batch(pairs, namespaces.fresh()))
        time.sleep(SETTLE_S)
        return _engine(pairs, namespaces.fresh())

    engine = measure(in_turn, repeats)
    batch = min(batches)
    name = f"{pairs:,} veth pairs"
    yield Row(
        f"{name}, ip -batch", f"{batch:.3g} s", per_operation=f"{batch / pairs * 1e3:.3g} ms"
    )
    yield timing_row(f"{name}, the engine", engine, operations=pairs)
    yield Row(f"{name}, engine against ip", f"{engine.best_s / batch:.2f} x", reach="2.5 x")
    yield Row(f"{name}, where the time goes", _profiled(pairs, namespaces.fresh()))
