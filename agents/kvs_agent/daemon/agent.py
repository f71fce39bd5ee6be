# SPDX-License-Identifier: Apache-2.0
"""An agent's life: the engine, what it wanted before, sources, northbounds; and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeAlias

from kvs_agent.core.core import Core
from kvs_agent.core.health import State
from kvs_agent.orchestrator import Store
from kvs_agent.past import PastError
from kvscheduler import SchedulerError, TransactionResult

__all__ = ["Agent", "Part", "Server"]

logger = logging.getLogger(__name__)

# What waits gets so long to be done once the agent is told to stop; then it is told so.
DRAIN_S: Final = 2.0
GRACE_S: Final = 1.0
REMEMBER_S: Final = 1.0

Task: TypeAlias = "asyncio.Task[None]"


class Part(Protocol):
    """Something that runs for as long as the agent does: a source, a publisher."""

    async def run(self) -> None:
        """Work until cancelled."""


class Server(Protocol):
    """A northbound."""

    async def start(self) -> None:
        """Begin to answer."""

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, give what is under way so long, and end."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Agent:
    """One agent, made of parts that are given; ``run`` is its whole life.

    ``background`` runs from before the engine begins until it has ended: descriptors need it.
    ``sources`` names those whose holdings are kept until they have been read for the first time.
    ``first`` is done before the servers answer: the first look at files. ``again`` is done when
    it is told to reload, beside that: passwords and certificates.
    """

    core: Core
    store: Store
    sources: Sequence[str]
    background: Sequence[Part] = ()
    parts: Sequence[Part] = ()
    servers: Sequence[Server] = ()
    first: Sequence[Callable[[], Awaitable[None]]] = ()
    again: Sequence[Callable[[], Awaitable[None]]] = ()
    kept: int = dataclasses.field(default=0, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Live until ``stop`` is set; what was answered until then is done and kept."""
        core = self.core
        for part in ("engine", "northbound"):
            core.health.report(part, State.INIT)
        async with _beside(self.background), core.scheduler, asyncio.TaskGroup() as tasks:
            result = await core.orchestrator.start(self.sources)
            _tell_start(result)
            core.health.report("engine", State.OK)
            working = tasks.create_task(core.orchestrator.run(), name="orchestrator")
            others = [
                tasks.create_task(core.feed.run(), name="feed"),
                tasks.create_task(self._remember(), name="history"),
            ]
            for look in self.first:
                await look()
            async with self._answering():
                others += [tasks.create_task(part.run(), name=repr(part)) for part in self.parts]
                await stop.wait()
                logger.info("stopping")
            await self._end(working, others)

    async def reload(self) -> None:
        """Look at everything that has a first look once more."""
        logger.info("reloading")
        for look in (*self.first, *self.again):
            try:
                await look()
            except SchedulerError as error:
                logger.error("not reloaded: %s", error)  # noqa: TRY400 - it says it all

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        started: list[Server] = []
        try:
            for server in self.servers:
                await server.start()
                started.append(server)
            self.core.health.report("northbound", State.OK)
            yield
        finally:
            async with asyncio.TaskGroup() as tasks:
                for server in started:
                    tasks.create_task(server.stop(GRACE_S))

    async def _end(
        self, working: asyncio.Task[None], others: Sequence[asyncio.Task[None]]
    ) -> None:
        self.core.orchestrator.close()
        _, late = await asyncio.wait([working], timeout=DRAIN_S)
        if late:
            logger.warning("%d changes were not begun", self.core.orchestrator.waiting)
        for task in (*late, *others):
            task.cancel()
        self._keep()
        self.store.close()

    # The history on disk.

    async def _remember(self) -> None:
        """Write down what was done, now and then: a write for each would cost more than it."""
        while True:
            await asyncio.sleep(REMEMBER_S)
            self._keep()

    def _keep(self) -> None:
        past = self.core.past
        if past is None:
            return
        new = [one for one in self.core.scheduler.history if one.number > self.kept]
        if not new:
            return
        self.kept = new[-1].number
        try:
            past.add(*new)
        except PastError as error:
            logger.warning("%s", error)


@contextlib.asynccontextmanager
async def _beside(parts: Sequence[Part]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(part.run(), name=repr(part)) for part in parts]
        yield
        for one in running:
            one.cancel()


def _tell_start(result: TransactionResult) -> None:
    done = len(result.operations)
    logger.info("as before: %d operations in %.3f s", done, result.duration_s)
    for key, error in result.errors.items():
        logger.warning("%s: %s", key, error)
