# SPDX-License-Identifier: Apache-2.0
"""Calls to descriptors that may take time: as tasks or in threads, each with a deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from .clock import Clock
from .deadlines import Deadlines
from .errors import DeadlineExceeded
from .registry import Binding

__all__ = ["Calls", "identity"]

Done = Callable[[Any, Exception | None], None]
# Has work done in a thread of that name.
StartThread = Callable[[Callable[[], None], str], None]


class Calls:
    """Starts southbound calls and sees to it that each is answered exactly once.

    A call past its deadline is cancelled and counts as failed at once; ``on_late`` is called
    when it has really ended, which may be never.
    """

    def __init__(self, clock: Clock, deadline_s: float | None) -> None:
        self._deadlines = Deadlines(clock)
        self._deadline_s = deadline_s
        self._group: asyncio.TaskGroup | None = None
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._pending: set[_Pending] = set()
        # For simulations, where threads have to take turns.
        self.start_thread: StartThread = start_thread

    def attach(self, group: asyncio.TaskGroup) -> None:
        """Name the owner of all tasks to come."""
        self._group = group

    def _room(self, binding: Binding, size: int) -> asyncio.Semaphore:
        """Return what limits the calls of a descriptor, operations and retrieves alike."""
        room = self._rooms.get(binding.name)
        if room is None:
            room = self._rooms[binding.name] = asyncio.Semaphore(size)
        return room

    def cancel_all(self) -> None:
        """End the calls that still run; those in threads are left behind."""
        for pending in tuple(self._pending):
            pending.task.cancel()

    def start(
        self,
        binding: Binding,
        call: Callable[..., Any],
        args: tuple[Any, ...],
        on_done: Done,
        on_late: Callable[[], None] | None = None,
    ) -> None:
        """Begin a call; ``on_done`` gets its result, or its error."""
        assert self._group is not None
        if binding.max_parallel is None:
            work = self._answer(binding, call, args)
        else:
            room = self._room(binding, binding.max_parallel)
            work = self._answer_in_room(room, binding, call, args)
        task = self._group.create_task(work, name=f"call {binding.name}")
        deadline = binding.deadline_s if binding.deadline_s is not None else self._deadline_s
        pending = _Pending(self, task, on_done, on_late, deadline, not binding.descriptor.blocking)
        if deadline is not None:
            self._deadlines.begin(pending, deadline)
        self._pending.add(pending)
        task.add_done_callback(pending.finish)

    async def _answer_in_room(
        self,
        room: asyncio.Semaphore,
        binding: Binding,
        call: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> tuple[Any, Exception | None]:
        async with room:
            return await self._answer(binding, call, args)

    async def _answer(
        self, binding: Binding, call: Callable[..., Any], args: tuple[Any, ...]
    ) -> tuple[Any, Exception | None]:
        try:
            if binding.descriptor.blocking:
                result = await _in_thread(self.start_thread, call, args, binding.name)
            else:
                result = call(*args)
            if hasattr(result, "__await__"):
                result = await result
        except Exception as error:  # noqa: BLE001 - whatever a descriptor raises is its outcome
            return None, error
        return result, None

    def ended(self, pending: _Pending) -> None:
        """Hear that a call has really ended."""
        self._pending.discard(pending)
        if pending.deadline_s is not None:
            self._deadlines.end(pending.deadline_s)

    def begin(self, binding: Binding, call: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Make one call; the future gets its result, what it raises, or DeadlineExceeded."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):  # no future takes it
                future.set_exception(RuntimeError(f"the call raised {error!r}"))
            else:
                future.set_exception(error)
                future.exception()  # seen: who asked may have been cut short meanwhile

        if not binding.descriptor.blocking:
            try:
                result = call(*args)
            except asyncio.CancelledError as error:  # its own: nobody can cancel us in here
                broken = RuntimeError("the call was cancelled from within")
                broken.__cause__ = error
                done(None, broken)
                return future
            except Exception as error:  # noqa: BLE001 - whatever a descriptor raises
                done(None, error)
                return future
            if not hasattr(result, "__await__"):
                done(result, None)
                return future
            args, call = (result,), identity
        self.start(binding, call, args, done)
        return future


class _Pending:
    """A call under way."""

    __slots__ = (
        "_calls", "_can_cancel", "_expired", "_on_done", "_on_late",
        "deadline_s", "is_over", "task",
    )  # fmt: skip

    def __init__(
        self,
        calls: Calls,
        task: asyncio.Task[Any],
        on_done: Done,
        on_late: Callable[[], None] | None,
        deadline_s: float | None,
        can_cancel: bool,  # noqa: FBT001 - one call, on the hot path
    ) -> None:
        self._calls = calls
        self._can_cancel = can_cancel
        self._on_done = on_done
        self._on_late = on_late
        self._expired = False
        self.deadline_s = deadline_s
        self.is_over = False
        self.task = task

    def expire(self, after_s: float) -> None:
        if self.task.done():
            return
        self._expired = True
        if self._can_cancel:  # a thread cannot be ended: its call is over when it is over
            self.task.cancel()
        text = f"no answer within {after_s:g} s; the effect is unknown"
        self._on_done(None, DeadlineExceeded(text))

    def finish(self, task: asyncio.Task[Any]) -> None:
        self.is_over = True
        self._calls.ended(self)
        result, error = _outcome(task)
        if not self._expired:
            self._on_done(result, error)
        elif self._on_late is not None:
            self._on_late()


def _outcome(task: asyncio.Task[Any]) -> tuple[Any, Exception | None]:
    if task.cancelled():
        return None, asyncio.InvalidStateError("the call was cancelled")
    return task.result()  # type: ignore[no-any-return]  # _answer returns the pair


def identity(value: Any) -> Any:
    """Return the value: the call to make where only its awaitable is left."""
    return value


def start_thread(work: Callable[[], None], name: str) -> None:
    """Run work in a thread of its own: what hangs must not take a shared worker with it."""
    threading.Thread(target=work, name=name, daemon=True).start()


async def _in_thread(
    start: StartThread, call: Callable[..., Any], args: tuple[Any, ...], name: str
) -> Any:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            future.set_exception(error)
        else:
            future.set_exception(RuntimeError(f"{type(error).__name__}: {error}"))

    def work() -> None:
        result, error = None, None
        try:
            result = call(*args)
        except BaseException as caught:  # noqa: BLE001 - handed to the loop, whatever it is
            error = caught
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            return  # the loop has closed meanwhile: nobody waits for the answer

    start(work, f"kvscheduler-{name}")
    return await future
