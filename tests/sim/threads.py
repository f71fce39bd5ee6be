# SPDX-License-Identifier: Apache-2.0
"""Threads in simulations: real ones, of which one runs at a time, in the order of their starts."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

__all__ = ["Threads"]

_PATIENCE_S = 10.0


def _taken() -> threading.Lock:
    """Return a lock that somebody holds: an event does the same at five times the price."""
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Worker:
    """A thread for one piece of work at a time; it is kept for the next, since one is dear."""

    def __init__(self, threads: Threads) -> None:
        self.turn = _taken()
        self.call: _Call | None = None
        self._threads = threads
        threading.Thread(target=self._serve, name="simulation", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.turn.acquire()
            call = self.call
            if call is None:
                return
            call.work()
            if self._threads.is_abandoned:
                return
            call.is_over, self.call = True, None
            self._threads.yielded.release()


@dataclasses.dataclass(eq=False, slots=True)
class _Call:
    """Work that waits for its turn, which it may have once ``until`` is set, if there is one."""

    work: Callable[[], None]
    name: str
    until: threading.Event | None = None
    worker: _Worker | None = None
    is_over: bool = False


class Threads:
    """Lets one thread run at a time: the loop's, or the first of those that may go on.

    They go in the order in which they were started, so that the same seed is the same run.
    ``calls`` are those that are not over; once ``is_abandoned`` none goes on.
    """

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self.yielded = _taken()
        self._idle: list[_Worker] = []
        self._running: _Call | None = None
        self.is_abandoned = False

    def start(self, work: Callable[[], None], name: str) -> None:
        """Have work done in a thread, in its turn."""
        self.calls.append(_Call(work, name))

    def park(self, until: threading.Event) -> None:
        """Wait, in a thread, until something is set, and for the next turn."""
        call = self._running
        assert call is not None
        assert call.worker is not None
        call.until = until
        if not self.is_abandoned:
            self.yielded.release()
            call.worker.turn.acquire()
        if self.is_abandoned:
            message = "the simulation has ended"
            raise RuntimeError(message)

    def run_next(self) -> bool:
        """Let the first thread that may go on run until it waits again; tell if there was one."""
        for call in self.calls:
            if call.until is None or call.until.is_set():
                self._run(call)
                return True
        return False

    def _run(self, call: _Call) -> None:
        worker = call.worker
        if worker is None:
            worker = call.worker = self._idle.pop() if self._idle else _Worker(self)
            worker.call = call
        self._running = call
        worker.turn.release()
        if not self.yielded.acquire(timeout=_PATIENCE_S):
            raise AssertionError(f"{call.name} does not come to an end")
        if call.is_over:
            self.calls.remove(call)
            self._idle.append(worker)

    def abandon(self) -> None:
        """Let go of all threads, those that still wait among them."""
        self.is_abandoned = True
        waiting = [call.worker for call in self.calls if call.worker is not None]
        for worker in (*waiting, *self._idle):
            worker.turn.release()
