# SPDX-License-Identifier: Apache-2.0
"""A whole agent on a mock southbound: how soon it is ready, how soon etcd's word is done."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc

from kvs_agent import etcd
from kvs_agent.daemon.compose import compose
from kvs_agent.daemon.loading import Settings
from kvs_agent.daemon.settings import EtcdSettings
from kvs_agent.northbound.grpc.settings import GrpcSettings
from kvs_agent.northbound.rest.settings import RestSettings
from kvs_agent.orchestrator import Item, Wish
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2
from kvscheduler import Descriptor
from ligato.configurator import configurator_pb2
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.linux_pb2 import ConfigData
from tests.etcd.server import Etcd, binary

from .measure import yardstick
from .table import Row, seconds

__all__ = ["Mock", "living", "rows", "settings"]

LABEL = "bench"
PREFIX = f"/vnf-agent/{LABEL}/"
BATCH = 100  # of etcd's own limit of 128 operations in a transaction
WAIT_S = 60.0
PLANS = 5


class Mock(Descriptor[Any, None]):
    """Takes all interfaces at once, and tells when the last one that is awaited has come."""

    name = "mock"
    key_prefix = keys.INTERFACE

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.calls = 0
        self.awaited = 0
        self.done = asyncio.Event()

    def create(self, key: str, value: Any) -> None:
        """Take a value."""
        self.values[key] = value
        self.calls += 1
        if self.calls >= self.awaited:
            self.done.set()

    def update(self, key: str, old: Any, new: Any, metadata: None) -> None:
        """Take another value."""
        self.create(key, new)

    def delete(self, key: str, value: Any, metadata: None) -> None:
        """Let go of a value."""
        self.values.pop(key, None)

    async def until(self, calls: int) -> None:
        """Wait until so many more values have been taken."""
        self.awaited = self.calls + calls
        self.done.clear()
        async with asyncio.timeout(WAIT_S):
            await self.done.wait()


def value(number: int, address: int = 1) -> Interface:
    """Return one of many interfaces."""
    name = f"loop{number}"
    return Interface(
        name=name, type=Interface.LOOPBACK, enabled=True, ip_addresses=[f"10.0.0.{address}/32"]
    )


def settings(folder: Path, endpoints: tuple[str, ...] = ()) -> Settings:
    """Return what an agent below a folder is told."""
    return Settings(
        name="benchmark",
        label=LABEL,
        config=folder / "conf",
        state=folder / "state",
        etcd=EtcdSettings(endpoints=endpoints, publish_status=bool(endpoints)),
        grpc=GrpcSettings(endpoints=(f"unix:{folder / 'run' / 'grpc.sock'}",)),
        rest=RestSettings(disabled=True),
    )


@contextlib.asynccontextmanager
async def living(told: Settings, mock: Mock) -> AsyncIterator[Any]:
    """Have an agent live for a while."""
    agent, stop = compose(told, [mock]), asyncio.Event()
    life = asyncio.create_task(agent.run(stop))
    try:
        async with asyncio.timeout(WAIT_S):
            while not agent.core.health.is_ready:  # noqa: ASYNC110 - as a supervisor would ask
                await asyncio.sleep(0.001)
        yield agent
    finally:
        stop.set()
        await life


async def _fill(client: etcd.Client, count: int) -> None:
    for first in range(0, count, BATCH):
        operations = []
        for number in range(first, min(first + BATCH, count)):
            data = {"name": f"loop{number}", "type": "LOOPBACK", "enabled": True}
            key = PREFIX + keys.interface(f"loop{number}")
            operations.append(etcd.put_op(key.encode(), json.dumps(data).encode()))
        await client.txn(operations)


async def _from_etcd(folder: Path, endpoint: str, count: int, changes: int) -> tuple[float, float]:
    """Return the seconds for all keys at the start, and for one change, the median."""
    mock = Mock()
    async with etcd.Client(etcd.Settings(endpoints=(endpoint,))) as client:
        await _fill(client, count)
        started = time.perf_counter()
        mock.awaited = count
        async with living(settings(folder, (endpoint,)), mock):
            first_s = time.perf_counter() - started
            assert len(mock.values) == count
            samples = []
            for number in range(changes):
                data = {"name": f"loop{number}", "type": "LOOPBACK", "mtu": 1400}
                key = PREFIX + keys.interface(f"loop{number}")
                done = asyncio.create_task(mock.until(1))
                await asyncio.sleep(0)
                began = time.perf_counter()
                await client.put(key, json.dumps(data).encode())
                await done
                samples.append(time.perf_counter() - began)
    return first_s, statistics.median(samples)


async def _prepare(folder: Path, count: int) -> None:
    async with living(settings(folder), Mock()) as agent:
        changes = {keys.interface(f"loop{number}"): Item(value(number)) for number in range(count)}
        await agent.core.orchestrator.apply(Wish(source="grpc", changes=changes))


async def _over_grpc(folder: Path, count: int, updates: int) -> tuple[float, float]:
    """Return the median seconds of an update that is waited for, and of a large plan."""
    told = settings(folder)
    async with living(told, Mock()), grpc.aio.insecure_channel(told.grpc.endpoints[0]) as channel:
        update = channel.unary_unary(
            "/ligato.configurator.ConfiguratorService/Update",
            request_serializer=configurator_pb2.UpdateRequest.SerializeToString,
            response_deserializer=configurator_pb2.UpdateResponse.FromString,
        )
        samples = []
        for number in range(updates):
            interfaces = [value(number % 100, number % 250)]
            config = configurator_pb2.Config(linux_config=ConfigData(interfaces=interfaces))
            began = time.perf_counter()
            await update(configurator_pb2.UpdateRequest(update=config, wait_done=True))
            samples.append(time.perf_counter() - began)
        plan = channel.unary_unary(
            "/kvscheduler.agent.v1.AgentService/Plan",
            request_serializer=agent_pb2.PlanRequest.SerializeToString,
            response_deserializer=agent_pb2.PlanResponse.FromString,
        )
        many = ConfigData(interfaces=[value(number) for number in range(1_000, 1_000 + count)])
        change = agent_pb2.Change(values=configurator_pb2.Config(linux_config=many))
        plans = []
        for _ in range(PLANS):
            began = time.perf_counter()
            answer = await plan(agent_pb2.PlanRequest(change=change))
            plans.append(time.perf_counter() - began)
            assert len(answer.plan.operations) == count
    return statistics.median(samples), statistics.median(plans)


def _start(folder: Path) -> float:
    """Return the seconds from the start of a process until its agent is ready."""
    command = [sys.executable, "-m", "benchmarks.agent", str(folder)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return time.perf_counter() - started


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the figures."""
    count, stored, changes, starts = (1_000, 100, 50, 2) if quick else (10_000, 1_000, 500, 5)
    yard_s = min(yardstick() for _ in range(5))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(_prepare(folder / "stored", stored))
        samples = [_start(folder / "stored") for _ in range(starts)]
        yield _row(f"agent: process to ready, {stored:,} stored values", samples, yard_s, "1 s")
        update_s, plan_s = asyncio.run(_over_grpc(folder / "grpc", count, changes))
        yield _row("agent: gRPC Update of one value, wait_done", [update_s], yard_s, "3 ms")
        yield _row(f"agent: plan of {count:,} values over gRPC", [plan_s], yard_s, "0.5 s")
        if binary() is None:
            yield Row("agent and etcd", "not measured: etcd is not installed")
            return
        server = Etcd(folder / "etcd")
        server.start()
        try:
            first_s, change_s = asyncio.run(
                _from_etcd(folder / "etcd-agent", server.endpoint, count, changes)
            )
        finally:
            server.kill()
        yield _row(f"agent: {count:,} keys from etcd applied", [first_s], yard_s, "2 s")
        yield _row("agent: a key put in etcd is applied", [change_s], yard_s, "5 ms")


def _row(what: str, samples: list[float], yard_s: float, reach: str) -> Row:
    best = min(samples)
    median = seconds(statistics.median(samples))
    return Row(what, seconds(best), median, "", f"{best / yard_s:.3g}", reach)


async def _be_an_agent(folder: Path) -> None:
    async with living(settings(folder), Mock()):
        print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(_be_an_agent(Path(sys.argv[1])))
