# SPDX-License-Identifier: Apache-2.0
"""The gRPC server of an agent: its services at its addresses."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

from kvs_agent.core.core import Core
from kvs_agent.northbound.access import Access
from kvs_agent.recording.calls import Calls
from kvs_proto.agent.v1 import agent_pb2
from ligato.configurator import configurator_pb2
from ligato.generic import manager_pb2, meta_pb2

from . import addresses
from .addresses import Address
from .agent_service import AgentService
from .configurator import Configurator
from .health import HealthService
from .limits import Limits
from .manager import Manager
from .meta import Meta
from .notifications import Interfaces, Row
from .reflection import Reflection, descriptions
from .serving import Method, Serving
from .settings import GrpcSettings, Unsafe
from .tls import Certificates
from .trials import Trials

__all__ = ["GrpcServer"]

logger = logging.getLogger(__name__)

# A client may ask that often whether we are still there.
_LEAST_PING_MS: Final = 10_000
_IDLE_MS: Final = 60_000
_MAX_PENDING: Final = 100_000


class GrpcServer:
    """Answers from ``start`` to ``stop``.

    ``operations``: where other northbounds count what is done with the configuration, too.
    """

    def __init__(
        self,
        core: Core,
        settings: GrpcSettings,
        access: Access,
        *,
        operations: Calls | None = None,
    ) -> None:
        self._core = core
        self.operations = operations or Calls()
        self._settings = settings
        self._access = access
        self._server: grpc.aio.Server | None = None
        self._bound: list[Address] = []
        self._row = Row()
        self._trials = Trials(core.orchestrator, settings.trial_note)
        self._hearing = contextlib.ExitStack()
        self._looking: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, ports of its own choice among them."""
        return tuple(map(str, self._bound))

    async def start(self) -> None:
        """Begin to answer; ``Unsafe`` where it would be open to those it should not be open to."""
        wanted = addresses.addresses(self._settings)
        server = grpc.aio.server(options=self._options())
        deadline_s = self._settings.deadline_s
        serving = Serving(self._access, self._limits(), deadline_s, self._core.calls)
        server.add_generic_rpc_handlers(self._services(serving))
        certificates = Certificates(self._settings) if self._settings.is_secure else None
        for address in wanted:
            self._bound.append(self._bind(server, address, certificates))
        await self._trials.recover()
        interfaces = Interfaces(self._core.scheduler, self._row)
        self._hearing.enter_context(self._core.feed.listening(interfaces.hear))
        self._looking = asyncio.create_task(interfaces.run(), name="notifications")
        self._server = server
        await server.start()
        logger.info("gRPC at %s", ", ".join(self.addresses))

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, give those under way so long, and end them."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None
        self._hearing.close()
        if self._looking is not None:
            self._looking.cancel()
        await self._trials.close()
        for address in self._bound:
            if address.path is not None:
                address.path.unlink(missing_ok=True)
        self._bound.clear()

    def _limits(self) -> Limits:
        told = self._settings
        return Limits(told.max_calls, told.max_watchers, told.max_per_second)

    def _options(self) -> list[tuple[str, Any]]:
        return [
            ("grpc.max_receive_message_length", self._settings.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", self._settings.max_streams),
            ("grpc.so_reuseport", 0),
            # What we cannot take we refuse ourselves, and say so; gRPC says CANCELLED.
            ("grpc.server.max_pending_requests", _MAX_PENDING),
            ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING),
            ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_MS),
            ("grpc.keepalive_time_ms", _IDLE_MS),
        ]

    def _services(self, serving: Serving) -> Sequence[grpc.GenericRpcHandler]:
        configurator = Configurator(self._core, self._row, self.operations)
        described: list[tuple[Any, Mapping[str, Method]]] = [
            (_service(configurator_pb2), configurator.methods),
            (_service(manager_pb2), Manager(self._core).methods),
            (_service(meta_pb2), Meta().methods),
            (_service(agent_pb2), AgentService(self._core, self._trials).methods),
        ]
        names = [one.full_name for one, _ in described]
        health = _service(health_pb2)
        described.append((health, HealthService(self._core.health, names).methods))
        if self._settings.reflection:
            both = descriptions()
            shown = [*names, health.full_name, *(one.full_name for one in both)]
            described += [(one, Reflection(shown).methods) for one in both]
        return [serving.service(one, methods) for one, methods in described]

    def _bind(
        self, server: grpc.aio.Server, address: Address, certificates: Certificates | None
    ) -> Address:
        group = self._settings.group
        try:
            if address.path is not None:
                addresses.prepared(address.path, group)
                with addresses.umask():
                    server.add_insecure_port(str(address))
                addresses.shared(address.path, group)
                return address
            if certificates is None:
                port = server.add_insecure_port(str(address))
            else:
                port = server.add_secure_port(str(address), certificates.credentials())
        except (OSError, RuntimeError) as error:
            raise Unsafe(f"{address}: cannot listen there: {error}") from error
        return Address(host=address.host, port=port)


def _service(module: Any) -> Any:
    """Return the description of the one service that a file defines."""
    (found,) = module.DESCRIPTOR.services_by_name.values()
    return found
