# SPDX-License-Identifier: Apache-2.0
"""A REST server on a real socket, before a real engine, and who asks it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import aiohttp

from kvs_agent.core.core import About, Core
from kvs_agent.core.health import Health, State
from kvs_agent.northbound.access import Access, Role
from kvs_agent.northbound.rest import RestServer, RestSettings
from kvs_agent.past import Past
from kvscheduler import Depends, Derived, Descriptor, InvalidValue
from tests.engine.stage import Plain
from tests.orchestrator.stage import staged

__all__ = [
    "ADMIN",
    "INTERFACES",
    "Interfaces",
    "Reply",
    "Site",
    "document",
    "play",
    "served",
    "why_not",
]

INTERFACES = "config/linux/interfaces/v2/interface/"
ADMIN = Access(anonymous=Role.ADMIN)


class Interfaces(Plain):
    """Interfaces in memory; ``host_if_name`` names the one that each needs. MTU 1 is invalid, and
    that of 666 fails; ``gate`` holds up what is to be made, ``begun`` says that it has come to it.
    """  # noqa: D205 - one thought

    def __init__(self) -> None:
        super().__init__("interfaces")
        self.key_prefix = INTERFACES
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    def validate(self, key: str, value: Any) -> None:
        if value.mtu == 1:
            raise InvalidValue("too small", fields=("mtu",))

    def dependencies(self, key: str, value: Any) -> Sequence[Depends]:
        needed = value.host_if_name
        return [Depends(INTERFACES + needed, label=f"needs-{needed}")] if needed else []

    def derived(self, key: str, value: Any) -> Sequence[Derived]:
        return [Derived(f"linux/interface/state/{value.name}", value.enabled)]

    def retrieve(self, expected: Any, keys: Any = None) -> Iterable[Any]:
        return self.found(keys)

    async def create(self, key: str, value: Any) -> Any:
        self.begun.set()
        await self.gate.wait()
        if value.mtu == 666:
            raise OSError("the southbound refuses")
        Plain.create(self, key, value)


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> str:
        return str(self.data["Error"])


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A server that runs, and a client that talks to it."""

    server: RestServer
    session: aiohttp.ClientSession
    core: Core

    @property
    def address(self) -> str:
        return self.server.addresses[0]

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        scheme = more.pop("scheme", "http")
        url = f"{scheme}://{self.address}{path}"
        async with self.session.request(method, url, data=body, **more) as answer:
            return Reply(answer.status, dict(answer.headers), await answer.text())

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.ask("GET", path, **more)

    async def data(self, path: str) -> Any:
        """Return what a path has, which has to be JSON and there."""
        reply = await self.get(path)
        assert reply.status == 200, reply
        return reply.data

    async def put(self, *interfaces: Any, query: str = "", **more: Any) -> Reply:
        """Want interfaces."""
        return await self.ask("PUT", f"/configuration{query}", document(*interfaces), **more)


def document(*interfaces: Any) -> str:
    """Return a configuration; of an interface either the name or the fields."""
    ones = [one if isinstance(one, dict) else {"name": one} for one in interfaces]
    full = [{"type": "DUMMY", "enabled": True, **one} for one in ones]
    return json.dumps({"linuxConfig": {"interfaces": full}})


@contextlib.asynccontextmanager
async def served(
    *descriptors: Descriptor[Any, Any],
    access: Access = ADMIN,
    connector: aiohttp.BaseConnector | None = None,
    past: Past | None = None,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """Run a server; ``options`` are the orchestrator's."""
    settings.setdefault("endpoint", "127.0.0.1:0")
    async with staged(*(descriptors or [Interfaces()]), **(options or {})) as stage:
        health = Health()
        health.report("engine", State.OK)
        core = Core(
            scheduler=stage.scheduler,
            orchestrator=stage.orchestrator,
            feed=stage.feed,
            health=health,
            about=About(name="agent", version="1.2.3", label="vpp1", started=time.time()),
            past=past,
        )
        server = RestServer(core, RestSettings(**settings), access)
        await server.start()
        try:
            async with aiohttp.ClientSession(connector=connector) as session:
                yield Site(server, session, core)
        finally:
            await server.stop(1.0)


def play(
    story: Callable[[Site], Awaitable[None]], *descriptors: Descriptor[Any, Any], **more: Any
) -> None:
    """Run a story with a server."""

    async def main() -> None:
        async with served(*descriptors, **more) as site:
            await story(site)

    asyncio.run(main())


def why_not(**settings: Any) -> Exception:
    """Return what keeps a server from starting."""

    async def started(_site: Site) -> None:
        raise AssertionError("started")

    try:
        play(started, **settings)
    except ExceptionGroup as group:
        (error,) = group.exceptions
        assert isinstance(error, Exception)
        return error
    raise AssertionError("unreachable")
