# SPDX-License-Identifier: Apache-2.0
"""One endpoint that stands: what it serves, and what keeps it registered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint
from kvs_proto.nsm.v1.endpoint_pb2 import EndpointRegistration

from ..standing.presence import Presence, Registered
from . import meaning
from .meaning import Site
from .service import EndpointService

__all__ = ["Endpoint"]


class Endpoint:
    """A value, its service, its presence in the registry, and the task that keeps that up."""

    def __init__(
        self, value: NetworkServiceEndpoint, site: Site, service: EndpointService
    ) -> None:
        self.value = value
        self.name = meaning.name_of(value)
        self.mesh_name = meaning.mesh_name(value, site)
        self.service = service
        self.presence: Presence
        self.state = Registered(failure="not registered yet")
        self.url = ""
        # To be removed, and the mesh has not been told yet; or it could not be.
        self.is_leaving = False
        self.is_stuck = False
        self._site = site
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it is kept registered."""
        return self._task is not None

    @property
    def registration(self) -> EndpointRegistration:
        """Return how it stands with the registration."""
        told = EndpointRegistration(
            endpoint=self.name,
            name=self.mesh_name,
            network_service=self.value.network_service,
            url=self.url,
            failure=self.state.failure,
        )
        if self.state.until is not None:
            told.until.FromDatetime(self.state.until)
        return told

    def run(self, group: asyncio.TaskGroup, url: str) -> None:
        """Keep it registered from now on."""
        self.url = url
        self.presence.change(meaning.registration(self.value, self._site, url))
        self._task = group.create_task(self.presence.run())

    def run_instead(self, group: asyncio.TaskGroup, work: Coroutine[None, None, None]) -> None:
        """Have something else seen to from now on."""
        self._task = group.create_task(work)

    async def stop(self) -> None:
        """Keep it registered no longer; it stays so until it is withdrawn, or expires."""
        task = self.cancel()
        if task is not None:
            await asyncio.wait([task])

    def cancel(self) -> asyncio.Task[None] | None:
        """Have whatever runs for it end; return it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    def forget_task(self) -> None:
        """Note that who ran the task has ended."""
        self._task, self.url = None, ""
