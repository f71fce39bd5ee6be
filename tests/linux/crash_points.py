# SPDX-License-Identifier: Apache-2.0
"""Kills an engine at each point at which it touches the kernel, and looks what the next one makes.

Run as a program of its own: it forks, which a process with threads had better not do. Prints one
line for each point that did not end right.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

from kvs_agent.sources.config import load_text
from kvs_descriptors import linux
from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.kernel.netns import NamespaceFolder
from kvscheduler import Scheduler, failpoints

TOUCH = "netlink.send"
WANTED = load_text(
    textwrap.dedent("""
    linuxConfig:
      interfaces:
        - {name: one, type: VETH, enabled: true, ip_addresses: [10.1.0.1/24],
           namespace: {type: NSID, reference: host}, veth: {peer_if_name: two}}
        - {name: two, type: VETH, enabled: true,
           namespace: {type: NSID, reference: lan}, veth: {peer_if_name: one}}
        - {name: lan, type: BRIDGE, enabled: true, ip_addresses: [10.1.0.2/24],
           namespace: {type: NSID, reference: lan}, bridge: {ports: [{name: two}]}}
      routes:
        - {outgoing_interface: one, dst_network: 10.2.0.0/16, gw_addr: 10.1.0.2}
    """)
)


class World:
    """Where one point is tried: a folder, a journal, an owner, each its own."""

    def __init__(self, folder: pathlib.Path, owner: str, *, has_journal: bool) -> None:
        self.netns = folder / "netns"
        self.netns.mkdir(parents=True)
        self.journal = folder / "journal" if has_journal else None
        self.owner = owner
        self.links = links()

    async def apply(self, wanted: dict[str, Any]) -> dict[str, Exception]:
        """Make the kernel be as wanted, with an engine that knows what the journal says."""
        kernel = Kernel(self.owner, str(self.netns))
        async with Scheduler(linux.descriptors(kernel=kernel), journal=self.journal) as scheduler:
            transaction = scheduler.transaction(resync="full")
            for key, value in wanted.items():
                transaction.set(key, value)
            return dict((await transaction.commit()).errors)

    def complaints(self) -> list[str]:
        """Repair, look, destroy, look; return what is not as it should be."""
        found = [f"repair: {error}" for error in asyncio.run(self.apply(dict(WANTED))).values()]
        if not self.reaches():
            found.append("no packet comes through")
        found += [f"destroy: {error}" for error in asyncio.run(self.apply({})).values()]
        return found + self.left()

    def left(self) -> list[str]:
        """Return what is there after everything was destroyed."""
        files = [path.name for path in self.netns.iterdir()]
        return [f"left: {name}" for name in (*files, *links() - self.links)]

    def reaches(self) -> bool:
        """Tell whether a packet comes through."""
        enter = f"--net={self.netns / 'host'}"
        command = ["nsenter", enter, "ping", "-c1", "-W2", "10.1.0.2"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


def links() -> set[str]:
    """Return the links of the namespace that we are in."""
    return {name for _, name in socket.if_nameindex()}


def kill_at(number: int) -> None:
    """Have this process die just after it has touched the kernel so many times."""
    failpoints.armed = failpoints.FailPoint(TOUCH, number, is_before=False)
    for owner, name in (
        (syscalls, "bind_mount"),
        (syscalls, "unmount"),
        (NamespaceFolder, "_leave_file"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))


def counted(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that counts as a touch, as requests do."""

    def both(*args: Any, **more: Any) -> Any:
        with failpoints.at(TOUCH):
            return call(*args, **more)

    return both


def forked(work: Callable[[], int]) -> int:
    """Do something in a child; return its exit status."""
    child = os.fork()
    if not child:
        code = 70
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - a child's last words
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def crash(world: World, point: int, *, in_destroy: bool) -> int:
    """Apply, or apply and destroy, and die at a point of the last."""

    def work() -> int:
        if in_destroy:
            asyncio.run(world.apply(dict(WANTED)))
        kill_at(point)
        asyncio.run(world.apply({} if in_destroy else dict(WANTED)))
        return 0

    return forked(work)


def check(world: World, label: str, *, is_destroyed: bool) -> int:
    """Print what is wrong after the next engine has done its work."""

    def work() -> int:
        if is_destroyed:
            errors = asyncio.run(world.apply({}))
            found = [*map(str, errors.values()), *world.left()]
        else:
            found = world.complaints()
        for one in found:
            tell(f"{label}: {one}")
        return 0

    return forked(work)


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    # A child that ends itself writes nothing of what it has kept back.
    sys.stdout.flush()


def main(folder: pathlib.Path, phase: str, journal: str, then: str) -> int:
    """Try each point of a phase until there is none left."""
    syscalls.unshare_network()
    for point in range(1, 500):
        label = f"{phase} {point} {journal} {then}"
        place = folder / str(point)
        world = World(place, f"c{point}", has_journal=journal == "journal")
        status = crash(world, point, in_destroy=phase == "destroy")
        if status and not os.WIFSIGNALED(status):
            tell(f"{label}: the first engine failed")
        if check(world, label, is_destroyed=then == "destroy"):
            tell(f"{label}: the next engine failed")
        with contextlib.suppress(OSError):
            syscalls.unmount(str(world.netns))
        if not os.WIFSIGNALED(status):
            tell(f"tried {point - 1} points")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
