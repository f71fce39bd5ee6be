# SPDX-License-Identifier: Apache-2.0
"""A forwarder's server: what endpoints do on the wire, for connections that go on from here."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from kvs_descriptors.nsm import path
from kvs_descriptors.nsm.connections import REQUEST_TIMEOUT_S
from kvs_descriptors.nsm.identity.source import Source
from kvs_descriptors.nsm.serving.server import Context, EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.networkservice.networkservice_pb2 import NetworkServiceRequest

from .forwarding import Forwarding

__all__ = ["ForwarderServer"]


# How long the caller waits whom a task answers.
_within_s: ContextVar[float] = ContextVar("within_s", default=REQUEST_TIMEOUT_S)


class _Service:
    """The forwarding, as endpoints are served."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        return await self._forwarding.request(connection, preferences, _within_s.get())

    async def close(self, connection: Connection) -> None:
        await self._forwarding.close(connection)


class ForwarderServer(EndpointServer):
    """Serves a forwarder of that name."""

    def __init__(
        self, address: Address, source: Source | None, forwarder: str, **settings: Any
    ) -> None:
        super().__init__(address, source, **settings)
        self._forwarder = forwarder
        self._service: _Service

    def forward(self, forwarding: Forwarding) -> None:
        """Serve with what knows how; before anything else."""
        self._service = _Service(forwarding)

    def name(self, connection: Connection) -> str:
        """Return what we are called in the path of a connection."""
        return self._forwarder

    async def request(self, asked: NetworkServiceRequest, context: Context) -> Connection:
        """Make a connection to the next hop, or refresh it."""
        entered = self.entered(asked.connection, context)
        within_s = context.time_remaining() or REQUEST_TIMEOUT_S
        _within_s.set(within_s)
        preferences = tuple(asked.mechanism_preferences)
        made = await self.book.request(self._service, entered, preferences, within_s)
        return path.leave(made, is_last=False)

    def take_up(self, connection: Connection, left_s: float) -> None:
        """Hold a connection from before a restart, for so long at most."""
        self.book.restore(self._service, connection, left_s)
