# SPDX-License-Identifier: Apache-2.0
"""An event loop for simulations alone: no selector, no sockets, one thing after another.

It runs what is ready in the order in which it came, and moves virtual time on when nothing is.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from kvscheduler.testing import Deadlock, VirtualClock, VirtualTimer
from tests.sim.threads import Threads

__all__ = ["SimulationClock", "SimulationLoop"]

T = TypeVar("T")


class SimulationClock(VirtualClock):
    """Virtual time with a loop of its own, for everything that runs in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimulationLoop(self)

    async def idle(self) -> None:
        """Wait until nothing can run at the present virtual moment."""
        await self.loop.idle()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(main)

    def block(self, seconds: float | None, released: threading.Event) -> None:
        """Hold up the calling thread for virtual seconds, or until released; it waits its turn."""
        if seconds:
            self.call_later(seconds, released.set)
        self.loop.threads.park(released)

    def move_on(self) -> None:
        """Run the next timer, at its time."""
        if self.next_due() is None:
            message = f"nothing can happen any more at virtual second {self.monotonic():g}"
            raise Deadlock(message)
        self._fire()


class _Ready(list[Any]):
    """A callback that waits for its turn, with its arguments.

    A list, because nothing else is made as fast, and some sixty are for one run. Contexts are
    left out: nothing here keeps anything in context variables.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """Withdraw it."""
        self[:] = _nothing, ()


def _nothing() -> None:
    """Take the place of a callback that was withdrawn."""


class SimulationLoop:
    """What tasks, futures and timeouts of asyncio need of a loop, and no more.

    What a callback raises ends the run: here nothing is only logged.
    """

    def __init__(self, clock: SimulationClock) -> None:
        self._clock = clock
        self._this: Any = self  # asyncio's types know whole loops only
        self._ready: deque[_Ready] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self.threads = Threads()

    def run_until_complete(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, then cancel what it has left behind."""
        events._set_running_loop(self._this)
        try:
            return self._finish(main)
        finally:
            for task in asyncio.all_tasks(self._this):
                task.cancel()
            self._run_ready()
            self.threads.abandon()
            events._set_running_loop(None)

    def _finish(self, main: Coroutine[Any, Any, T]) -> T:
        task = self.create_task(main)
        while True:
            self._run_ready()
            if self.threads.calls and self.threads.run_next():
                continue
            if task.done():
                return task.result()
            if not self._release():
                self._clock.move_on()

    def _run_ready(self) -> None:
        ready = self._ready
        while ready:
            callback, args = ready.popleft()
            callback(*args)

    def _release(self) -> bool:
        """Wake those who wait for nothing else to be left to do."""
        waiting, self._idle = self._idle, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        return bool(waiting)

    async def idle(self) -> None:
        """Wait until nothing else can run at this moment."""
        if self._ready or self.threads.calls:
            waiter = self.create_future()
            self._idle.append(waiter)
            await waiter

    # What asyncio asks of a loop.

    get_debug = staticmethod(bool)  # asked for each future: nothing says no faster

    def is_running(self) -> bool:
        """Tell whether it runs."""
        return events._get_running_loop() is self._this

    def is_closed(self) -> bool:
        """Tell that there is nothing to close."""
        return False

    def time(self) -> float:
        """Return virtual seconds, so that ``asyncio.sleep`` is virtual too."""
        return self._clock.monotonic()

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Ready:
        """Have something called in its turn."""
        ready = _Ready((callback, args))
        self._ready.append(ready)
        return ready

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Ready:
        """Have something called in its turn, from any thread: the loop's waits meanwhile."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> VirtualTimer:
        """Have something called when its virtual time has come."""
        return self._clock.call_later(
            delay, functools.partial(self.call_soon, callback, *args, context=context)
        )

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> VirtualTimer:
        """Have something called at a virtual time."""
        return self.call_later(when - self.time(), callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """Return a new future."""
        return asyncio.Future(loop=self._this)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Return a new task."""
        return asyncio.Task(coro, loop=self._this, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing of errors that nobody has asked for: what counts is what comes of a run."""
