# SPDX-License-Identifier: Apache-2.0
"""Network Service Mesh as a part of an agent: an identity, the way to the manager, descriptors."""

from __future__ import annotations

import asyncio
import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kvs_agent.core.health import Health, State
from kvs_agent.publishing.notifications import Notifications
from kvs_descriptors.nsm import endpoints, finding
from kvs_descriptors.nsm.clients.descriptor import ClientDescriptor, ConnectionDescriptor, Place
from kvs_descriptors.nsm.errors import MeshError
from kvs_descriptors.nsm.identity import workload
from kvs_descriptors.nsm.identity.workload import WorkloadApi
from kvs_descriptors.nsm.interfaces import Interface
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links
from kvscheduler import Descriptor

from .settings import NsmSettings

__all__ = ["Mesh", "MeshPart"]

# So often a manager that is there is looked at, and one that is not.
_LOOK_S: Final = 5.0
_LOOK_AGAIN_S: Final = 1.0


class Mesh:
    """What an agent has of a mesh; ``interface`` configures the interfaces that come of it."""

    def __init__(self, settings: NsmSettings, label: str, interface: Interface) -> None:
        self.source: WorkloadApi | None = None
        if settings.spiffe_socket:
            named = {workload.ENDPOINT_VARIABLE: settings.spiffe_socket}
            self.source = WorkloadApi(workload.endpoint(named))
        self._settings = settings
        self._name = settings.name or label
        self._life = datetime.timedelta(seconds=settings.token_life_s)
        self._interface = interface
        self.links = Links(Address.parse(settings.connect_to), self.source, token_life=self._life)
        # For who has a way to etcd to run.
        self.notifications = Notifications() if settings.publish_notifications else None
        self.descriptors = tuple(self._descriptors())

    def part(self, health: Health) -> MeshPart:
        """Return what has to run for all this to be of use."""
        return MeshPart(self, health)

    def _descriptors(self) -> Iterator[Descriptor[Any, Any]]:
        settings = self._settings
        namespace = settings.namespace or Path(f"/proc/{os.getpid()}/ns/net")
        place = Place(
            name=self._name,
            namespace=namespace,
            sockets=settings.sockets,
            timeout_s=settings.request_timeout_s,
        )
        clients = ClientDescriptor(self.links, place, self._interface)
        yield clients
        yield ConnectionDescriptor(clients)
        yield from finding.descriptors(self.links)
        if settings.listen_on:
            address = Address.parse(settings.listen_on)
            server = EndpointServer(address, self.source, token_life=self._life)
            site = endpoints.Site(
                name=self._name,
                namespace=namespace,
                sockets=settings.sockets,
                url=settings.endpoint_url,
            )
            yield from endpoints.descriptors(
                self.links,
                server,
                site,
                interface=self._interface,
                publish=self._publish,
                reserved=clients.interfaces,
            )

    def _publish(self, key: str, data: bytes | None) -> None:
        if self.notifications is not None:
            self.notifications.publish(key, data)


class MeshPart:
    """Keeps the way to the mesh open for as long as the agent lives, and tells of its health.

    That the manager is away is told; the agent goes on, and so do connections.
    """

    def __init__(self, mesh: Mesh, health: Health) -> None:
        self._mesh = mesh
        self._health = health
        health.report("nsm", State.INIT, needed=False)

    def __repr__(self) -> str:
        return "nsm"

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                if self._mesh.source is not None:
                    tasks.create_task(self._mesh.source.run(), name="identity")
                tasks.create_task(self._look(), name="nsm manager")
        finally:
            await self._mesh.links.close()

    async def _look(self) -> None:
        while True:
            failure = await self._failure()
            state = State.ERROR if failure else State.OK
            self._health.report("nsm", state, failure, needed=False)
            await asyncio.sleep(_LOOK_AGAIN_S if failure else _LOOK_S)

    async def _failure(self) -> str:
        try:
            await self._mesh.links.probe()
        except MeshError as error:
            source = self._mesh.source
            more = source.last_failure if source is not None else ""
            return f"{error} ({more})" if more else str(error)
        return ""
