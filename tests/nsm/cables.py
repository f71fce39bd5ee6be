# SPDX-License-Identifier: Apache-2.0
"""Interfaces for connections: what a forwarder of the kernel makes, and the pass-through does not.

Each is one end of a cable in our own namespace, whose other end is in a namespace of the test's.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

__all__ = ["Cables"]


class Cables:
    """Makes and takes away; everything goes with the namespace of the other ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._far = 0

    def plug_in(self) -> None:
        """Make the interface, up."""
        peer = ["peer", "name", "far", "netns", str(self._far)]
        _run("ip", "link", "add", self.name, "type", "veth", *peer)
        _run("nsenter", f"--net=/proc/{self._far}/ns/net", "ip", "link", "set", "far", "up")
        _run("ip", "link", "set", self.name, "up")

    def pull_out(self) -> None:
        _run("ip", "link", "delete", self.name)

    @contextlib.contextmanager
    def laid(self) -> Iterator[Cables]:
        """Have a namespace for the other ends, held by a process."""
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        self._far = holder.pid
        try:
            yield self
        finally:
            subprocess.run(["ip", "link", "delete", self.name], check=False, capture_output=True)
            holder.communicate()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
