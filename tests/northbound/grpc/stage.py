# SPDX-License-Identifier: Apache-2.0
"""A whole agent with a gRPC server, on real sockets; its southbound is Linux or a dictionary."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from kvs_agent.core.core import Core
from kvs_agent.daemon import compose
from kvs_agent.daemon.loading import Settings
from kvs_agent.daemon.settings import FileSettings
from kvs_agent.northbound.access import Access, Role
from kvs_agent.northbound.grpc import GrpcServer, GrpcSettings
from kvs_descriptors.linux import keys
from kvs_proto.agent.v1 import agent_pb2_grpc
from kvscheduler import Depends, Descriptor, Retrieved, ValueState
from ligato.configurator import configurator_pb2_grpc
from ligato.configurator.configurator_pb2 import Config
from ligato.generic import manager_pb2_grpc, meta_pb2_grpc
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route

PATIENCE_S = 60.0
EVERYBODY = Access(anonymous=Role.ADMIN)
NOBODY = Access(anonymous=Role.NONE)
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


class Shelf(Descriptor[Any, None]):
    """Keeps messages in a dictionary; what ``fails`` names is refused for now."""

    key_prefix = ""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.fails: set[str] = set()

    def create(self, key: str, value: Any) -> None:
        if key in self.fails:
            raise OSError("no room on the shelf")
        self.held[key] = value

    def update(self, key: str, old: Any, new: Any, metadata: None) -> None:
        self.create(key, new)

    def delete(self, key: str, value: Any, metadata: None) -> None:
        del self.held[key]

    def retrieve(self, expected: Any, keys: Any = None) -> list[Retrieved]:
        return [Retrieved(key, value) for key, value in self.held.items()]


class Interfaces(Shelf):
    name, key_prefix = "interfaces", keys.INTERFACE


class Routes(Shelf):
    name, key_prefix = "routes", keys.ROUTE

    def dependencies(self, key: str, value: Route) -> Iterable[Depends]:
        return [Depends(keys.interface(value.outgoing_interface), "interface")]


def shelves() -> tuple[Interfaces, Routes]:
    return Interfaces(), Routes()


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What a test works with."""

    core: Core
    server: GrpcServer
    channel: grpc.aio.Channel

    @property
    def configurator(self) -> Any:
        return configurator_pb2_grpc.ConfiguratorServiceStub(self.channel)  # type: ignore[no-untyped-call] # generated

    @property
    def manager(self) -> Any:
        return manager_pb2_grpc.ManagerServiceStub(self.channel)  # type: ignore[no-untyped-call] # generated

    @property
    def meta(self) -> Any:
        return meta_pb2_grpc.MetaServiceStub(self.channel)  # type: ignore[no-untyped-call] # generated

    @property
    def agent(self) -> Any:
        return agent_pb2_grpc.AgentServiceStub(self.channel)  # type: ignore[no-untyped-call] # generated


@contextlib.asynccontextmanager
async def staged(
    folder: Path,
    descriptors: Sequence[Descriptor[Any, Any]] | None = None,
    access: Access = EVERYBODY,
    **told: Any,
) -> AsyncIterator[Stage]:
    """Run an agent with a server at a unix socket, or where ``told`` says."""
    path = folder / "agent" / "grpc.sock"
    settings = GrpcSettings(**{"endpoints": (f"unix:{path}",), **told})
    whole = compose.compose(
        Settings(
            name="test-agent",
            label="test",
            config=folder,
            state=folder / "state",
            files=FileSettings(disabled=True),
        ),
        shelves() if descriptors is None else descriptors,
    )
    server = GrpcServer(whole.core, settings, access)
    ready = asyncio.Event()
    whole = dataclasses.replace(whole, servers=[server, _Bell(ready)])
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(whole.run(stop))
        await ready.wait()
        channel = grpc.aio.insecure_channel(server.addresses[0], options=OPTIONS)
        try:
            async with channel:
                yield Stage(whole.core, server, channel)
        finally:
            stop.set()


class _Bell:
    """Rings once everything before it answers."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready

    async def start(self) -> None:
        self._ready.set()

    async def stop(self, grace_s: float) -> None: ...


def play(
    folder: Path, story: Callable[[Stage], Awaitable[None]], *shelf: Any, **told: Any
) -> None:
    """Run a story on an agent."""

    async def main() -> None:
        async with staged(folder, shelf or None, **told) as stage:
            await story(stage)

    asyncio.run(main())


def interface(name: str, **more: Any) -> Interface:
    return Interface(name=name, type=Interface.DUMMY, enabled=True, **more)


def route(to: str, out: str) -> Route:
    return Route(dst_network=to, outgoing_interface=out)


def config(*values: Interface | Route) -> Config:
    made = Config()
    for value in values:
        held: Any = made.linux_config
        (held.interfaces if isinstance(value, Interface) else held.routes).append(value)
    return made


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """Return how a call ends that is not answered; also of a stream, at its first answer."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if hasattr(call, "read") else call)
    return caught.value


async def seen(stage: Stage, key: str, state: ValueState) -> None:
    """Wait until a value is in a state."""
    async for status in stage.core.scheduler.watch(key):
        if status.key == key and status.state is state:
            return
