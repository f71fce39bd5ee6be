# SPDX-License-Identifier: Apache-2.0
"""Clients: wanted at once, connected by what watches; their connections come as properties."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from google.protobuf.message import Message

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient
from kvs_proto.networkservice import connection_pb2
from kvs_proto.nsm.v1.connection_pb2 import Connection
from kvscheduler import (
    Derived,
    Descriptor,
    Origin,
    PartialRetrieve,
    Retrieved,
    Southbound,
)

from .. import connections, keys, path
from ..connections import REQUEST_TIMEOUT_S
from ..errors import MeshError
from ..interfaces import Interface, unconfigured
from ..standing.retrying import Retrying
from ..standing.session import Session, Wanted
from ..wire.links import Links
from . import meaning
from .client import Client

__all__ = ["ClientDescriptor", "ConnectionDescriptor", "Place"]

# For so long the mesh is asked, after a restart, what it has of ours.
_LOOK_S = 10.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we are: our name in the mesh, our network namespace, where our sockets are."""

    name: str
    namespace: Path
    sockets: Path
    timeout_s: float = REQUEST_TIMEOUT_S


class ClientDescriptor(Descriptor[NetworkServiceClient, connection_pb2.Connection]):
    """Clients; the metadata is the connection as the mesh knows it, for a later process of ours.

    ``interface`` is what configures interfaces here: it says what is derived for one.
    """

    name = "nsm-client"
    key_prefix = keys.CLIENT
    # To reach a manager, and to be answered by it, may take most of the usual one.
    deadline_s = 60.0

    def __init__(self, links: Links, place: Place, interface: Interface = unconfigured) -> None:
        self._links = links
        self._place = place
        self._interface = interface
        self._clients: dict[str, Client] = {}
        self._has_news = asyncio.Event()
        self._has_debts = asyncio.Event()
        self._southbound: Southbound | None = None

    def attach(self, southbound: Southbound) -> None:
        """Remember whom connections are told to."""
        self._southbound = southbound

    # What a client means.

    def validate(self, key: str, value: NetworkServiceClient) -> None:
        """Check names, addresses and labels."""
        meaning.check(key, value)

    def equivalent(self, key: str, old: NetworkServiceClient, new: NetworkServiceClient) -> bool:
        """Tell whether both are the same to the mesh, and to the interface.

        Addresses are none of the mesh's business. But to go and to come they need something to
        go before and to come after, as those of any other interface have.
        """
        return meaning.is_same(old, new) and meaning.interface(old) == meaning.interface(new)

    def derived(self, key: str, value: NetworkServiceClient) -> Iterable[Derived]:
        """Bring along the interface's configuration, which waits for the connection."""
        yield Derived(
            keys.sought(value.network_service, f"client/{value.name}"), value.network_service
        )
        yield from self._interface(meaning.interface(value))

    def requires_recreate(
        self,
        key: str,
        old: NetworkServiceClient,
        new: NetworkServiceClient,
        metadata: connection_pb2.Connection | None,
    ) -> bool:
        """Take another connection for all that this one cannot become; labels it can change."""
        return meaning.is_other_connection(old, new)

    # What is done about it.

    def create(self, key: str, value: NetworkServiceClient) -> connection_pb2.Connection:
        """Have the connection asked for. It may take for ever, so nobody waits here."""
        client = self._clients.get(key)
        if client is None or client.is_leaving:
            client = self._begin(key, value)
        return client.kept

    def update(
        self,
        key: str,
        old: NetworkServiceClient,
        new: NetworkServiceClient,
        metadata: connection_pb2.Connection | None,
    ) -> connection_pb2.Connection:
        """Have the same connection asked for again, where it has other labels."""
        client = self._clients.get(key)
        if client is None or client.is_leaving:
            kept = metadata if client is None else client.kept
            client = self._begin(key, new)
            if kept is not None:
                client.go_on(kept)
            return client.kept
        client.value = new
        if not meaning.is_same(old, new):
            client.session.want(self._wanted(new))
        return client.kept

    async def delete(
        self, key: str, value: NetworkServiceClient, metadata: connection_pb2.Connection | None
    ) -> None:
        """End the connection, also one from before a restart; fails where nobody can be told."""
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = self._made(value)
            client.is_leaving = True
            if metadata is not None:
                client.go_on(metadata)
        client.is_leaving = True
        await client.stop()
        try:
            await client.session.close()
        except (MeshError, asyncio.CancelledError):
            # It is still there for ``retrieve``, and is tried again once there is somebody.
            self._has_debts.set()
            raise
        del self._clients[key]

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what is kept up; from now on that is also what an earlier process of ours made.

        Its connections stay while nobody refreshes them, for some time. So a restart takes nothing
        away from the interfaces. What may have been made or not, the mesh is asked for.
        """
        asked = {one.key: one for one in expected if keys is None or one.key in keys}
        unknown = await self._take_up(
            [one for one in asked.values() if one.key not in self._clients]
        )
        found = [
            Retrieved(key, self._as_known(client, asked.get(key)), client.kept, Origin.NORTHBOUND)
            for key, client in self._clients.items()
            if keys is None or key in keys
        ]
        if unknown:
            raise PartialRetrieve(found, unknown=unknown)
        return found

    def _as_known(self, client: Client, known: Retrieved | None) -> NetworkServiceClient:
        """Return a client's value: what is not the mesh's business is as it is expected."""
        if client.is_leaving:
            return meaning.leaving(client.value)
        if known is not None and meaning.is_same(known.value, client.value):
            value: NetworkServiceClient = known.value
            return value
        return client.value

    async def _take_up(self, ones: Sequence[Retrieved]) -> list[str]:
        """Go on with those that were made; return those of which the mesh could not be asked."""
        doubtful = [one for one in ones if one.metadata is None]
        answers = await asyncio.gather(*(self._look(one.value) for one in doubtful))
        unknown = []
        for one, answer in zip(doubtful, answers, strict=True):
            if isinstance(answer, MeshError):
                unknown.append(one.key)
            elif answer is not None:
                self._begin(one.key, one.value).session.take_up(answer)
        for one in ones:
            if one.metadata is not None:
                self._begin(one.key, one.value).go_on(one.metadata)
        return unknown

    async def _look(
        self, value: NetworkServiceClient
    ) -> connection_pb2.Connection | MeshError | None:
        try:
            async with asyncio.timeout(_LOOK_S):
                found = await connections.find_mine(
                    self._links, self._place.name, self._identity(value)
                )
        except TimeoutError:
            return MeshError("no answer")
        except MeshError as error:
            return error
        is_it = found is not None and found.network_service == value.network_service
        return found if is_it else None

    async def watch(self) -> None:
        """Keep all connections up."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pay_debts())
                while True:
                    self._has_news.clear()
                    for client in self._clients.values():
                        if client.task is None and not client.is_leaving:
                            client.task = group.create_task(client.session.run())
                    await self._has_news.wait()
        finally:
            for client in self._clients.values():
                client.task = None

    async def _pay_debts(self) -> None:
        """Have what could not be closed be tried again, once there is a manager."""
        retrying = Retrying()
        while True:
            await self._has_debts.wait()
            await asyncio.sleep(retrying.next_s())
            with contextlib.suppress(MeshError):
                await self._links.probe()
                self._has_debts.clear()
                assert self._southbound is not None
                self._southbound.request_resync(self.key_prefix)
            if not any(one.is_leaving for one in self._clients.values()):
                retrying.reset()

    # What others ask of us.

    def interfaces(self) -> Iterator[str]:
        """Yield the names of the interfaces that clients have, or will have."""
        for client in self._clients.values():
            yield client.value.interface_name

    def established(self) -> Iterator[tuple[str, Connection]]:
        """Yield the connections that stand, with their keys."""
        for client in self._clients.values():
            if client.established is not None:
                yield client.connection_key, client.established

    def why_not_connected(self, key: str) -> str:
        """Say why a connection is not there, "" for one that no client wants."""
        client = self._clients.get(keys.client_of(key))
        return client.why_absent() if client is not None and client.connection_key == key else ""

    # Sessions.

    def _begin(self, key: str, value: NetworkServiceClient) -> Client:
        client = self._clients[key] = self._made(value)
        self._has_news.set()
        return client

    def _made(self, value: NetworkServiceClient) -> Client:
        wanted = self._wanted(value)
        first = path.begin(wanted.connection, wanted.client, wanted.identity)
        client = Client(value, first, self._place.sockets, self._tell)
        client.session = Session(
            self._links, wanted, tell=client.note, timeout_s=self._place.timeout_s
        )
        return client

    def _wanted(self, value: NetworkServiceClient) -> Wanted:
        return Wanted(
            client=self._place.name,
            identity=self._identity(value),
            connection=meaning.wanted(value),
            preferences=(meaning.preferences(value, self._place.namespace),),
        )

    def _identity(self, value: NetworkServiceClient) -> str:
        return f"{self._place.name}-{value.name}"

    def _tell(self, client: Client) -> None:
        assert self._southbound is not None
        changes: dict[str, Message | None] = {client.connection_key: client.established}
        key = keys.client(client.value.name)
        if client.is_leaving or self._clients.get(key) is not client:
            self._southbound.notify(changes)
            return
        # For the journal: what is told of it there is what the next process gets to know.
        self._southbound.notify({**changes, key: client.value}, {key: client.kept})


class ConnectionDescriptor(Descriptor[Connection, None]):
    """Connections: properties, which the mesh makes."""

    name = "nsm-connection"
    key_prefix = keys.CONNECTION
    retrieve_after = (ClientDescriptor.name,)

    def __init__(self, clients: ClientDescriptor) -> None:
        self._clients = clients

    def why_absent(self, key: str) -> str:
        """Say since when it is being asked for, and what has come of that."""
        return self._clients.why_not_connected(key)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return the connections that stand."""
        for key, found in self._clients.established():
            if keys is None or key in keys:
                yield Retrieved(key, found, None, Origin.SOUTHBOUND)
