# SPDX-License-Identifier: Apache-2.0
"""Clients: wanted at once, connected by what watches; their connections come as properties."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient
from kvs_proto.nsm.v1.connection_pb2 import Connection
from kvscheduler import Descriptor, Origin, Retrieved, Southbound

from .. import keys
from ..connections import REQUEST_TIMEOUT_S
from ..errors import MeshError
from ..standing.session import Session, Standing, Wanted
from ..wire.links import Links
from . import meaning

__all__ = ["ClientDescriptor", "ConnectionDescriptor", "Place"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we are: our name in the mesh, our network namespace, where our sockets are."""

    name: str
    namespace: Path
    sockets: Path
    timeout_s: float = REQUEST_TIMEOUT_S


class _Client:
    """One client that stands: its session, and the task that keeps the session up."""

    def __init__(self, value: NetworkServiceClient, session: Session) -> None:
        self.value = value
        self.session = session
        self.task: asyncio.Task[None] | None = None
        # To be closed, and the mesh has not been told yet.
        self.is_leaving = False


class ClientDescriptor(Descriptor[NetworkServiceClient, str]):
    """Clients; the metadata is the connection's id, which is the same after a restart."""

    name = "nsm-client"
    key_prefix = keys.CLIENT

    def __init__(self, links: Links, place: Place) -> None:
        self._links = links
        self._place = place
        self._clients: dict[str, _Client] = {}
        self._has_news = asyncio.Event()
        self._southbound: Southbound | None = None
        self.established: dict[str, Connection] = {}

    def attach(self, southbound: Southbound) -> None:
        """Remember whom connections are told to."""
        self._southbound = southbound

    def validate(self, key: str, value: NetworkServiceClient) -> None:
        """Check names, addresses and labels."""
        meaning.check(key, value)

    def create(self, key: str, value: NetworkServiceClient) -> str:
        """Have the connection asked for. It may take for ever, so nobody waits here."""
        client = self._clients.get(key)
        if client is None or client.is_leaving:
            self._clients[key] = _Client(value, self._session(value))
            self._has_news.set()
        return self._identity(value)

    async def delete(self, key: str, value: NetworkServiceClient, metadata: str | None) -> None:
        """End the connection, also one from before a restart; fails where nobody can be told."""
        client = self._clients.setdefault(key, _Client(value, self._session(value)))
        client.is_leaving = True
        if client.task is not None:
            client.task.cancel()
            await asyncio.wait([client.task])
            client.task = None
        self._lose(value.name)
        # Where this fails it is still there for ``retrieve``, and so will be tried again.
        await client.session.close()
        del self._clients[key]

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what is kept up now. After a restart nothing is, until it is wanted again."""
        for key, client in self._clients.items():
            if keys is None or key in keys:
                identity = self._identity(client.value)
                yield Retrieved(key, client.value, identity, Origin.NORTHBOUND)

    async def watch(self) -> None:
        """Keep all connections up."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._has_news.clear()
                    for client in self._clients.values():
                        if client.task is None and not client.is_leaving:
                            client.task = group.create_task(client.session.run())
                    await self._has_news.wait()
        finally:
            for client in self._clients.values():
                client.task = None

    def _identity(self, value: NetworkServiceClient) -> str:
        return f"{self._place.name}-{value.name}"

    def _session(self, value: NetworkServiceClient) -> Session:
        wanted = Wanted(
            client=self._place.name,
            identity=self._identity(value),
            connection=meaning.wanted(value),
            preferences=(meaning.preferences(value, self._place.namespace),),
        )
        return Session(
            self._links,
            wanted,
            tell=lambda standing: self._note(value, standing),
            timeout_s=self._place.timeout_s,
        )

    def _note(self, value: NetworkServiceClient, standing: Standing) -> None:
        if standing.connection is None:
            self._lose(value.name)
            return
        try:
            found = meaning.established(value, standing.connection, self._place.sockets)
        except MeshError as error:
            logger.warning("mesh: %s: what we are told is of no use: %s", value.name, error)
            self._lose(value.name)
            return
        if self.established.get(value.name) != found:
            self.established[value.name] = found
            self._tell(value.name, found)

    def _lose(self, name: str) -> None:
        if self.established.pop(name, None) is not None:
            self._tell(name, None)

    def _tell(self, name: str, found: Connection | None) -> None:
        assert self._southbound is not None
        self._southbound.notify({keys.connection(name): found})


class ConnectionDescriptor(Descriptor[Connection, None]):
    """Connections: properties, which the mesh makes."""

    name = "nsm-connection"
    key_prefix = keys.CONNECTION
    retrieve_after = (ClientDescriptor.name,)

    def __init__(self, clients: ClientDescriptor) -> None:
        self._clients = clients

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the connections that stand."""
        for name, found in self._clients.established.items():
            key = f"{self.key_prefix}{name}"
            if keys is None or key in keys:
                yield Retrieved(key, found, None, Origin.SOUTHBOUND)
