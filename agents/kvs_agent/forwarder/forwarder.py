# SPDX-License-Identifier: Apache-2.0
"""A forwarder's life: what stood before is taken up again, then it serves, and is to be found."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from kvs_descriptors import linux, netalloc
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.identity.source import Source
from kvs_descriptors.nsm.identity.workload import WorkloadApi
from kvs_descriptors.nsm.standing.presence import Presence, Registered
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint, NetworkServiceLabels
from kvscheduler import Descriptor, Scheduler

from . import ends, records
from .cables import Cables
from .following import Followers
from .forwarding import Forwarding, Wing
from .hops import Finder, Hops
from .kept import Kept
from .server import ForwarderServer
from .settings import Settings, SettingsError

__all__ = ["Forwarder"]

logger = logging.getLogger(__name__)

SERVICE: Final = "forwarder"
LABELS: Final = {"p2p": "true"}
# Marks addresses and routes: on the very interfaces that agents configure further.
PROTOCOL: Final = 108

_WITHDRAW_S: Final = 2.0


class Forwarder:
    """One forwarder; ``run`` is its whole life. Connections outlive it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._api = WorkloadApi(settings.workload_api) if settings.workload_api else None
        self._kept = Kept(settings.runtime / "netns")
        self._is_serving = False
        self._is_registered = False
        self._scheduler = Scheduler(
            self._descriptors(), journal=settings.state / "journal.db", recover=False
        )

    def _descriptors(self) -> list[Descriptor[Any, Any]]:
        kernel = linux.Kernel(f"nsm-{self._settings.name}", protocol=PROTOCOL)
        return [
            records.RecordDescriptor(),
            linux.NamespaceDescriptor(kernel, watch=True),
            linux.InterfaceDescriptor(kernel),
            *netalloc.descriptors(),
            linux.AddressDescriptor(kernel),
            linux.RouteDescriptor(kernel),
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Live until ``stop`` is set."""
        async with asyncio.TaskGroup() as tasks:
            others = [tasks.create_task(self._api.run())] if self._api is not None else []
            life = tasks.create_task(self._live(stop))
            stopped = tasks.create_task(stop.wait())
            await asyncio.wait([life, stopped], return_when=asyncio.FIRST_COMPLETED)
            # It ends by itself, unless it waits for an identity still.
            if not self._is_serving:
                life.cancel()
            await asyncio.wait([life])
            for task in (*others, stopped):
                task.cancel()

    async def _live(self, stop: asyncio.Event) -> None:
        settings, source = self._settings, self._api
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._scheduler)
            known = await self._known()
            manager = Links(settings.manager, source, token_life=settings.token_life)
            stack.push_async_callback(manager.close)
            server, forwarding = self._server(manager, source, stack)
            for record in known:
                # How long the last request was meant to last, counted from now: not too short.
                server.take_up(forwarding.take_up(record), record.life_s)
            try:
                await stack.enter_async_context(server)
            except (OSError, RuntimeError) as error:  # of gRPC's
                text = f"{settings.listen}: nothing can be served there: {error}"
                raise SettingsError(text) from error
            logger.info("%s serves at %s", settings.name, server.address)
            presence = Presence(manager, self._endpoint(server), self._tell)
            async with _running(presence):
                self._is_serving = True
                await stop.wait()
                logger.info("stopping; %d connections stay", forwarding.count)

    def _tell(self, state: Registered) -> None:
        is_registered = state.until is not None
        if is_registered and not self._is_registered:
            logger.info("registered as %s", self._settings.name)
        self._is_registered = is_registered

    async def _known(self) -> list[Forwarded]:
        """Bring the kernel to what stood before; return the connections."""
        known: list[Forwarded] = [*self._scheduler.values(records.PREFIX).values()]
        await self._kept.begin(
            pair
            for one in known
            for pair in (
                (one.client_namespace, ends.end(one.told.mechanism).namespace),
                (one.endpoint_namespace, ends.end(one.onward.mechanism).namespace),
            )
        )
        result = await self._scheduler.resync("full")
        done = len(result.operations)
        logger.info("%d connections as before: %d operations", len(known), done)
        for key, error in result.errors.items():
            logger.warning("%s: %s", key, error)
        return known

    def _server(
        self, manager: Links, source: Source | None, stack: contextlib.AsyncExitStack
    ) -> tuple[ForwarderServer, Forwarding]:
        settings = self._settings
        server = ForwarderServer(
            settings.listen, source, settings.name, token_life=settings.token_life
        )
        hops = Hops(source, token_life=settings.token_life)
        wing = Wing(
            hops=hops,
            finder=Finder(manager),
            cables=Cables(self._scheduler),
            kept=self._kept,
            followers=Followers(hops, settings.name, server.book.mark),
        )
        forwarding = Forwarding(wing, server.book.lose)
        server.forward(forwarding)
        stack.push_async_callback(wing.followers.close)
        stack.push_async_callback(forwarding.aclose)
        return server, forwarding

    def _endpoint(self, server: ForwarderServer) -> NetworkServiceEndpoint:
        endpoint = NetworkServiceEndpoint(
            name=self._settings.name, network_service_names=[SERVICE], url=str(server.address)
        )
        endpoint.network_service_labels[SERVICE].CopyFrom(NetworkServiceLabels(labels=LABELS))
        return endpoint


@contextlib.asynccontextmanager
async def _running(presence: Presence) -> AsyncIterator[None]:
    """Have it to be found meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(presence.run())
        yield
        task.cancel()
    try:
        async with asyncio.timeout(_WITHDRAW_S):
            await presence.withdraw()
    except (MeshError, TimeoutError) as error:
        logger.info("not withdrawn: %s", error)
