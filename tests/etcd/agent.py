# SPDX-License-Identifier: Apache-2.0
"""An engine with a plain southbound that etcd configures, for examples by hand."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from google.protobuf import json_format

from kvs_agent import models
from kvs_agent.etcd import Client
from kvs_agent.orchestrator import Orchestrator
from kvs_agent.publishing.etcd import Limits, StatusPublisher
from kvs_agent.sources.etcd import EtcdSource
from kvscheduler import Depends, Derived, InvalidValue, Scheduler, ValueState
from ligato.kvscheduler.value_status_pb2 import BaseValueStatus
from tests.engine.stage import Plain
from tests.orchestrator.stage import staged

__all__ = ["Agent", "Interfaces", "agent", "key", "published", "settled", "until", "value"]

LABEL = "vpp1"
PREFIX = f"/vnf-agent/{LABEL}/"
INTERFACES = "config/linux/interfaces/v2/interface/"


def key(name: str) -> str:
    """Return the key of an interface in etcd."""
    return f"{PREFIX}{INTERFACES}{name}"


def value(name: str, **fields: Any) -> bytes:
    """Return an interface as the predecessor writes it."""
    return json.dumps({"name": name, "type": "DUMMY", "enabled": True, **fields}).encode()


class Interfaces(Plain):
    """Interfaces that need the one that ``host_if_name`` names, and derive whether they are up."""

    def __init__(self) -> None:
        super().__init__("interfaces")
        self.key_prefix = INTERFACES
        self.transactions: list[list[str]] = []

    def validate(self, key: str, value: Any) -> None:
        if value.mtu == 1:
            raise InvalidValue("too small", fields=("mtu",))

    def dependencies(self, key: str, value: Any) -> Sequence[Depends]:
        needed = value.host_if_name
        return [Depends(INTERFACES + needed, label=f"needs-{needed}")] if needed else []

    def derived(self, key: str, value: Any) -> Sequence[Derived]:
        return [Derived(f"linux/interface/state/{value.name}", value.enabled)]

    def create(self, key: str, value: Any) -> None:
        if value.mtu == 2:
            raise RuntimeError("the southbound refuses")
        super().create(key, value)


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """What a test looks at."""

    orchestrator: Orchestrator
    source: EtcdSource
    publisher: StatusPublisher
    southbound: Interfaces

    @property
    def scheduler(self) -> Scheduler:
        return self.orchestrator.scheduler

    def state(self, name: str) -> ValueState:
        return self.scheduler.status(INTERFACES + name).state

    def holds(self, *names: str) -> bool:
        """Tell whether the southbound has just these interfaces."""
        return set(self.southbound.held) == {INTERFACES + name for name in names}

    async def applied(self, revision: int) -> None:
        """Wait until the engine has what etcd had at a revision."""
        await until(lambda: self.source.applied >= revision)


@contextlib.asynccontextmanager
async def agent(
    client: Client, limits: Limits | None = None, *, patience_s: float = 30.0, **options: Any
) -> AsyncIterator[Agent]:
    southbound = Interfaces()
    async with staged(southbound, patience_s=patience_s) as stage:
        source = EtcdSource(client, stage.orchestrator, models.decode, label=LABEL, **options)
        publisher = StatusPublisher(
            client, stage.scheduler, label=LABEL, limits=limits or Limits(ttl_s=2, pace_s=0.01)
        )
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(source.run()), tasks.create_task(publisher.run())]
            try:
                yield Agent(stage.orchestrator, source, publisher, southbound)
            finally:
                for task in running:
                    task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nothing else tells of."""
    while not holds():  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.002)


async def published(client: Client) -> dict[str, BaseValueStatus]:
    """Return the statuses in etcd, by the names of the interfaces."""
    listing = await client.get_prefix(f"{PREFIX}config-status/")
    found = {}
    for entry in listing.entries:
        status = json_format.Parse(entry.value, BaseValueStatus())
        found[entry.key.decode(errors="replace").rpartition("/")[2]] = status
    return found


async def settled(client: Client, **states: str) -> dict[str, BaseValueStatus]:
    """Wait until just these statuses are published; return them."""
    while True:
        found = await published(client)
        names = {
            name: BaseValueStatus.DESCRIPTOR.file.enum_types_by_name["ValueState"]
            .values_by_number[status.value.state]
            .name
            for name, status in found.items()
        }
        if names == states:
            return found
        await asyncio.sleep(0.01)
