# SPDX-License-Identifier: Apache-2.0
"""An orchestrator that runs on plain descriptors, for examples by hand."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from kvs_agent.orchestrator import Feed, Item, Orchestrator, Store, Wish
from kvscheduler import Descriptor, Scheduler, ValueState

__all__ = ["Stage", "play", "staged"]

_PATIENCE_S = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What a test works with."""

    orchestrator: Orchestrator
    feed: Feed

    @property
    def scheduler(self) -> Scheduler:
        return self.orchestrator.scheduler

    async def apply(self, source: str = "grpc", /, **values: Any) -> Any:
        """Have a source hold values under keys below ``a/``, strictly."""
        return await self.orchestrator.apply(wish(source, **values))

    async def change(self, source: str, /, **values: Any) -> Any:
        """Have a source that nobody waits for hold values."""
        return await self.orchestrator.change(source, items(**values))

    def state(self, name: str) -> ValueState:
        return self.scheduler.status(f"a/{name}").state


def items(**values: Any) -> dict[str, Item | None]:
    found = values.items()
    return {f"a/{name}": None if value is None else Item(value) for name, value in found}


def wish(source: str = "grpc", /, **values: Any) -> Wish:
    return Wish(source=source, changes=items(**values))


@contextlib.asynccontextmanager
async def staged(
    *descriptors: Descriptor[Any, Any],
    path: Path | None = None,
    sources: tuple[str, ...] = ("file", "etcd"),
    patience_s: float = _PATIENCE_S,
    **options: Any,
) -> AsyncIterator[Stage]:
    """Run an orchestrator; its store is kept beside ``path``, if there is one."""
    async with asyncio.timeout(patience_s), Scheduler(descriptors) as scheduler:
        store = Store(path)
        orchestrator = Orchestrator(scheduler, store, **options)
        feed = Feed(scheduler)
        await orchestrator.start(sources)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(orchestrator.run())
            following = tasks.create_task(feed.run())
            try:
                yield Stage(orchestrator, feed)
            finally:
                orchestrator.close()
                following.cancel()
        store.close()


def play(
    story: Callable[[Stage], Awaitable[None]], *descriptors: Descriptor[Any, Any], **options: Any
) -> None:
    """Run a story on an orchestrator."""

    async def main() -> None:
        async with staged(*descriptors, **options) as stage:
            await story(stage)

    asyncio.run(main())
