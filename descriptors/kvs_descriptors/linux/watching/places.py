# SPDX-License-Identifier: Apache-2.0
"""Learns that a network namespace may have come or gone, of which the kernel sends no word.

A name goes with a mount, and whatever is mounted or unmounted is told. A process that ends takes
its namespace's file with it.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable

__all__ = ["Mounts", "Processes"]

# A host that starts containers mounts a lot at a time.
PAUSE_S = 0.005


class Mounts:
    """Calls back soon after something has been mounted or unmounted, whatever it is."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._table = -1
        self._poll: select.epoll | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin."""
        self._table = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        # The table is always readable, which says nothing; that it has changed is an exception,
        # and the loop asks for none. So it polls what polls for that.
        self._poll = select.epoll()
        self._poll.register(self._table, select.EPOLLPRI)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._poll.fileno(), self._wake)

    def _wake(self) -> None:
        assert self._poll is not None
        self._poll.poll(0)
        if self._timer is None:
            self._timer = self._loop.call_later(PAUSE_S, self._call)

    def _call(self) -> None:
        self._timer = None
        self._on_change()

    def close(self) -> None:
        """End; harmless before the beginning."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._poll is not None:
            self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None
            os.close(self._table)


class Processes:
    """Calls back when a process ends that a place goes by."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._followed: dict[str, int] = {}

    def follow(self, place: str, process: int) -> None:
        """Follow the process that a place goes by now, 0 for none."""
        self.leave(place)
        if not process:
            return
        loop = asyncio.get_running_loop()
        try:
            fd = os.pidfd_open(process)
        except ProcessLookupError:
            loop.call_soon(self._on_end)
            return
        self._followed[place] = fd
        loop.add_reader(fd, self._note_end, place)

    def _note_end(self, place: str) -> None:
        self.leave(place)
        self._on_end()

    def leave(self, place: str) -> None:
        """Follow the process of a place no more."""
        fd = self._followed.pop(place, -1)
        if fd >= 0:
            asyncio.get_running_loop().remove_reader(fd)
            os.close(fd)

    def close(self) -> None:
        """Follow none any more."""
        for place in list(self._followed):
            self.leave(place)
