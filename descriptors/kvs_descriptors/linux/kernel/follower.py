# SPDX-License-Identifier: Apache-2.0
"""Who is told of the namespaces that are opened, missed and closed."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Follower"]


class Follower(Protocol):
    """Follows what happens in every place that is opened."""

    def opened(self, place: str, identity: tuple[int, int], ear_fd: int) -> None:
        """Listen in a place that has been opened; the socket is the follower's now."""

    def closed(self, place: str) -> None:
        """Listen no more in a place."""

    def look(self) -> None:
        """Look whether all places are what they were."""

    def missed(self, place: str) -> bool:
        """Note that somebody needs a place that is not there; tell whether that is news."""

    def told(self, place: str) -> None:
        """Note that the value which stands for a place has been read."""
