# SPDX-License-Identifier: Apache-2.0
"""Statuses in etcd, for as long as this agent lives and can say so."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Protocol

from google.protobuf import json_format

from kvs_agent.etcd import Client, EtcdError, Health, LeaseGone, TooLarge, delete_op, put_op
from kvs_agent.keyspace import CONFIG, STATUS, agent_prefix
from kvs_agent.value_status import base_status
from kvs_proto.etcd.v1 import etcd_pb2
from kvscheduler import ValueState, ValueStatus
from ligato.kvscheduler.value_status_pb2 import BaseValueStatus

from .lease import Lease

__all__ = ["Limits", "Scheduler", "StatusPublisher"]

logger = logging.getLogger(__name__)

_GONE = (ValueState.NONEXISTENT, ValueState.REMOVED)
# What may stand in etcd under a key, when it is not known for sure.
_UNSURE = b"?"


class Scheduler(Protocol):
    """What of the engine is looked at."""

    def watch(self, prefix: str = "") -> AsyncIterator[ValueStatus]:
        """Yield statuses, the present ones first."""

    def status(self, key: str) -> ValueStatus:
        """Return where a value stands."""

    def statuses(self, prefix: str = "") -> Iterable[ValueStatus]:
        """Return where all values stand."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much at once, and how often.

    ``ttl_s``: how long statuses outlive an agent that was killed. ``pace_s``: the least time
    between two rounds of writing; what changes meanwhile is written once, as it then stands.
    etcd takes 128 operations and 1.5 MiB in one transaction, as it comes.
    """

    ttl_s: int = 10
    pace_s: float = 0.05
    max_operations: int = 128
    max_batch_bytes: int = 512 << 10
    max_status_bytes: int = 64 << 10
    max_goodbye_s: float = 1.0


class StatusPublisher:
    """Keeps in ``/vnf-agent/<label>/config-status/`` how the values below ``config/`` stand.

    Each is JSON of ``ligato.kvscheduler.BaseValueStatus``, and hangs on a lease, so that they go
    when the agent does. Once etcd has lost the lease everything is put anew, and what an earlier
    life has left is removed. What it remembers is bounded by the values of the engine.
    """

    def __init__(
        self, client: Client, scheduler: Scheduler, *, label: str, limits: Limits | None = None
    ) -> None:
        self._client = client
        self._scheduler = scheduler
        self._limits = limits or Limits()
        self._prefix = (agent_prefix(label) + STATUS).encode()
        # Fewer than the limit, where the server turns out to take less.
        self._most = self._limits.max_operations
        self._lease = Lease(self._limits.ttl_s)
        self._written: dict[str, bytes] = {}
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._is_over = False
        self._health = Health(connected=False, since=client.clock.now())

    @property
    def health(self) -> Health:
        """Return whether statuses can be written; ``revision`` is etcd's at the last write."""
        return self._health

    async def run(self) -> None:
        """Publish until the scheduler is closed, or until cancelled; then take it all away."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(), name="statuses to publish")
                group.create_task(self._publish(), name="statuses to etcd")
        finally:
            await self._lease.say_goodbye(self._client, self._limits.max_goodbye_s, "statuses")

    async def _listen(self) -> None:
        async for status in self._scheduler.watch():
            self._note_change(status)
        self._is_over = True
        self._wake.set()

    def _note_change(self, status: ValueStatus) -> None:
        """Have the status of a value, or that of its base, looked at and written."""
        key = status.base or status.key
        if key.startswith(CONFIG):
            self._waiting[key] = None
            self._wake.set()

    async def _publish(self) -> None:
        backoff = self._client.backoff()
        while not self._is_over:
            try:
                await self._round()
            except LeaseGone as error:
                logger.warning("etcd: statuses are put anew: %s", error)
                self._lease.id = 0
            except EtcdError as error:
                self._note(connected=False, error=str(error))
                await backoff.pause()
            else:
                backoff.reset()
                await self._lease.until_needed(self._client, self._wake, self._limits.pace_s)

    async def _round(self) -> None:
        """Write all that waits, and see to the lease."""
        self._wake.clear()
        await self._see_to_lease()
        while self._waiting:
            await self._write(list(self._batch()))
            await self._see_to_lease()

    # --- the lease -------------------------------------------------------------------------------

    async def _see_to_lease(self) -> None:
        now = self._client.clock.monotonic()
        if not self._lease.is_due(now):
            return
        if self._lease.id:
            await self._client.keep_alive(self._lease.id)
        else:
            await self._begin_anew()
        self._lease.renewed(now)
        self._note(connected=True)

    async def _begin_anew(self) -> None:
        """Take a lease, and have everything written; what else is there is left from before."""
        lease = await self._client.grant(self._limits.ttl_s)
        there = await self._client.get_prefix(self._prefix, keys_only=True)
        self._written.clear()
        for entry in there.entries:
            key = CONFIG + entry.key[len(self._prefix) :].decode("utf-8", "surrogateescape")
            self._written[key] = _UNSURE
        for status in self._scheduler.statuses(CONFIG):
            self._note_change(status)
        self._waiting.update(dict.fromkeys(self._written))
        self._lease.id = lease

    # --- writing ---------------------------------------------------------------------------------

    def _batch(self) -> Iterator[tuple[str, bytes | None]]:
        """Take from what waits as much as fits into one transaction, as it stands now."""
        count = size = 0
        while self._waiting and count < self._most and size < self._limits.max_batch_bytes:
            key = next(iter(self._waiting))
            # Before it is looked at: what changes from now on waits again.
            del self._waiting[key]
            data = self._present(key)
            if data != self._written.get(key):
                count += 1
                size += len(key) + len(data or b"")
                yield key, data

    def _present(self, key: str) -> bytes | None:
        status = self._scheduler.status(key)
        if status.state in _GONE:
            return None
        message = base_status(status)
        if message.ByteSize() > self._limits.max_status_bytes:
            _shorten(message, self._limits.max_status_bytes)
        return json_format.MessageToJson(message, indent=None).encode()

    async def _write(self, batch: list[tuple[str, bytes | None]]) -> None:
        if not batch:
            return
        try:
            answer = await self._client.txn([self._operation(key, data) for key, data in batch])
        except BaseException as error:
            # All of it may have been done all the same.
            for key, _ in batch:
                self._written[key] = _UNSURE
            if isinstance(error, TooLarge):
                self._take_less(batch, error)
                return
            self._waiting.update((key, None) for key, _ in batch)
            raise
        for key, data in batch:
            if data is None:
                del self._written[key]
            else:
                self._written[key] = data
        self._note(connected=True, revision=answer.header.revision)

    def _take_less(self, batch: list[tuple[str, bytes | None]], error: TooLarge) -> None:
        """Write fewer at once, or, where it is one status that is too large, go on without it."""
        if len(batch) == 1:
            logger.warning("etcd: the status of %s is not published: %s", batch[0][0], error)
            self._most = self._limits.max_operations
        else:
            self._waiting.update((key, None) for key, _ in batch)
            self._most = len(batch) // 2

    def _operation(self, key: str, data: bytes | None) -> etcd_pb2.RequestOp:
        name = self._prefix + key[len(CONFIG) :].encode("utf-8", "surrogateescape")
        return delete_op(name) if data is None else put_op(name, data, self._lease.id)

    def _note(self, *, connected: bool, error: str = "", revision: int = 0) -> None:
        health = self._health
        if connected != health.connected:
            if not connected:
                logger.warning("etcd: statuses cannot be published: %s", error)
            since = self._client.clock.now()
            health = dataclasses.replace(health, connected=connected, since=since)
        self._health = dataclasses.replace(
            health, error=error or health.error, revision=revision or health.revision
        )


def _shorten(message: BaseValueStatus, most: int) -> None:
    """Leave out what makes a status too long to be published: derived values, long texts."""
    value = message.value
    left_out = len(message.derived_values)
    message.ClearField("derived_values")
    value.error = value.error[: most // 8]
    details = [detail[: most // 64] for detail in value.details[:8]]
    value.ClearField("details")
    value.details.extend([*details, f"too long; without {left_out} derived values"])
