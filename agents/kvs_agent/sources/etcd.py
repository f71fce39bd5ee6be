# SPDX-License-Identifier: Apache-2.0
"""Configuration in etcd: one etcd transaction is one of the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from kvs_agent.etcd import Change, Client, Entry, Health, Report, Snapshot
from kvs_agent.keyspace import CONFIG, agent_prefix
from kvs_agent.orchestrator import Item, Sink
from kvscheduler import SchedulerClosed, SchedulerError, Unreadable

__all__ = ["EtcdSource"]

logger = logging.getLogger(__name__)

Decode = Callable[[str, bytes], object]

# After so many values others on the loop are let in: heartbeats, calls, the engine.
_BREATH = 200


class EtcdSource:
    """Follows ``/vnf-agent/<label>/config/`` and hands it to a sink, under the name ``etcd``.

    ``decode`` makes a value of a key without the agent's prefix and its bytes; where it cannot, it
    returns ``Unreadable``, and that key alone is the worse for it. ``allow_delayed_start``: etcd
    may come later; without it ``run`` raises ``etcd.Unavailable`` where it is not there at first.
    ``report`` is told of its health.
    """

    name = "etcd"

    def __init__(
        self,
        client: Client,
        sink: Sink,
        decode: Decode,
        *,
        label: str,
        allow_delayed_start: bool = True,
        report: Report | None = None,
    ) -> None:
        self._client = client
        self._sink = sink
        self._decode = decode
        self._allow_delayed_start = allow_delayed_start
        self._cut = len(agent_prefix(label).encode())
        self._prefix = agent_prefix(label) + CONFIG
        self._watch = client.watch(self._prefix, report)
        self._applied = 0
        self._synced = asyncio.Event()

    @property
    def health(self) -> Health:
        """Return whether changes are heard of; ``revision`` is the last one received."""
        return self._watch.health

    @property
    def applied(self) -> int:
        """Return the last revision that the sink has taken; 0 before the first."""
        return self._applied

    @property
    def is_synced(self) -> bool:
        """Tell whether the sink has taken all that etcd held, at least once."""
        return self._synced.is_set()

    async def until_synced(self) -> None:
        """Wait until ``is_synced``."""
        await self._synced.wait()

    async def run(self) -> None:
        """Follow etcd until cancelled."""
        if not self._allow_delayed_start:
            await self._client.get(self._prefix)
        backoff = self._client.backoff()
        async with self._watch as watch:
            async for news in watch:
                try:
                    await self._take(news)
                except SchedulerClosed:
                    raise
                except SchedulerError:
                    # Whatever has come of it, what follows from the whole of it is right again.
                    logger.exception("etcd: revision %d could not be taken", news.revision)
                    watch.list_anew()
                    await backoff.pause()
                else:
                    backoff.reset()

    async def _take(self, news: Snapshot | Change) -> None:
        if isinstance(news, Snapshot):
            await self._replace(news)
        else:
            await self._change(news)
        self._applied = news.revision
        self._synced.set()

    async def _replace(self, snapshot: Snapshot) -> None:
        items = await self._items(snapshot.entries)
        logger.info("etcd: %d values at revision %d", len(items), snapshot.revision)
        description = f"etcd at revision {snapshot.revision}"
        await self._sink.replace(self.name, items, description=description)

    async def _change(self, change: Change) -> None:
        items: dict[str, Item | None] = {}
        for key, entry in change.events:
            items[self._key(key)] = None if entry is None else self._item(entry)
        description = f"etcd revision {change.revision}"
        await self._sink.change(self.name, items, description=description)

    async def _items(self, entries: Iterable[Entry]) -> dict[str, Item]:
        items: dict[str, Item] = {}
        for count, entry in enumerate(entries, 1):
            items[self._key(entry.key)] = self._item(entry)
            if count % _BREATH == 0:
                await asyncio.sleep(0)
        return items

    def _key(self, key: bytes) -> str:
        """Return the key as the engine has it; what is no text is shown as Python would."""
        return key[self._cut :].decode("utf-8", "backslashreplace")

    def _item(self, entry: Entry) -> Item:
        try:
            key = entry.key[self._cut :].decode()
        except UnicodeDecodeError:
            return Item(Unreadable("the key is not UTF-8"))
        try:
            return Item(self._decode(key, entry.value))
        except Exception as error:
            # Whatever it is, the other keys are not to suffer.
            logger.exception("etcd: %s cannot be read", key)
            return Item(Unreadable(f"{type(error).__name__}: {error}"))
