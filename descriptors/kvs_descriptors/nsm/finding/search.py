# SPDX-License-Identifier: Apache-2.0
"""Follows which endpoints serve one network service: asked once, then told, and asked again."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Callable
from typing import Final

from kvs_proto.nsm.v1.endpoint_pb2 import FoundEndpoint
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint

from ..errors import MeshError
from ..registry import find_endpoints, watch_endpoints
from ..standing.retrying import Retrying
from ..wire.links import Links, now

__all__ = ["Search"]

logger = logging.getLogger(__name__)

_MAX_FOUND: Final = 4096
# A manager that ends what it should keep telling is not asked in a loop.
_LEAST_S: Final = 0.5
_MOST_S: Final = 60.0

Tell = Callable[[str, FoundEndpoint | None], None]


class Search:
    """One network service; ``run`` runs as long as anybody wants to know.

    What is known stays while the manager is away, but no longer than its registration says.
    """

    def __init__(
        self,
        links: Links,
        service: str,
        tell: Tell,
        *,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self.service = service
        self.failure = "not looked for yet"
        self.found: dict[str, FoundEndpoint] = {}
        self._ends: dict[str, datetime.datetime] = {}
        self._links = links
        self._wanted = NetworkServiceEndpoint(network_service_names=[service])
        self._tell = tell
        self._clock = clock

    async def run(self) -> None:
        """Follow until cancelled."""
        retrying = Retrying()
        while True:
            try:
                self._replace(await find_endpoints(self._links, self._wanted))
                self._note("")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._until_due_s()):
                        await self._listen()
                retrying.reset()
                await asyncio.sleep(_LEAST_S)
            except MeshError as error:
                self._note(str(error))
                self._drop_expired()
                await asyncio.sleep(retrying.next_s())

    async def _listen(self) -> None:
        events = watch_endpoints(self._links, self._wanted)
        async with contextlib.aclosing(events):
            async for event in events:
                if event.deleted:
                    self._lose(event.network_service_endpoint.name)
                else:
                    self._find(event.network_service_endpoint)

    def _until_due_s(self) -> float:
        """Return when to ask again: what ended before we listened, nobody would tell us."""
        first = min(self._ends.values(), default=None)
        if first is None:
            return _MOST_S
        left_s = (first - self._clock()).total_seconds()
        return min(_MOST_S, max(0.0, left_s) + _LEAST_S)

    def _replace(self, found: list[NetworkServiceEndpoint]) -> None:
        there = {one.name for one in found}
        for name in [name for name in self.found if name not in there]:
            self._lose(name)
        for one in found:
            self._find(one)

    def _find(self, one: NetworkServiceEndpoint) -> None:
        if self.service not in one.network_service_names:
            # It has served it, and was registered anew for something else.
            self._lose(one.name)
            return
        if one.name not in self.found and len(self.found) >= _MAX_FOUND:
            logger.warning("mesh: %s: more than %d endpoints", self.service, _MAX_FOUND)
            return
        if one.HasField("expiration_time"):
            self._ends[one.name] = one.expiration_time.ToDatetime(datetime.UTC)
        found = FoundEndpoint(name=one.name, network_service=self.service, url=one.url)
        if self.service in one.network_service_labels:
            found.labels.update(one.network_service_labels[self.service].labels)
        if self.found.get(one.name) != found:
            self.found[one.name] = found
            self._tell(one.name, found)

    def _lose(self, name: str) -> None:
        self._ends.pop(name, None)
        if self.found.pop(name, None) is not None:
            self._tell(name, None)

    def _drop_expired(self) -> None:
        moment = self._clock()
        for name in [name for name, end in self._ends.items() if end <= moment]:
            self._lose(name)

    def _note(self, failure: str) -> None:
        if failure and failure != self.failure:
            logger.warning("mesh: %s cannot be looked for: %s", self.service, failure)
        self.failure = failure
