# SPDX-License-Identifier: Apache-2.0
"""Changes on approval: what nobody confirms in time is taken back, come what may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from kvs_agent.orchestrator import Item, Orchestrator, Wish
from kvscheduler import SchedulerError, TransactionResult
from kvscheduler.codec import JsonCodec

from .errors import Refused

__all__ = ["Trial", "Trials"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROLLED_BACK: Final = "not confirmed: rolled back"


class Trial:
    """One change on approval; ``end`` says whether it stays, once."""

    def __init__(self, wish: Wish, before: Mapping[str, Item | None]) -> None:
        self.wish = wish
        self.before = before
        self._stays: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(self, *, stays: bool) -> None:
        """Have it stay, or be taken back; the first word counts."""
        if not self._stays.done():
            self._stays.set_result(stays)

    async def stays(self, patience_s: float) -> bool:
        """Wait for that word, and take silence for no."""
        _, late = await asyncio.wait([self._stays], timeout=patience_s)
        return not late and self._stays.result()


class Trials:
    """One trial at a time. What was wanted before is noted in a file until the trial has ended,
    so that a process that is killed meanwhile is followed by one that rolls back.
    """  # noqa: D205 - one sentence does not fit

    def __init__(self, orchestrator: Orchestrator, note: Path | None = None) -> None:
        self._orchestrator = orchestrator
        self._note = note
        self._codec = JsonCodec()
        self._current: Trial | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def recover(self) -> None:
        """Take back what a process that was killed has left on trial."""
        if self._note is None or not self._note.exists():
            return
        try:
            source, before = self._read(self._note)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            logger.error("%s is damaged, and what was on trial stays: %s", self._note, error)  # noqa: TRY400
            self._note.rename(self._note.with_suffix(".damaged"))
            return
        logger.warning("a trial was cut short: what was wanted before is wanted again")
        await self._orchestrator.apply(
            Wish(source=source, changes=before, description="trial cut short: rolled back")
        )
        self._note.unlink()

    async def begin(self, wish: Wish) -> tuple[Trial, TransactionResult | None]:
        """Carry a wish out, on trial; where it fails, the trial has ended already."""
        if self._current is not None:
            raise Refused("another change is on trial: one at a time")
        self._current = trial = Trial(wish, self._before(wish))
        try:
            self._write(wish.source, trial.before)
            result = await self._orchestrator.apply(wish)
        except asyncio.CancelledError:
            # It may be carried out all the same.
            self._own(self._take_back(trial))
            raise
        except Exception:
            self._over()
            raise
        if result is not None and not result.ok:
            self._over()
        return trial, result

    def decided(
        self, trial: Trial, patience_s: float
    ) -> asyncio.Task[tuple[bool, TransactionResult | None]]:
        """Wait for the word on a trial: whether it stays, and how it was taken back.

        Goes on whether or not anybody waits for it; ``close`` does.
        """
        return self._own(self._decide(trial, patience_s))

    async def _decide(
        self, trial: Trial, patience_s: float
    ) -> tuple[bool, TransactionResult | None]:
        if await trial.stays(patience_s):
            self._over()
            return True, None
        return False, await self._take_back(trial)

    async def close(self) -> None:
        """Take back what is on trial."""
        if self._current is not None:
            self._current.end(stays=False)
        for task in tuple(self._tasks):
            with contextlib.suppress(SchedulerError):
                await task

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told already

    def _before(self, wish: Wish) -> dict[str, Item | None]:
        """Return what the source held of all that the wish touches."""
        held = self._orchestrator.holdings.of_source(wish.source)
        touched = {*wish.changes, *(held if wish.replace else ())}
        return {key: held.get(key) for key in sorted(touched)}

    async def _take_back(self, trial: Trial) -> TransactionResult | None:
        source = trial.wish.source
        wish = Wish(source=source, changes=trial.before, description=ROLLED_BACK)
        try:
            result = await self._orchestrator.apply(wish)
        except SchedulerError:
            # The note stays: the next start tries again.
            logger.exception("a trial could not be taken back")
            self._current = None
            raise
        self._over()
        return result

    def _over(self) -> None:
        self._current = None
        if self._note is not None:
            self._note.unlink(missing_ok=True)

    # The note.

    def _write(self, source: str, before: Mapping[str, Item | None]) -> None:
        if self._note is None:
            return
        told = {key: None if item is None else self._item(item) for key, item in before.items()}
        handle = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump({"source": source, "before": told}, opened)
            opened.flush()
            os.fsync(opened.fileno())

    def _item(self, item: Item) -> dict[str, object]:
        return {
            "value": self._codec.encode(item.value).decode(),
            "labels": dict(item.labels),
        }

    def _read(self, note: Path) -> tuple[str, dict[str, Item | None]]:
        told = json.loads(note.read_bytes())
        before = {
            key: None
            if item is None
            else Item(self._codec.decode(item["value"].encode()), item["labels"])
            for key, item in told["before"].items()
        }
        return told["source"], before
