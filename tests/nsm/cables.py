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
        self.far = f"{name}-far"

    def plug_in(self) -> None:
        """Make the interface, up."""
        peer = ["peer", "name", "far", "netns", self.far]
        _ip("link", "add", self.name, "type", "veth", *peer)
        _ip("-n", self.far, "link", "set", "far", "up")
        _ip("link", "set", self.name, "up")

    def pull_out(self) -> None:
        _ip("link", "delete", self.name)

    @contextlib.contextmanager
    def laid(self) -> Iterator[Cables]:
        """Have a namespace for the other ends."""
        _ip("netns", "add", self.far)
        try:
            yield self
        finally:
            subprocess.run(["ip", "link", "delete", self.name], check=False, capture_output=True)
            _ip("netns", "delete", self.far)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
