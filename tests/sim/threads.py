# SPDX-License-Identifier: Apache-2.0
"""Threads in simulations: real ones, of which one runs at a time, in the order of their starts."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Iterable

__all__ = ["Threads"]

# The scheduler's own threads are known by their names.
_PREFIX = "kvscheduler-"
_PATIENCE_S = 10.0


def _taken() -> threading.Lock:
    """Return a lock that somebody holds: an event does the same at five times the price."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclasses.dataclass(eq=False, slots=True)
class _Parked:
    """A thread that waits for its turn, which it may have once ``until`` is set."""

    until: threading.Event
    turn: threading.Lock = dataclasses.field(default_factory=_taken)


class Threads:
    """Lets one thread run at a time: the loop's, or the first of those that may go on.

    They go in the order in which they were started, so that the same seed is the same run.
    """

    def __init__(self) -> None:
        self.in_use = False
        self._foreign = set(threading.enumerate())
        self._settling: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._parked: dict[threading.Thread, _Parked] = {}
        self._ending: set[threading.Thread] = set()
        self._over: set[threading.Thread] = set()
        self._abandoned = False

    def park(self, until: threading.Event | None = None) -> None:
        """Wait, in a thread, for the next turn, and until something is set."""
        entry = _Parked(_SET if until is None else until)
        self._parked[threading.current_thread()] = entry
        self._settling.put(None)
        entry.turn.acquire()
        if self._abandoned:
            message = "the simulation has ended"
            raise RuntimeError(message)

    def leave(self) -> None:
        """Hear from a thread that its call is over: what it reports next is its last word."""
        self._ending.add(threading.current_thread())

    def hear(self) -> None:
        """Hear that the current thread, if it is not the loop's, has reported something."""
        thread = threading.current_thread()
        if thread in self._ending:
            self._ending.discard(thread)
            self._over.add(thread)
            self._settling.put(None)

    def run_next(self) -> bool:
        """Let the first thread that may go on run until it waits again; tell if there was one."""
        alive = self._alive()
        self._wait(alive)
        for thread in alive:
            entry = self._parked.get(thread)
            if entry is not None and entry.until.is_set():
                del self._parked[thread]
                entry.turn.release()
                self._wait([thread])
                return True
        return False

    def abandon(self) -> None:
        """Let go of all threads that still wait."""
        self._abandoned = True
        for entry in tuple(self._parked.values()):
            entry.turn.release()

    def _alive(self) -> list[threading.Thread]:
        own = [one for one in threading.enumerate() if one.name.startswith(_PREFIX)]
        self._over.intersection_update(own)
        return [one for one in own if one not in self._over and one not in self._foreign]

    def _wait(self, threads: Iterable[threading.Thread]) -> None:
        """Wait until each of them waits for its turn, or is through."""
        for thread in threads:
            while not self.is_settled(thread):
                try:
                    self._settling.get(timeout=_PATIENCE_S)
                except queue.Empty:
                    raise AssertionError(f"{thread.name} does not come to an end") from None

    def is_settled(self, thread: threading.Thread) -> bool:
        """Tell whether a thread waits, or is through."""
        return thread in self._parked or thread in self._over


_SET = threading.Event()
_SET.set()
