# SPDX-License-Identifier: Apache-2.0
"""A machine for one test: a namespace of its own to be in, in which others have things, too."""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from kvs_agent.sources.config import Configuration, load_text
from kvs_agent.wiring import MAX_PARALLEL
from kvs_descriptors import linux
from kvs_descriptors.linux import syscalls
from kvscheduler import Scheduler, TransactionResult
from tests.linux.bench import Bench
from tests.linux.showing import Place, Shown, differences, raw, shown
from tests.linux.topologies import OTHERS, THEIRS
from tests.linux.witness import Witness

__all__ = ["Machine", "apply", "have", "in_own_network", "loaded"]

# Without addresses that the kernel makes up, which come and go at their own time.
THEIR_LINKS = """
ip link add name {0} type veth peer name {0}p
ip link set dev {0} addrgenmode none
ip link set dev {0}p addrgenmode none
ip link set dev {0} up
ip link set dev {0}p up
"""
THEIR_NETWORK = """
ip address add 192.0.2.1/24 dev {0}
ip -6 address add 2001:db8:1::1/64 dev {0} nodad
ip route add 198.51.100.0/24 via 192.0.2.9
ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev {0} nud permanent
"""
SETTLED_S = 30.0
PROBE = ("iptables", "-w", "-N", "probe")
THEIR_FILTER = "iptables -A INPUT -s 198.51.100.0/24 -j DROP\n"


def in_own_network(call: Callable[[], None]) -> None:
    """Run a test in a thread that is in a network namespace of its own, as all that it starts."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            syscalls.unshare_network()
            call()
        except BaseException as error:  # noqa: BLE001 - raised again below
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


class Machine:
    """What others have, and an engine that adds to it."""

    def __init__(self, beside: Bench) -> None:
        folder = pathlib.Path(tempfile.mkdtemp(dir=beside.folder.parent))
        self.bench = Bench(folder)
        self.has_filters = not subprocess.run(PROBE, check=False, capture_output=True).returncode
        self._make_theirs()
        self._settle()
        self.before = self.shown()
        self._raw = self._all_raw()

    def _make_theirs(self) -> None:
        path = self.bench.folder / THEIRS
        path.touch()
        subprocess.run(["unshare", f"--net={path}", "true"], check=True)
        ours = "".join(THEIR_LINKS.format(name) for name in OTHERS)
        filters = THEIR_FILTER if self.has_filters else ""
        network = THEIR_NETWORK.format(OTHERS[0])
        self.do("", f"ip link set lo up\n{ours}{network}{filters}")
        far = THEIR_LINKS.format("far") + THEIR_NETWORK.format("far")
        self.do(THEIRS, f"ip link set lo up\n{far}{filters}")

    def _settle(self) -> None:
        """Wait until the kernel has noticed that all of their links are up: it does so later."""
        late = time.monotonic() + SETTLED_S
        for place in ("", THEIRS):
            while any(one["operstate"] != "UP" for one in self._cables(place)):
                assert time.monotonic() < late, self._cables(place)
                time.sleep(0.02)

    def _cables(self, place: str) -> list[dict[str, Any]]:
        links = json.loads(raw(self.bench, place)["ip -j -d link show"])
        return [one for one in links if one["link_type"] == "ether"]

    def clean(self) -> None:
        """Remove all that is left, after a failure."""
        self.bench.clean()
        # What was there before the folder became a mount of its own.
        self.bench.clean()

    def path(self, place: str) -> str:
        """Return the file that stands for a namespace, "" for our own."""
        return self.bench.path(place) if place else ""

    def do(self, place: str, script: str) -> None:
        """Have a shell do something in a namespace, as others would; it knows ``$folder``."""
        enter = ["nsenter", f"--net={self.bench.path(place)}"] if place else []
        command = [*enter, "env", f"folder={self.bench.folder}", "sh", "-ec", script]
        subprocess.run(command, check=True, capture_output=True)

    def shown(self) -> Shown:
        return shown(self.bench, has_filters=self.has_filters)

    def _all_raw(self) -> dict[str, Any]:
        return {place: raw(self.bench, place) for place in ("", THEIRS)}

    def wrong(self, data: dict[str, Any]) -> list[str]:
        """Return what is not as a configuration has it, by the word of a witness."""
        expected = Witness(data, self.bench.kernel.owner, self.before).expected()
        return differences(expected, self.shown())

    def traces(self) -> list[str]:
        """Return what is not as it was before us, of ours or of others: to the byte."""
        found = [
            f"{place or 'here'}: {command}: {before} is now {now}"
            for (place, told), (_, told_now) in zip(
                self._raw.items(), self._all_raw().items(), strict=True
            )
            for (command, before), now in zip(told.items(), told_now.values(), strict=True)
            if before != now
        ]
        return found + differences(self.before, self.shown())

    def scheduler(self, **more: Any) -> Scheduler:
        descriptors = linux.descriptors(kernel=self.bench.kernel)
        return Scheduler(descriptors, max_parallel=MAX_PARALLEL, **more)

    def indexes(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the indexes of links; those that are gone have none."""
        there = self.shown().links
        return {place: there[place]["index"] for place in places if place in there}


def loaded(data: dict[str, Any]) -> Configuration:
    """Return a configuration as if it had been read from a file: JSON is YAML."""
    return load_text(json.dumps(data))


async def apply(scheduler: Scheduler, data: dict[str, Any]) -> TransactionResult:
    """Have just this configuration, which is given as a file is."""
    return await have(scheduler, loaded(data))


async def have(
    scheduler: Scheduler, values: Mapping[str, Message], resync: str | None = "full"
) -> TransactionResult:
    """Have just these values, after a look at all that is there, or trusting in what is known."""
    transaction = scheduler.transaction(resync=resync)
    if resync is None:
        for key in scheduler.values(view="desired").keys() - values.keys():
            transaction.delete(key)
    for key, value in values.items():
        transaction.set(key, value)
    return await transaction.commit()
