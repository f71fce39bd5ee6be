# SPDX-License-Identifier: Apache-2.0
"""Killed while any of its iptables runs, and started again at once, the engine ends right.

Run as a program it does the work of one test, as it forks, which pytest had better not do.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from google.protobuf.message import Message

from kvs_descriptors import linux
from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.iptables import RuleChainDescriptor
from kvs_descriptors.linux.kernel import Kernel
from kvscheduler import Descriptor, Scheduler, failpoints
from ligato.linux.iptables.iptables_pb2 import RuleChain
from tests.linux.bench import key_of, namespace
from tests.linux.crash_points import forked, tell
from tests.linux.filters import VARIANTS, chain, custom, needs

OTHERS = ("-A", "INPUT", "-s", "192.0.2.1", "-j", "ACCEPT")
OLD = [
    namespace("n"),
    chain("in", "n", "-p tcp -j z", "-s 10.0.0.1 -j DROP", default_policy=RuleChain.DROP),
    custom("z", "n", "-s 10.0.0.2 -j RETURN"),
]
NEW = [namespace("n"), chain("in", "n", "-s 10.0.0.9 -j DROP", default_policy=RuleChain.DROP)]
# What stands before, what is killed on its way, and what the next engine has to make of it.
PHASES = {
    "create": (OLD[:1], OLD, OLD),
    "create then not": (OLD[:1], OLD, OLD[:1]),
    "update": (OLD, NEW, NEW),
    "update then not": (OLD, NEW, OLD),
    "delete": (OLD, OLD[:1], OLD[:1]),
    "delete then not": (OLD, OLD[:1], OLD),
}

# All of them take a minute, and run where somebody searches longer.
FEW = [("nft", "update then not"), ("legacy", "create then not")]
ALL = [(variant, phase) for variant in VARIANTS for phase in PHASES]
CHOSEN = ALL if "HYPOTHESIS_EXAMPLES" in os.environ else FEW


class World:
    """A folder of namespaces for one point: the engines of several lives, and iptables."""

    def __init__(self, folder: pathlib.Path, variant: str, *, has_journal: bool) -> None:
        self.netns = folder / "netns"
        self.netns.mkdir(parents=True)
        self.journal = folder / "journal" if has_journal else None
        self.variant = variant

    async def apply(self, wanted: Iterable[Message]) -> None:
        kernel = Kernel("crash", str(self.netns))
        made: list[Descriptor[Any, Any]] = [
            linux.NamespaceDescriptor(kernel),
            RuleChainDescriptor(kernel, self.variant),
        ]
        async with Scheduler(made, journal=self.journal) as scheduler:
            transaction = scheduler.transaction(resync="full")
            for value in wanted:
                transaction.set(key_of(value), value)
            (await transaction.commit()).check()

    def life(self, wanted: Iterable[Message], kill_at: int = 0) -> int:
        """Apply in a process of its own; die as soon as so many programs have been started."""

        def work() -> int:
            if kill_at:
                failpoints.armed = failpoints.FailPoint("iptables.start", kill_at, is_before=False)
            asyncio.run(self.apply(wanted))
            return 0

        return forked(work)

    def iptables(self, *args: str) -> list[str]:
        program = f"iptables-{self.variant}" + ("" if args else "-save")
        command = ["nsenter", f"--net={self.netns / 'n'}", program, *args]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return sorted(line for line in done.stdout.splitlines() if line.startswith(("-A", ":")))

    def close(self) -> None:
        syscalls.unmount(str(self.netns))


def leave_running(folder: pathlib.Path) -> int:
    """Die while iptables waits for another program, and start again: it must be waited for."""
    os.environ["XTABLES_LOCKFILE"] = str(folder / "lock")
    world = World(folder, "legacy", has_journal=False)
    world.life(OLD[:1])
    world.iptables(*OTHERS)
    bare = world.iptables()
    with subprocess.Popen(["flock", str(folder / "lock"), "sh", "-c", "echo; sleep 1"],
                          stdout=subprocess.PIPE) as held:  # fmt: skip
        assert held.stdout is not None
        held.stdout.readline()
        # The fourth program that it starts is the first that writes.
        status = world.life(OLD, 4)
        if not os.WIFSIGNALED(status) or world.iptables() != bare:
            tell("the first engine was not killed in time")
        if world.life(OLD[:1]) or world.iptables() != bare:
            tell(f"what the first engine has left came later: {world.iptables()}")
    if world.iptables() != bare or world.life(()):
        tell(f"left: {world.iptables()}")
    world.close()
    return 0


def main(folder: pathlib.Path, variant: str, phase: str) -> int:
    """Try each point of a phase until there is none left."""
    before, killed, after = PHASES[phase]
    right: list[str] = []
    for point in range(60):
        world = World(folder / str(point), variant, has_journal=bool(point % 2))
        world.life(OLD[:1])
        world.iptables(*OTHERS)
        bare = world.iptables()
        world.life(before)
        # The first has it easy, and shows what is right.
        status = world.life(killed, point) if point else 0
        if world.life(after):
            tell(f"{phase} {point}: the next engine failed")
        found = world.iptables()
        right = right or found
        if found != right:
            tell(f"{phase} {point}: {found} instead of {right}")
        if world.life(OLD[:1]) or world.iptables() != bare or world.life(()):
            tell(f"{phase} {point}: not destroyed")
        world.close()
        if point and not os.WIFSIGNALED(status):
            tell(f"tried {point - 1} points")
            return 0
    return 1


def outcome(folder: pathlib.Path, *arguments: str) -> list[str]:
    """Run this file as a program of its own; return what it has said."""
    command = [sys.executable, __file__, str(folder), *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=100, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_iptables_that_outlives_its_engine_is_waited_for(
    privileged: None, tmp_path: pathlib.Path
) -> None:
    needs("legacy")

    assert outcome(tmp_path) == []


@pytest.mark.parametrize(("variant", "phase"), CHOSEN)
def test_whatever_program_was_running_at_a_kill_the_next_engine_ends_right(
    privileged: None, tmp_path: pathlib.Path, variant: str, phase: str
) -> None:
    needs(variant)

    *wrong, last = outcome(tmp_path, variant, phase)

    assert wrong == []
    tried = re.fullmatch(r"tried (\d+) points", last)
    assert tried is not None
    assert int(tried[1]) >= 3


if __name__ == "__main__":
    place, *chosen = sys.argv[1:]
    sys.exit(main(pathlib.Path(place), *chosen) if chosen else leave_running(pathlib.Path(place)))
