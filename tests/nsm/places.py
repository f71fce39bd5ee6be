# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for tests, each held by a process, and looked into with iproute2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["Place"]


class Place:
    """One namespace. It goes with its process, unless somebody else keeps it."""

    def __init__(self) -> None:
        script = "ip link set lo up && echo ready && exec cat"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the process."""
        self._holder.communicate(timeout=60)

    @property
    def path(self) -> Path:
        """Return the file that stands for it."""
        return Path(f"/proc/{self._holder.pid}/ns/net")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, to its end."""
        enter = ["nsenter", f"--net={self.path}", *command]
        return subprocess.run(enter, capture_output=True, text=True, check=False, timeout=60)

    def ip(self, *arguments: str) -> Any:
        """Ask iproute2, which shares no code with what is tested."""
        shown = ["-j", "-d"] if "show" in arguments else []
        done = self.run("ip", *shown, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else []

    def names(self) -> set[str]:
        """Return the names of its interfaces, but for lo."""
        return {one["ifname"] for one in self.ip("link", "show")} - {"lo"}

    def indexes(self) -> dict[str, int]:
        """Return the kernel's numbers of its interfaces: another one is another interface."""
        return {one["ifname"]: one["ifindex"] for one in self.ip("link", "show")}

    def addresses(self, name: str) -> set[str]:
        """Return the addresses of an interface that are not the kernel's own."""
        (found,) = self.ip("address", "show", "dev", name)
        return {
            f"{one['local']}/{one['prefixlen']}"
            for one in found["addr_info"]
            if one["scope"] != "link"
        }

    def pings(self, address: str) -> bool:
        """Tell whether an address answers."""
        return self.run("ping", "-c", "1", "-W", "5", address).returncode == 0
