# SPDX-License-Identifier: Apache-2.0
"""The thread in which the kernel works for us, so that nothing else waits meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

__all__ = ["Courier"]

Job = Callable[[], None]


class Courier:
    """Does jobs in order, in one thread, which lives while there is somebody to serve."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._served = 0

    def serve(self) -> None:
        """Begin to serve one more; who is served asks for a few jobs at a time."""
        if not self._served:
            self._start()
        self._served += 1

    def _start(self) -> None:
        # A queue of its own: an earlier thread may yet be at its last jobs.
        self._jobs = queue.SimpleQueue()
        # Whoever forgets to leave does not keep the process from ending.
        threading.Thread(target=_work, args=(self._jobs,), name="kvs-netlink", daemon=True).start()

    def leave(self) -> None:
        """Serve one less; after the last one the thread ends."""
        self._served -= 1
        if not self._served:
            self._jobs.put(None)

    def do(self, job: Job) -> None:
        """Have a job done, which must not raise."""
        self._jobs.put(job)


def _work(jobs: queue.SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        # What it holds on to is not held until the next one comes.
        del job
