# SPDX-License-Identifier: Apache-2.0
"""The real southbound of one example, as the author of a descriptor hands it to the laws."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Mapping
from typing import Any

__all__ = ["Rig"]


class Rig:
    """A southbound to try a descriptor on: subclass, and make it the real one.

    A new rig is made for each example. Each method may be ``def`` or ``async def``; all of one
    example run on one event loop, on which the descriptor's calls run too.

    ``ground`` holds values that are created through the descriptors before the example begins,
    and stay: what the tested values depend on. ``patience_s`` is how long a report by watch(),
    or its end, may take.
    """

    patience_s: float = 10.0
    ground: Mapping[str, Any] = types.MappingProxyType({})

    def open(self) -> None | Awaitable[None]:
        """Make a fresh world, of which nobody else knows. Put strangers into it, if you like."""

    def close(self) -> None | Awaitable[None]:
        """Remove the world, whatever has happened in it."""

    def snapshot(self) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Return all that is in the world, by a name of your choice, in values with ``==``.

        Ask by other means than the descriptor's. Leave out what changes by itself: clocks,
        counters. What is there when the example begins must stay as it is, so give what the
        tested values may change, such as the addresses of an interface, names of their own.
        """
        raise NotImplementedError

    def stranger(self, key: str, value: Any) -> bool | Awaitable[bool]:
        """Put in the way of this value what another program would have made, if you can.

        It must be such that ``create`` of the value finds its place taken. Return False where
        there is no such thing. Not overridden: what is in the way is not tested.
        """
        return False

    def disturb(self, key: str, value: Any) -> bool | Awaitable[bool]:
        """Change or take away what stands for this value, by other means than the descriptor's.

        That is asked while the descriptors watch, which must report it. Leave what others made
        alone, and put nothing of theirs in its place. Return False where nobody has to notice.
        Not overridden: only that watch() begins and ends is tested.
        """
        return False

    def crash(self) -> None | Awaitable[None]:
        """Let go of what dies with a process, such as sockets; new descriptors are made next."""
