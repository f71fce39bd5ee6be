# SPDX-License-Identifier: Apache-2.0
"""Virtual time: hours of retries and deadlines pass in the moment nothing else can run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import heapq
import itertools
import selectors
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar

__all__ = ["Deadlock", "VirtualClock", "VirtualTimer"]

T = TypeVar("T")

# On a loop that is not ours idleness cannot be seen; so many rounds pass for it.
_FOREIGN_ROUNDS = 200
# How long, in real time, to wait for threads at work before looking at them again.
_THREAD_PATIENCE_S = 0.002
# The scheduler's own threads are known by their names; executors' threads are counted apart.
_THREAD_NAME = "kvscheduler-"


class Deadlock(RuntimeError):
    """Nothing can ever happen again: no callback is ready, no timer set, no thread at work."""


class VirtualTimer:
    """A call that waits for its virtual time."""

    __slots__ = ("callback", "due", "withdrawn")

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback = callback
        self.withdrawn = False

    def cancel(self) -> None:
        """Withdraw the call; harmless once it has run."""
        self.withdrawn = True


class VirtualClock:
    """A ``kvscheduler.clock.Clock`` that never sleeps.

    ``run(main())`` runs a coroutine on an event loop of its own, where time jumps to the next
    timer whenever nothing else can run (``asyncio.sleep`` included), and raises ``Deadlock``
    where there is none. On any other loop time stands still until ``await advance(seconds)``.
    """

    def __init__(self, start_s: float = 1_000_000_000.0) -> None:
        self._start_s = start_s
        self._elapsed_s = 0.0
        self._timers: list[tuple[float, int, VirtualTimer]] = []
        self._order = itertools.count()
        self._loop: _VirtualLoop | None = None

    def now(self) -> float:
        """Return virtual wall clock seconds."""
        return self._start_s + self._elapsed_s

    def monotonic(self) -> float:
        """Return the virtual seconds since the clock was made."""
        return self._elapsed_s

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> VirtualTimer:
        """Call back after so many virtual seconds; equal times keep the order of the calls."""
        timer = VirtualTimer(self._elapsed_s + max(0.0, delay_s), callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    async def sleep(self, delay_s: float) -> None:
        """Wait for so many virtual seconds."""
        over = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay_s, functools.partial(_finish, over))
        try:
            await over
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Let so many virtual seconds pass, and all that becomes due in them happen."""
        target = self._elapsed_s + seconds
        await self.idle()
        while (due := self.next_due()) is not None and due <= target:
            self._fire()
            await self.idle()
        self._elapsed_s = max(self._elapsed_s, target)
        await self.idle()

    async def idle(self) -> None:
        """Wait until nothing can run at the present virtual moment."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, _VirtualLoop) and loop is self._loop:
            await loop.idle()
            return
        for _ in range(_FOREIGN_ROUNDS):
            await asyncio.sleep(0)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end on a loop of its own, in virtual time."""
        with self.runner() as runner:
            return runner.run(main)

    def runner(self) -> asyncio.Runner:
        """Return a runner in virtual time, for several coroutines one after another.

        Time moves only while one of them runs. Close it, or use it as a context manager.
        """
        return asyncio.Runner(loop_factory=self._new_loop)

    def next_due(self) -> float | None:
        """Return when the next timer is due, in ``monotonic`` seconds; None without timers."""
        while self._timers and self._timers[0][2].withdrawn:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def block(self, seconds: float | None, released: threading.Event) -> None:
        """Hold up the calling thread, not the loop's, for virtual seconds or until released."""
        loop = self._loop
        if loop is None:
            message = "threads can wait in virtual time only inside VirtualClock.run()"
            raise RuntimeError(message)
        if seconds is not None:
            delay_s = seconds
            loop.call_soon_threadsafe(lambda: self.call_later(delay_s, released.set))
        with loop.thread_parked(released):
            released.wait()

    def _new_loop(self) -> _VirtualLoop:
        self._loop = _VirtualLoop(self)
        return self._loop

    def _fire(self) -> None:
        """Run the earliest timer at its time."""
        due, _, timer = heapq.heappop(self._timers)
        self._elapsed_s = max(self._elapsed_s, due)
        timer.callback()

    def jump(self, own_due: float | None, loop_due: float | None) -> None:
        """Move on to the earlier of the two, and run what is due there."""
        if own_due is not None and (loop_due is None or own_due <= loop_due):
            self._fire()
        elif loop_due is not None:
            self._elapsed_s = max(self._elapsed_s, loop_due)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _own_threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name.startswith(_THREAD_NAME)}


class _IdleSelector(selectors.DefaultSelector):
    """A selector that moves virtual time on instead of waiting."""

    on_idle: Callable[[float | None], float] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Poll; where the loop wants to wait, ask how long to wait in real time."""
        events = super().select(0)
        if events or self.on_idle is None or (timeout is not None and timeout <= 0):
            return events
        return super().select(self.on_idle(timeout))


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a virtual clock's."""

    def __init__(self, clock: VirtualClock) -> None:
        self._virtual = clock
        self._waiting: list[asyncio.Future[None]] = []
        self._threads = 0
        self._parked: list[threading.Event] = []
        self._foreign = _own_threads()
        self._guard = threading.Lock()
        selector = _IdleSelector()
        super().__init__(selector)
        selector.on_idle = self._on_idle

    def time(self) -> float:
        """Return virtual seconds, so that ``asyncio.sleep`` is virtual too."""
        return self._virtual.monotonic()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> asyncio.Future[T]:
        """Run in a thread; virtual time stands still until it is done or parked."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        with self._guard:
            self._threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self) -> None:
        """Wait for the last threads in real time, as for any other thread at work."""
        with self._guard:
            self._threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            with self._guard:
                self._threads -= 1

    @contextlib.contextmanager
    def thread_parked(self, released: threading.Event) -> Iterator[None]:
        """Tell the loop that the calling thread waits for virtual time."""
        with self._guard:
            self._parked.append(released)
        # The loop may sleep in select() for this very thread: wake it, so that it looks again.
        self.call_soon_threadsafe(lambda: None)
        try:
            yield
        finally:
            with self._guard:
                self._parked.remove(released)

    async def idle(self) -> None:
        """Wait until nothing else can run at this moment."""
        waiter = self.create_future()
        self._waiting.append(waiter)
        await waiter

    def _thread_done(self, _future: asyncio.Future[T]) -> None:
        with self._guard:
            self._threads -= 1

    def _on_idle(self, timeout: float | None) -> float:
        """Find something to happen; return the real seconds to wait for a thread."""
        with self._guard:
            # A thread that was released counts as working before it has woken up.
            parked = sum(not event.is_set() for event in self._parked)
            working = self._threads + len(_own_threads() - self._foreign) > parked
        if working:
            return _THREAD_PATIENCE_S
        if self._waiting:
            for waiter in self._waiting:
                _finish(waiter)
            self._waiting.clear()
            return 0.0
        own_due = self._virtual.next_due()
        if own_due is None and timeout is None:
            message = f"nothing can happen any more at virtual second {self.time():g}"
            raise Deadlock(message)
        self._virtual.jump(own_due, None if timeout is None else self.time() + timeout)
        return 0.0
