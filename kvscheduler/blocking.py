# SPDX-License-Identifier: Apache-2.0
"""The scheduler for programs without an event loop: the same names, and every call waits."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from . import scheduler as nonblocking
from . import transaction as collecting
from .clock import Clock
from .descriptor import Descriptor
from .errors import SchedulerClosed
from .history import History
from .model import Retrieved, RetryPolicy, ValueStatus
from .plan import Plan, TransactionResult

if TYPE_CHECKING:
    import networkx

    from .journal import Journal

__all__ = ["Scheduler", "Transaction"]

P = ParamSpec("P")
T = TypeVar("T")


class _Loop:
    """An event loop in a daemon thread of its own, and the way onto it from other threads."""

    def __init__(self) -> None:
        # Reentrant: a finalizer may post while the same thread is about to submit.
        self._guard = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, and return once its loop runs."""
        ready: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        thread = threading.Thread(target=self._run, args=(ready,), name="kvscheduler", daemon=True)
        thread.start()
        loop = ready.result()
        with self._guard:
            self._loop, self._thread = loop, thread

    def stop(self) -> None:
        """End the thread; what still waits on the loop is cancelled."""
        with self._guard:
            # What was submitted before is on the loop ahead of its end, and what comes after
            # finds no loop: nobody waits for ever.
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def wait(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call on the loop and wait for the outcome. An interrupt cancels the call."""
        future = self._submit(lambda: function(*args, **kwargs))
        if future is None:
            raise SchedulerClosed("the scheduler is not running: start it first")
        return _outcome(future)

    def look(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call on the loop, between two of its steps; directly where none runs."""

        async def call() -> T:
            return function(*args, **kwargs)

        future = self._submit(call)
        return function(*args, **kwargs) if future is None else _outcome(future)

    def post(self, function: Callable[[], Awaitable[object]]) -> None:
        """Call on the loop and do not wait, so that its own thread may do it too."""
        with self._guard:
            if self._loop is not None:
                asyncio.run_coroutine_threadsafe(_awaited(function), self._loop)

    def _submit(self, function: Callable[[], Awaitable[T]]) -> concurrent.futures.Future[T] | None:
        self.refuse_own_thread()
        with self._guard:
            if self._loop is None:
                return None
            return asyncio.run_coroutine_threadsafe(_awaited(function), self._loop)

    def is_running(self) -> bool:
        """Tell whether the loop takes calls."""
        return self._loop is not None

    def refuse_own_thread(self) -> None:
        """Raise where waiting for the loop would be waiting for oneself."""
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "kvscheduler.blocking is called on the scheduler's own thread, for which it would"
                " wait for ever; descriptors use the Southbound that attach() hands them"
            )

    @staticmethod
    def _run(ready: concurrent.futures.Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            loop.call_soon(ready.set_result, loop)
            loop.run_forever()


async def _awaited(function: Callable[[], Awaitable[T]]) -> T:
    return await function()


def _outcome(future: concurrent.futures.Future[T]) -> T:
    try:
        return future.result()
    except concurrent.futures.CancelledError as error:
        raise SchedulerClosed("the scheduler was closed meanwhile") from error
    except BaseException:
        # An interrupt of this thread, mostly; harmless where the call itself has failed.
        future.cancel()
        raise


class Transaction:
    """A change, collected and committed; as ``kvscheduler.Transaction``, without await.

    As a context manager it commits on a clean exit and raises ``TransactionError`` where
    something went wrong. Fill one from one thread at a time.
    """

    def __init__(self, loop: _Loop, transaction: collecting.Transaction) -> None:
        self._loop = loop
        self._transaction = transaction

    def set(self, key: str, value: Any) -> None:
        """Want a value under a key; it belongs to the engine from now on."""
        self._transaction.set(key, value)

    def delete(self, key: str) -> None:
        """Want nothing under a key any more."""
        self._transaction.delete(key)

    def plan(self) -> Plan:
        """Return what a commit would do by what is known now; changes nothing."""
        return self._loop.look(self._transaction.plan)

    def commit(self, expect: Plan | None = None) -> TransactionResult:
        """Carry out the change and return how it went; see the asynchronous one.

        An interrupt (Ctrl-C) withdraws it where it has not begun; after that it finishes.
        """
        return self._loop.wait(self._transaction.commit, expect)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit().check()


class Scheduler:
    """``kvscheduler.Scheduler`` on an event loop in a thread of its own.

    The arguments, names and errors are the same. Any thread may call it but the scheduler's
    own, so a descriptor must not. Descriptors run on the scheduler's thread.
    """

    def __init__(
        self,
        descriptors: Iterable[Descriptor[Any, Any]] = (),
        *,
        max_parallel: int = 32,
        deadline_s: float | None = 30.0,
        retry: RetryPolicy | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        history: int = 1000,
        clock: Clock | None = None,
        recover: bool = True,
    ) -> None:
        self._scheduler = nonblocking.Scheduler(
            descriptors,
            max_parallel=max_parallel,
            deadline_s=deadline_s,
            retry=retry,
            journal=journal,
            history=history,
            clock=clock,
            recover=recover,
        )
        self._loop = _Loop()
        self._lifecycle = threading.Lock()

    def register(self, descriptor: Descriptor[Any, Any]) -> None:
        """Add a descriptor; on a running scheduler its values are taken up at once."""
        self._loop.look(self._scheduler.register, descriptor)

    def start(self) -> None:
        """Start the thread and the scheduler on it."""
        self._loop.refuse_own_thread()
        with self._lifecycle, contextlib.ExitStack() as undo:
            if not self._loop.is_running():
                self._loop.start()
                undo.callback(self._loop.stop)
            self._loop.wait(self._scheduler.start)
            undo.pop_all()
            atexit.register(self.close)

    def close(self) -> None:
        """Finish the transaction under way and end the thread; harmless when closed.

        Done at the end of the program where it has been forgotten.
        """
        self._loop.refuse_own_thread()
        with self._lifecycle:
            atexit.unregister(self.close)
            if self._loop.is_running():
                try:
                    self._loop.wait(self._scheduler.close)
                finally:
                    self._loop.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Changing.

    def transaction(
        self,
        description: str = "",
        resync: str | None = None,
        retry: RetryPolicy | None = None,
        revert: bool = False,  # noqa: FBT001, FBT002 - the name is given
        labels: Mapping[str, str] | None = None,
    ) -> Transaction:
        """Begin a change; the arguments are those of the asynchronous one."""
        transaction = self._scheduler.transaction(description, resync, retry, revert, labels)
        return Transaction(self._loop, transaction)

    def notify(self, key: str, value: Any, metadata: Any = None) -> None:
        """Report a property, or drift (None: gone), and wait until it is worked in."""
        self._loop.wait(self._scheduler.notify, key, value, metadata)

    def resync(self, kind: str = "full") -> TransactionResult:
        """Bring the southbound back to what is wanted, trying failed values again."""
        return self._loop.wait(self._scheduler.resync, kind)

    def refresh(self, prefix: str = "", wanted: Mapping[str, Any] | None = None) -> None:
        """Read the southbound below a prefix: what is known becomes what is.

        ``wanted`` are values about to be wanted, to be found even where others made them.
        """
        self._loop.wait(self._scheduler.refresh, prefix, wanted)

    def settle(self) -> None:
        """Wait until nothing is queued or under way; retries that wait for their time apart."""
        self._loop.wait(self._scheduler.settle)

    # Looking.

    def retrieve(self, prefix: str = "") -> dict[str, Retrieved]:
        """Read the southbound below a prefix, live, and change nothing that is known."""
        return self._loop.wait(self._scheduler.retrieve, prefix)

    def status(self, key: str) -> ValueStatus:
        """Return what is to be known about one key."""
        return self._loop.look(self._scheduler.status, key)

    def statuses(self, prefix: str = "") -> list[ValueStatus]:
        """Return the statuses of all known keys below a prefix, sorted; derived values too."""
        return self._loop.look(self._scheduler.statuses, prefix)

    def values(self, prefix: str = "", view: str = "desired") -> dict[str, Any]:
        """Return values by key, sorted: the "desired" or the "configured" ones."""
        return self._loop.look(self._scheduler.values, prefix, view)

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        """Return a read-only mapping from label to metadata, as it is at this moment."""

        def copy() -> Mapping[str, Any]:
            return MappingProxyType(dict(self._scheduler.metadata(descriptor)))

        return self._loop.look(copy)

    @property
    def descriptors(self) -> tuple[Descriptor[Any, Any], ...]:
        """The registered descriptors, in the order of their registration."""
        return self._scheduler.descriptors

    def graph(self) -> networkx.DiGraph[str]:
        """Return a snapshot of all values and what they need, for people and for analysis."""
        return self._loop.look(self._scheduler.graph)

    @property
    def history(self) -> History:
        """Finished transactions, newest last."""
        return self._scheduler.history

    def watch(self, prefix: str = "") -> Iterator[ValueStatus]:
        """Yield the present statuses below a prefix, then changes, until the scheduler closes.

        Each step waits for the next change. A slow reader skips to the latest state of each
        value; nothing is lost.
        """
        stream = self._scheduler.watch(prefix)
        try:
            with contextlib.suppress(SchedulerClosed):
                while (status := self._loop.wait(anext, stream, None)) is not None:
                    yield status
        finally:
            # Not waited for: a reader that is dropped may be finalized on the loop itself.
            self._loop.post(stream.aclose)  # type: ignore[attr-defined]  # a generator, always
