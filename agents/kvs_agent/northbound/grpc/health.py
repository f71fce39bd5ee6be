# SPDX-License-Identifier: Apache-2.0
"""gRPC's own health service, by what the agent knows of its parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

from grpc_health.v1 import health_pb2

from kvs_agent.core.health import Health
from kvs_agent.northbound.access import Role

from .errors import NotThere
from .serving import Call, Method

__all__ = ["HealthService"]

# The stubs are older than what they are of.
pb: Any = health_pb2

# How soon a change is told of.
PERIOD_S: Final = 0.2


class HealthService:
    """``grpc.health.v1.Health``: all services are ready when the agent is.

    Anybody may ask: those who do are load balancers and supervisors.
    """

    def __init__(self, health: Health, services: Collection[str]) -> None:
        self._health = health
        self._services = services
        self.methods = {
            "Check": Method(role=Role.NONE, handler=self.check),
            "Watch": Method(role=Role.NONE, handler=self.watch, is_watcher=True),
            "List": Method(role=Role.NONE, handler=self.list),
        }

    async def check(self, request: Any, _call: Call) -> Any:
        """Return whether a service is ready; "" is the agent."""
        if not self._is_known(request.service):
            raise NotThere(f"there is no service {request.service}")
        return pb.HealthCheckResponse(status=self._status)

    async def watch(self, request: Any, _call: Call) -> AsyncIterator[Any]:
        """Tell whether a service is ready, and when that changes."""
        if not self._is_known(request.service):
            yield pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
        last = None
        while True:
            if self._is_known(request.service) and last != self._status:
                last = self._status
                yield pb.HealthCheckResponse(status=last)
            await asyncio.sleep(PERIOD_S)

    async def list(self, _request: Any, _call: Call) -> Any:
        """Return whether each service is ready."""
        answer = pb.HealthListResponse()
        for name in ("", *self._services):
            answer.statuses[name].status = self._status
        return answer

    def _is_known(self, service: str) -> bool:
        return not service or service in self._services

    @property
    def _status(self) -> int:
        name = "SERVING" if self._health.is_ready else "NOT_SERVING"
        return int(pb.HealthCheckResponse.ServingStatus.Value(name))
