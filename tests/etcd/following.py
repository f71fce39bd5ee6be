# SPDX-License-Identifier: Apache-2.0
"""A reader that puts together what a watch says, and notes how it was told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

from kvs_agent.etcd import Change, Client, Entry, Reason, Settings, Snapshot, Watch

__all__ = ["Follower", "client", "quick"]


def quick(*endpoints: str, **changes: object) -> Settings:
    """Return settings with which a dead peer is noticed soon."""
    values: dict[str, object] = {
        "endpoints": endpoints,
        "heartbeat_s": 0.2,
        "silence_s": 1.0,
        "retry_max_s": 0.2,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]  # fields by name


@contextlib.asynccontextmanager
async def client(*endpoints: str, **changes: object) -> AsyncIterator[Client]:
    async with Client(quick(*endpoints, **changes)) as made:
        yield made


class Follower:
    """Reads a watch in a task of its own; ``state`` is what the watch says there is."""

    def __init__(self, client: Client, prefix: str = "/p/") -> None:
        self.watch: Watch = client.watch(prefix)
        self.state: dict[bytes, Entry] = {}
        self.snapshots: list[Reason] = []
        self.revisions: list[int] = []
        self.changes: list[Change] = []
        self.news: list[Snapshot | Change] = []
        self._moved = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._task = self._group.create_task(self._follow())
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._task.cancel()
        await self._group.__aexit__(None, None, None)

    async def _follow(self) -> None:
        async with self.watch:
            async for news in self.watch:
                self._take(news)
                self._moved.set()

    def _take(self, news: Snapshot | Change) -> None:
        self.news.append(news)
        if isinstance(news, Snapshot):
            self.snapshots.append(news.reason)
            self.state = {entry.key: entry for entry in news.entries}
        else:
            self.changes.append(news)
            for key, entry in news.events:
                if entry is None:
                    del self.state[key]  # an event of a key that is not there would be a lie
                else:
                    assert entry.mod_revision == news.revision
                    self.state[key] = entry
        if self.revisions and not isinstance(news, Snapshot):
            assert news.revision > self.revisions[-1], "a revision came twice, or too late"
        self.revisions.append(news.revision)

    async def until(self, revision: int) -> None:
        """Wait until so much has been told."""
        while not self.revisions or self.revisions[-1] < revision:
            await self.moved()

    async def until_connected(self, *, connected: bool = True) -> None:
        while self.watch.health.connected is not connected:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)

    async def until_error(self) -> None:
        while not self.watch.health.error:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)

    async def moved(self) -> None:
        """Wait for the next piece of news, or see that the follower has failed."""
        self._moved.clear()
        await self._moved.wait()

    @property
    def values(self) -> dict[bytes, bytes]:
        return {key: entry.value for key, entry in self.state.items()}
