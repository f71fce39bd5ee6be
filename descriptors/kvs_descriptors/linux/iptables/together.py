# SPDX-License-Identifier: Apache-2.0
"""Changes of one table that are asked for at about the same time become one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .chain import Chain
from .rules import written
from .ruleset import Table
from .script import Script
from .tool import Tool, ToolFailed, locked

if TYPE_CHECKING:
    from ..kernel import Kernel

__all__ = ["Together"]

Compare = Callable[[Table], Script]
Where = tuple[str, bool, str]


class _Job:
    """One change, and what has come of it."""

    def __init__(self, wanted: Chain, compare: Compare) -> None:
        self.wanted = wanted
        self.compare = compare
        self.error: Exception | None = None
        self.ended = asyncio.Event()

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.ended.set()


class Together:
    """Reads a table, compares and writes; whoever gets to it does so for all that wait.

    A program takes milliseconds to run, and legacy iptables writes the whole table every time.
    """

    def __init__(self, kernel: Kernel, tool: Tool) -> None:
        self._kernel = kernel
        self._tool = tool
        self._waiting: dict[Where, list[_Job]] = {}
        # For as long as somebody waits: what comes next may run on another event loop.
        self._locks: weakref.WeakValueDictionary[Where, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def change(self, wanted: Chain, compare: Compare) -> None:
        """Do what a comparison of the table with what is wanted asks for."""
        where, job = wanted.where, _Job(wanted, compare)
        self._waiting.setdefault(where, []).append(job)
        lock = self._locks.setdefault(where, asyncio.Lock())
        try:
            async with lock:
                if not job.ended.is_set():
                    await self._work(where)
        finally:
            if job in self._waiting.get(where, ()):
                self._waiting[where].remove(job)
            elif not job.ended.is_set():
                # Cut short, while another does it: its effect must not come after our answer.
                await _surely(job.ended)
        if job.error is not None:
            raise job.error

    async def _work(self, where: Where) -> None:
        # By then all that were begun in this turn of the loop wait.
        await asyncio.sleep(0)
        jobs = self._waiting.pop(where)
        try:
            within = await self._kernel.channel(where[0])
            async with locked(within.netns_fd) as held:
                await self._carry_out(held, jobs)
        except Exception as error:  # noqa: BLE001 - each of them raises it
            for job in jobs:
                if not job.ended.is_set():
                    job.end(error)
        except BaseException:
            # Only who does the work is cut short; the others wait for the next to do it.
            open_ones = [job for job in jobs if not job.ended.is_set()]
            self._waiting.setdefault(where, [])[:0] = open_ones
            raise

    async def _carry_out(self, held: int, jobs: Sequence[_Job]) -> None:
        _, is_ipv6, name = jobs[0].wanted.where
        saved = await self._tool.save(held, is_ipv6=is_ipv6, table=name)
        have = saved.get(name, Table())
        scripts: dict[_Job, Script] = {}
        for job in jobs:
            try:
                scripts[job] = script = job.compare(have)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this one's
                job.end(error)
            else:
                have.apply(script.lines)
        try:
            await self._restore(held, scripts)
        except ToolFailed:
            if len(scripts) == 1:
                raise
            await self._one_by_one(held, list(scripts))
        for job in scripts:
            if not job.ended.is_set():
                job.end()

    async def _restore(self, held: int, scripts: dict[_Job, Script]) -> None:
        lines = tuple(line for script in scripts.values() for line in script.lines)
        if lines:
            job = next(iter(scripts))
            whole = Script(lines, scripts[job].first_rule if len(scripts) == 1 else 0)
            about = [written(rule) for rule in job.wanted.rules]
            await self._tool.restore(
                held, whole, table=job.wanted.table, is_ipv6=job.wanted.is_ipv6, about=about
            )

    async def _one_by_one(self, held: int, jobs: Sequence[_Job]) -> None:
        """Find out which of them cannot be done, and do the others."""
        for job in jobs:
            try:
                await self._carry_out(held, [job])
            except ToolFailed as own:
                job.end(own)


async def _surely(ended: asyncio.Event) -> None:
    """Wait, cut short once more or not."""
    while not ended.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await ended.wait()
