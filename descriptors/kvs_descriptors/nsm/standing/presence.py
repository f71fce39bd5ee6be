# SPDX-License-Identifier: Apache-2.0
"""Keeps an endpoint registered: before the registration ends, and after a manager has lost it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Final

from kvs_proto.registry.registry_pb2 import (
    NetworkServiceEndpoint,
    NetworkServiceEndpointResponse,
)

from .. import pace
from ..errors import MeshError, Refused
from ..registry import Registration, watch_endpoints
from ..wire.links import Links, now
from .retrying import Retrying

__all__ = ["Presence", "Registered"]

logger = logging.getLogger(__name__)

# A manager that registers, and at once says that it has lost it, is not asked in a loop.
_LEAST_S: Final = 0.2
# What is registered is told at once to who watches. After so long nothing is.
_SEEN_S: Final = 2.0

Events = AsyncGenerator[NetworkServiceEndpointResponse, None]


@dataclasses.dataclass(frozen=True, slots=True)
class Registered:
    """How it stands with a registration: until when it holds, or why there is none."""

    until: datetime.datetime | None = None
    failure: str = ""


class Presence:
    """One endpoint; ``run`` runs as long as it is to be found.

    ``was_there``: it may have been registered before, by a process that has ended.
    """

    def __init__(
        self,
        links: Links,
        endpoint: NetworkServiceEndpoint,
        tell: Callable[[Registered], None] = lambda _: None,
        *,
        clock: Callable[[], datetime.datetime] = now,
        was_there: bool = False,
    ) -> None:
        self._may_be_there = was_there
        self._links = links
        self._endpoint = endpoint
        self._registration = Registration(links, endpoint)
        self._tell = tell
        self._clock = clock
        self.state = Registered(failure="not registered yet")

    async def run(self) -> None:
        """Register, again and again, until cancelled."""
        retrying = Retrying()
        while True:
            # Also where the answer is lost.
            self._may_be_there = True
            try:
                known = await self._registration.register()
            except MeshError as error:
                self._note(Registered(failure=str(error)))
                await asyncio.sleep(retrying.next_s())
                continue
            retrying.reset()
            end = known.expiration_time.ToDatetime(datetime.UTC)
            self._note(Registered(until=end))
            await asyncio.sleep(_LEAST_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pace.register_after_s(end, self._clock())):
                    await self._until_lost()

    async def withdraw(self) -> None:
        """Take the registration away, where there may be one; raises where nobody can be told."""
        if not self._may_be_there:
            return
        try:
            await self._registration.unregister()
        except Refused as error:
            # Somebody else's by now, or gone: nothing of ours is left to take away.
            logger.info("mesh: %s was not registered any more: %s", self._endpoint.name, error)
        self._may_be_there = False
        self.state = Registered(failure="withdrawn")
        self._tell(self.state)

    def change(self, endpoint: NetworkServiceEndpoint) -> None:
        """Have it registered like this from the next time on, which is when ``run`` begins."""
        known = NetworkServiceEndpoint()
        known.CopyFrom(self._endpoint)
        self._endpoint.CopyFrom(endpoint)
        if known.HasField("initial_registration_time"):
            first = known.initial_registration_time
            self._endpoint.initial_registration_time.CopyFrom(first)

    async def _until_lost(self) -> None:
        """Return once the manager has lost the registration, or we have lost the manager."""
        wanted = NetworkServiceEndpoint(name=self._endpoint.name)
        events = watch_endpoints(self._links, wanted)
        with contextlib.suppress(MeshError):
            async with contextlib.aclosing(events):
                if not await self._is_seen(events):
                    return
                async for event in events:
                    if self._is_end(event):
                        return

    async def _is_seen(self, events: Events) -> bool:
        """Tell whether the endpoint is there.

        Where the manager was started anew between our registering and our watching, no stream
        has broken: it only does not know us.
        """
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(_SEEN_S):
                return not self._is_end(await anext(events))
        return False

    def _is_end(self, event: NetworkServiceEndpointResponse) -> bool:
        return event.deleted and event.network_service_endpoint.name == self._endpoint.name

    def _note(self, state: Registered) -> None:
        if state.failure and state.failure != self.state.failure:
            logger.warning("mesh: %s is not registered: %s", self._endpoint.name, state.failure)
        self.state = state
        self._tell(state)
