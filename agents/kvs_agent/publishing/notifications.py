# SPDX-License-Identifier: Apache-2.0
"""Keys of all agents in etcd that this one holds as well, for as long as it lives."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence

from kvs_agent.etcd import (
    Client,
    EtcdError,
    LeaseGone,
    TooLarge,
    delete_op,
    get_op,
    put_op,
    when_leased,
)
from kvs_agent.keyspace import agent_prefix

from .lease import Lease

__all__ = ["Limits", "Notifications"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``ttl_s``: how long keys outlive an agent that was killed; ``pace_s``: between two writes.

    etcd takes 128 operations in one transaction, as it comes.
    """

    ttl_s: int = 10
    pace_s: float = 0.05
    max_operations: int = 128
    max_goodbye_s: float = 1.0


class Notifications:
    """Keeps keys below ``/vnf-agent/<agent>/``, by default those of nobody's agent ``global``.

    Several agents may hold one key; the last who has put it is who takes it away. So each looks
    thrice within ``ttl_s`` whether its own are there, and puts again what another has removed.
    """

    def __init__(self, agent: str = "global", limits: Limits | None = None) -> None:
        self._prefix = agent_prefix(agent)
        self._limits = limits or Limits()
        self._wanted: dict[str, bytes] = {}
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._lease = Lease(self._limits.ttl_s)
        self.failure = "not connected yet"

    def publish(self, key: str, data: bytes | None) -> None:
        """Hold a key from now on, or (None) no longer; never waits."""
        if data is None:
            self._wanted.pop(key, None)
        else:
            self._wanted[key] = data
        self._waiting[key] = None
        self._wake.set()

    async def run(self, client: Client) -> None:
        """Publish until cancelled; then take all of it away."""
        backoff = client.backoff()
        try:
            while True:
                try:
                    await self._round(client)
                except LeaseGone as error:
                    logger.warning("etcd: notifications are put anew: %s", error)
                    self._lease.id = 0
                except EtcdError as error:
                    self._note(str(error))
                    await backoff.pause()
                else:
                    self._note("")
                    backoff.reset()
                    await self._lease.until_needed(client, self._wake, self._limits.pace_s)
        finally:
            await self._lease.say_goodbye(client, self._limits.max_goodbye_s, "notifications")

    async def _round(self, client: Client) -> None:
        self._wake.clear()
        await self._see_to_lease(client)
        for batch in self._batches(list(self._waiting)):
            await self._write(client, batch)

    async def _see_to_lease(self, client: Client) -> None:
        now = client.clock.monotonic()
        if not self._lease.is_due(now):
            return
        if self._lease.id:
            await client.keep_alive(self._lease.id)
            for batch in self._batches(list(self._wanted)):
                await self._look(client, batch)
        else:
            self._lease.id = await client.grant(self._limits.ttl_s)
            self._waiting.update(dict.fromkeys(self._wanted))
        self._lease.renewed(now)

    async def _look(self, client: Client, batch: Sequence[str]) -> None:
        """Have those put again that are not there."""
        answer = await client.txn([get_op(self._name(key)) for key in batch])
        for key, one in zip(batch, answer.responses, strict=True):
            if not one.response_range.kvs:
                self._waiting[key] = None

    async def _write(self, client: Client, batch: Sequence[str]) -> None:
        puts = {key: self._wanted[key] for key in batch if key in self._wanted}
        if puts:
            await self._put(client, puts)
        for key in batch:
            if key not in puts:
                name = self._name(key)
                # Not where another agent has put it since.
                await client.txn([delete_op(name)], when=[when_leased(name, self._lease.id)])
                self._done(key, None)

    async def _put(self, client: Client, puts: dict[str, bytes]) -> None:
        operations = [put_op(self._name(key), data, self._lease.id) for key, data in puts.items()]
        try:
            await client.txn(operations)
        except TooLarge as error:
            if len(puts) > 1:
                for key, data in puts.items():
                    await self._put(client, {key: data})
                return
            logger.warning("etcd: %.200s is not published: %s", *puts, error)
        for key, data in puts.items():
            self._done(key, data)

    def _done(self, key: str, data: bytes | None) -> None:
        """Note that a key is written, unless it is to be another by now."""
        if self._wanted.get(key) == data:
            self._waiting.pop(key, None)

    def _batches(self, keys: Iterable[str]) -> Iterator[Sequence[str]]:
        rest = iter(keys)
        while batch := list(itertools.islice(rest, self._limits.max_operations)):
            yield batch

    def _name(self, key: str) -> bytes:
        return f"{self._prefix}{key}".encode("utf-8", "surrogateescape")

    def _note(self, failure: str) -> None:
        if failure and not self.failure:
            logger.warning("etcd: notifications cannot be published: %s", failure)
        self.failure = failure
