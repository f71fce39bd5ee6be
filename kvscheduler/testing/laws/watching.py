# SPDX-License-Identifier: Apache-2.0
"""Runs the watch() of descriptors, as the engine does, and waits for what they report."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from ...errors import describe
from ...model import Retrieved
from ...registry import Binding
from ..oracle import standing
from .broken import Law, LawBroken
from .driver import Driver
from .hearing import Heard

__all__ = ["Watching"]

_MOST_ATTEMPTS = 3


class Watching:
    """Each watch() in a task of its own; what they report within ``patience_s`` counts."""

    def __init__(self, driver: Driver, patience_s: float) -> None:
        self._driver = driver
        self._patience_s = patience_s
        self._tasks: dict[asyncio.Task[None], Binding] = {}

    def watching(self) -> list[Binding]:
        """Return the descriptors that watch."""
        return [one for one in self._driver.registry.bindings.values() if one.watch is not None]

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Have them watch for as long as the block lasts."""
        for binding in self.watching():
            task = asyncio.create_task(_keep(binding), name=f"watch {binding.name}")
            self._tasks[task] = binding
        try:
            await asyncio.sleep(0)  # each has begun, and listens as soon as it waits
            yield
            await self._end()
        finally:
            await self._let_go()

    async def _end(self) -> None:
        """Cancel them all, and check that each ends."""
        for task in self._tasks:
            task.cancel()
        _, pending = await asyncio.wait(self._tasks, timeout=self._patience_s)
        for task, binding in self._tasks.items():
            if task in pending:
                found = f"it goes on for {self._patience_s:g} s and more"
                raise LawBroken(
                    Law.WATCH_ENDS, binding.name, "", "it ends when it is cancelled", found
                )
            self._check(task, binding)

    async def _let_go(self) -> None:
        """End also what refuses to end: whoever closes the loop would wait for it for ever."""
        for task in self._tasks:
            if not task.done():
                work = task.get_coro()
                assert work is not None
                with contextlib.suppress(Exception):
                    work.close()
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @staticmethod
    def _check(task: asyncio.Task[None], binding: Binding) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            found = f"it raised {type(error).__name__}: {describe(error)}"
            expected = (
                "watch() goes on, once begun again where it has failed, until it is cancelled"
            )
            raise LawBroken(Law.WATCH_ENDS, binding.name, "", expected, found) from error

    async def wait(self, heard: Heard, moved: Mapping[str, Retrieved | None]) -> None:
        """Wait until so much has been reported that the engine looks at all that has moved."""
        for task in self._tasks:
            task.add_done_callback(lambda _: heard.news.set())
        try:
            async with asyncio.timeout(self._patience_s):
                while untold := self._untold(heard, moved):
                    await heard.news.wait()
                    heard.news.clear()
        except TimeoutError as error:
            raise self._unheard(untold[0], moved[untold[0]]) from error

    def _untold(self, heard: Heard, moved: Mapping[str, Retrieved | None]) -> list[str]:
        """Return what has moved, and is neither looked at nor falls with what is seen to go."""
        for task, binding in self._tasks.items():
            if task.done():
                self._check(task, binding)
        have = self._driver.have
        told = heard.told_of(have)
        gone = {key for key, one in moved.items() if one is None and key in told}
        stand = standing({key: unit for key, unit in have.items() if key not in gone})
        return [key for key in moved if key not in told and key in stand]

    def _unheard(self, key: str, one: Retrieved | None) -> LawBroken:
        happened = "was taken away" if one is None else f"became {one.value!r}"
        found = f"no report within {self._patience_s:g} s after it {happened}"
        names = ", ".join(binding.name for binding in self.watching())
        expected = "a report that has the engine look at it, or at what it needs"
        return LawBroken(
            Law.WATCH, names, key, expected, found, value=self._driver.have[key].value
        )


async def _keep(binding: Binding) -> None:
    """Watch, and begin again where that fails, as the engine does; not for ever."""
    task = asyncio.current_task()
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        try:
            await binding.descriptor.watch()
        except Exception:
            if attempt == _MOST_ATTEMPTS or task is None or task.cancelling():
                raise
            await asyncio.sleep(0)
        else:
            return
