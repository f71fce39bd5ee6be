# SPDX-License-Identifier: Apache-2.0
"""A forwarder's server: what endpoints do on the wire, for connections that go on from here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from kvs_descriptors.nsm import path
from kvs_descriptors.nsm.connections import REQUEST_TIMEOUT_S
from kvs_descriptors.nsm.identity.source import Source
from kvs_descriptors.nsm.serving.server import Context, EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.networkservice.networkservice_pb2 import NetworkServiceRequest
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded

from .forwarding import Forwarding

__all__ = ["ForwarderServer"]


@dataclasses.dataclass(frozen=True, slots=True)
class _Within:
    """The forwarding of one request, which knows how long its caller waits.

    All of them are one service: it is the same forwarding.
    """

    forwarding: Forwarding
    within_s: float = dataclasses.field(compare=False)

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        return await self.forwarding.request(connection, preferences, self.within_s)

    async def close(self, connection: Connection) -> None:
        await self.forwarding.close(connection)


class ForwarderServer(EndpointServer):
    """Serves a forwarder of that name."""

    def __init__(
        self, address: Address, source: Source | None, forwarder: str, **settings: Any
    ) -> None:
        super().__init__(address, source, **settings)
        self._forwarder = forwarder
        self.forwarding: Forwarding

    def name(self, connection: Connection) -> str:
        """Return what we are called in the path of a connection."""
        return self._forwarder

    async def request(self, asked: NetworkServiceRequest, context: Context) -> Connection:
        """Make a connection to the next hop, or refresh it."""
        entered = self.entered(asked.connection, context)
        within_s = context.time_remaining() or REQUEST_TIMEOUT_S
        made = await self.book.request(
            _Within(self.forwarding, within_s),
            entered,
            tuple(asked.mechanism_preferences),
            within_s,
        )
        return path.leave(made, is_last=False)

    def take_up(self, record: Forwarded) -> None:
        """Hold a connection from before a restart."""
        service = _Within(self.forwarding, REQUEST_TIMEOUT_S)
        self.book.take_up(service, self.forwarding.take_up(record))
