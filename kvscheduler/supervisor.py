# SPDX-License-Identifier: Apache-2.0
"""The running scheduler: whose turn it is, what descriptors report, and who owns each task."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from .engine import Engine, Work
from .errors import SchedulerClosed
from .plan import TransactionResult
from .planner import Change
from .processing import Processing
from .registry import Binding
from .reports import Port, Reports

if TYPE_CHECKING:
    from .journal import Journal, Records

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

_CLOSING_S = 5.0
_PAUSE_S = 1.0
_MAX_PAUSE_S = 60.0


class Supervisor:
    """Starts, serves and stops one engine."""

    def __init__(
        self, engine: Engine, journal: Journal | str | os.PathLike[str] | None, *, recover: bool
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._recover = recover
        self._group: asyncio.TaskGroup | None = None
        self._owner: asyncio.Task[None] | None = None
        self._end: asyncio.Event | None = None
        self._closing: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self.is_running = False
        self.is_closed = False

    # Starting and stopping.

    async def start(self) -> None:
        """Attach the descriptors, open the journal, begin to watch."""
        if self.is_closed or self._owner is not None:
            raise SchedulerClosed("a scheduler is started once; make another one")
        records = self._open_journal()
        try:
            await self._start(records)
        except BaseException:
            await self._close(at_once=True)
            raise

    async def _start(self, records: Records | None) -> None:
        for binding in self._engine.registry:
            self._attach(binding)
        if records is not None:
            self._load(records)
        ready = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(ready), name="kvscheduler")
        await ready
        self._engine.inbox.open()
        self.is_running = True
        for binding in self._engine.registry:
            self._follow(binding)
        self._spawn(Reports(self._engine).serve(), "kvscheduler inbox")
        if self._engine.keeper is not None and self._recover and self._engine.graph.nodes:
            change = Change(unblock=None, purge=True, lenient=True)
            text = "recovery from the journal"
            await self.submit(Work(kind="resync", change=change, description=text, refresh=""))

    async def _own(self, ready: asyncio.Future[None]) -> None:
        """Own every task for as long as the scheduler runs."""
        self._end = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._engine.calls.attach(group)
                ready.set_result(None)
                await self._end.wait()
                for task in tuple(self._background):
                    task.cancel()
                self._engine.calls.cancel_all()
        except asyncio.CancelledError:
            if self.is_running:
                self._collapse("its task was cancelled")
            raise
        finally:
            if self.is_running:
                self._collapse("a descriptor raised what nothing may catch")

    def _collapse(self, why: str) -> None:
        """Turn everybody away: the engine's tasks have ended unasked."""
        logger.error("the scheduler ends: %s", why)
        self.is_running, self.is_closed = False, True
        reason = SchedulerClosed(f"the scheduler has ended: {why}")
        self._engine.turns.turn_away(reason)
        self._turn_away_readers(reason)
        self._engine.retries.close()
        self._engine.watchers.close()
        if self._engine.keeper is not None:
            self._engine.keeper.journal.close()

    def _turn_away_readers(self, reason: SchedulerClosed) -> None:
        for reader in self._engine.inbox.close():
            if not reader.done():
                reader.set_exception(reason)

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        assert self._group is not None
        task = self._group.create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _open_journal(self) -> Records | None:
        if self._journal is None:
            return None
        from .journal import Journal  # noqa: PLC0415 - sqlite3 only where it is wanted
        from .keeper import Keeper  # noqa: PLC0415 - imports the journal

        journal = self._journal if isinstance(self._journal, Journal) else Journal(self._journal)
        records = journal.open()
        self._engine.keep(Keeper(journal, self._engine.graph))
        return records

    def _load(self, records: Records) -> None:
        from .recovery import load  # noqa: PLC0415 - imports the journal

        load(records, self._engine)

    async def close(self) -> None:
        """Finish the work under way and end everything else; once more is harmless."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="kvscheduler close")
        await asyncio.shield(self._closing)

    async def _close(self, *, at_once: bool = False) -> None:
        was_running, self.is_running = self.is_running, False
        self.is_closed = True
        if was_running and not at_once:
            await self._engine.turns.take()
        self._turn_away_readers(SchedulerClosed("the scheduler has been closed"))
        self._engine.retries.close()
        self._engine.watchers.close()
        if self._owner is not None and self._end is not None:
            self._end.set()
            _, left = await asyncio.wait({self._owner}, timeout=_CLOSING_S)
            if left:
                logger.warning("a southbound call does not end; the scheduler leaves it behind")
        try:
            if self._engine.keeper is not None:
                self._engine.keeper.journal.close()
        finally:
            if was_running and not at_once:
                self._engine.turns.release()

    def registered(self, bindings: list[Binding]) -> None:
        """Take up descriptors that have come while running."""
        if not self.is_running:
            return
        for binding in bindings:
            self._attach(binding)
            self._follow(binding)
        self._engine.graph.revision += 1
        self._engine.inbox.registered(bindings)

    def _attach(self, binding: Binding) -> None:
        try:
            binding.descriptor.attach(Port(self._engine, binding))
        except (Exception, asyncio.CancelledError):
            logger.exception("descriptor %s: attach failed", binding.name)

    def _follow(self, binding: Binding) -> None:
        if binding.watch is not None:
            self._spawn(self._watch(binding), f"watch {binding.name}")

    async def _watch(self, binding: Binding) -> None:
        pause = _PAUSE_S
        while True:
            began = self._engine.clock.monotonic()
            try:
                await binding.descriptor.watch()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                logger.warning("descriptor %s: watch was cancelled, it restarts", binding.name)
            except Exception:
                logger.exception("descriptor %s: watch failed, it restarts", binding.name)
            else:
                return
            if self._engine.clock.monotonic() - began > _MAX_PAUSE_S:
                pause = _PAUSE_S
            await self._sleep(pause)
            pause = min(_MAX_PAUSE_S, 2 * pause)

    async def _sleep(self, delay_s: float) -> None:
        over = asyncio.Event()
        timer = self._engine.clock.call_later(delay_s, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    # Turns.

    async def submit(self, work: Work) -> TransactionResult:
        """Do a piece of work in its turn and return the result."""
        turns = self._engine.turns
        if not turns.try_take():
            self._check_running()
            await turns.take()
        rest = None
        try:
            self._check_running()
            processing = Processing(self._engine, work)
            result = processing.start()
            if result is not None:
                return result
            rest = processing.go_on()
        finally:
            if rest is None:
                turns.release()
        future: asyncio.Future[TransactionResult] = asyncio.get_running_loop().create_future()
        self._spawn(_settle(future, rest, turns.release), "kvscheduler transaction")
        # Whoever waits may be cancelled; what is being done goes on.
        return await future

    async def refresh(self, prefix: str, wanted: Mapping[str, Any] | None = None) -> None:
        """Read the southbound below a prefix in a turn of its own."""
        self._check_running()
        engine = self._engine
        await engine.turns.take()
        try:
            await engine.refresher.refresh(prefix, wanted)
            changed = engine.ledger.publish(engine.clock.now())
            if engine.watchers:
                engine.watchers.publish(changed)
            engine.write_down()
        finally:
            engine.turns.release()

    async def settle(self) -> None:
        """Wait until nothing is queued or under way."""
        self._check_running()
        inbox, turns = self._engine.inbox, self._engine.turns
        while not (inbox.is_empty and turns.is_idle):
            if inbox.is_empty:
                await turns.wait_idle()
            else:
                await inbox.read_receipt()

    def _check_running(self) -> None:
        if not self.is_running:
            what = "has been closed" if self.is_closed else "is not running: start it first"
            raise SchedulerClosed(f"the scheduler {what}")


async def _settle(
    future: asyncio.Future[TransactionResult],
    rest: Coroutine[Any, Any, TransactionResult],
    release: Callable[[], None],
) -> None:
    """Hand the outcome of work to whoever waits for it; a task of the group never raises."""
    try:
        result = await rest
    except asyncio.CancelledError:
        future.cancel()
        raise
    except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)
    finally:
        release()
