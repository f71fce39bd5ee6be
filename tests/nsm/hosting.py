# SPDX-License-Identifier: Apache-2.0
"""An engine with endpoints, and clients of theirs, for tests with the real mesh."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kvs_descriptors.nsm import connections, endpoints, finding, keys, mechanisms, path
from kvs_descriptors.nsm.endpoints import EndpointDescriptor, Site
from kvs_descriptors.nsm.errors import Refused
from kvs_descriptors.nsm.identity.source import Fixed, Source
from kvs_descriptors.nsm.interfaces import Interface, InterfaceWish, unconfigured
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.cnf.nsm.nsm_pb2 import ConnectionLabel, NetworkServiceEndpoint
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.nsm.v1.endpoint_pb2 import EndpointConnection, EndpointRegistration
from kvscheduler import Depends, Derived, Descriptor, Retrieved, RetryPolicy, Scheduler
from tests.etcd.server import free_ports
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, linked, until

__all__ = [
    "ENDPOINT",
    "RETRY",
    "Host",
    "Hosted",
    "Interfaces",
    "ask",
    "end",
    "endpoint",
    "labels",
    "refused",
]

ENDPOINT = keys.endpoint("web")
RETRY = RetryPolicy(first_delay=0.1, max_delay=0.1)


def labels(**told: str) -> list[ConnectionLabel]:
    return [ConnectionLabel(key=key, value=value) for key, value in told.items()]


def endpoint(**others: Any) -> NetworkServiceEndpoint:
    fields = {"name": "web", "network_service": NS, "interface_name_prefix": "nsm", **others}
    return NetworkServiceEndpoint(**fields)


@dataclasses.dataclass(frozen=True, slots=True)
class Hosted:
    """An engine that runs, and what is behind it."""

    scheduler: Scheduler
    descriptor: EndpointDescriptor
    links: Links
    published: dict[str, bytes]

    @property
    def server(self) -> EndpointServer:
        return self.descriptor.server

    async def put(self, *values: NetworkServiceEndpoint) -> None:
        async with self.scheduler.transaction(retry=RETRY) as txn:
            for value in values:
                txn.set(keys.endpoint(value.name or value.network_service), value)

    async def drop(self, name: str = "web") -> dict[str, Exception]:
        """Delete an endpoint; return what has failed."""
        txn = self.scheduler.transaction(retry=RETRY)
        txn.delete(keys.endpoint(name))
        result = await txn.commit()
        return dict(result.errors)

    def registration(self, name: str = "web") -> EndpointRegistration:
        key = keys.registered(name)
        found: EndpointRegistration | None = self._configured(key).get(key)
        return found if found is not None else EndpointRegistration(failure="not there")

    def served(self, name: str = "web") -> dict[str, EndpointConnection]:
        """Return the connections by the names of their interfaces."""
        return {
            key.rpartition("/")[2]: found
            for key, found in self._configured(keys.served(name, "")).items()
        }

    async def until_registered(self, *names: str) -> None:
        for name in names or ("web",):
            await until(lambda name=name: self.registration(name).HasField("until"))  # type: ignore[misc]  # lambda

    async def until_failed(self, name: str = "web") -> None:
        """Wait until registering has failed, and not only not begun."""
        early = {"not there", "not registered yet", ""}
        await until(lambda: self.registration(name).failure not in early)

    def _configured(self, prefix: str) -> Mapping[str, Any]:
        return self.scheduler.values(prefix, view="configured")


def identity(mesh: Mesh, name: str) -> Source | None:
    """Return an identity, where the mesh asks for one."""
    return Fixed(mesh.authority.identity(name)) if mesh.authority is not None else None


class Host:
    """An agent that may end and begin again: the same identity, the same journal, the same URL."""

    def __init__(
        self, url: str, source: Source | None, folder: Path, port: int = 0, name: str = "agent"
    ) -> None:
        self._url = url
        self.source = source
        self.site = Site(name=name, namespace=OURS, sockets=folder / "memif")
        self.journal = folder / f"{name}.db"
        self.address = Address(host="127.0.0.1", port=port or free_ports(1)[0])

    @classmethod
    def at(cls, mesh: Mesh, folder: Path) -> Host:
        """Return one of a mesh."""
        return cls(mesh.manager.url, identity(mesh, "agent"), folder)

    @contextlib.asynccontextmanager
    async def running(
        self,
        interface: Interface = unconfigured,
        more: Sequence[Descriptor[Any, Any]] = (),
        reserved: Sequence[str] = (),
    ) -> AsyncIterator[Hosted]:
        published: dict[str, bytes] = {}

        def publish(key: str, data: bytes | None) -> None:
            if data is None:
                published.pop(key)
            else:
                published[key] = data

        async with linked(self._url, self.source) as links:
            server = EndpointServer(self.address, self.source)
            made = endpoints.descriptors(
                links,
                server,
                self.site,
                interface=interface,
                publish=publish,
                reserved=lambda: reserved,
            )
            assert isinstance(made[0], EndpointDescriptor)
            found = finding.descriptors(links)
            every = [*made, *found, *more]
            async with Scheduler(every, journal=self.journal) as scheduler:
                yield Hosted(scheduler, made[0], links, published)


async def ask(
    mesh: Mesh,
    known_as: str = "c-1",
    *,
    again: Connection | None = None,
    offered: Sequence[Mechanism] = (),
    to: str = "agent-web",
    **told: str,
) -> Connection:
    """Ask for a connection as a client with these labels; or, with all it has, once more."""
    wanted = Connection(network_service=NS, network_service_endpoint_name=to, labels=told)
    asked = path.begin(wanted, "client", known_as) if again is None else again
    mine = offered or [mechanisms.kernel("mine", OURS)]
    async with linked(mesh.manager.url, identity(mesh, "client")) as links:
        return await connections.request(links, asked, mine, timeout_s=10.0)


async def refused(mesh: Mesh, known_as: str = "c-1", **how: Any) -> str:
    """Ask in vain; return why."""
    try:
        await ask(mesh, known_as, **how)
    except Refused as error:
        return error.reason
    raise AssertionError("nobody has refused")


async def end(mesh: Mesh, connection: Connection) -> None:
    """End a connection, as its client."""
    async with linked(mesh.manager.url, identity(mesh, "client")) as links:
        await connections.close(links, connection, timeout_s=10.0)


class Interfaces(Descriptor[tuple[str, tuple[str, ...]], None]):
    """Stands in for what an agent knows of interfaces: each waits for who makes it."""

    name = "interfaces"
    key_prefix = "interface/"

    def __init__(self) -> None:
        self.there: dict[str, tuple[str, ...]] = {}
        self.operations = 0

    def derived_for(self, wish: InterfaceWish) -> Iterable[Derived]:
        yield Derived(f"interface/{wish.name}", (wish.made_by, wish.ip_addresses))

    def dependencies(self, key: str, value: tuple[str, tuple[str, ...]]) -> Iterable[Depends]:
        return [Depends(value[0])]

    def create(self, key: str, value: tuple[str, tuple[str, ...]]) -> None:
        self.operations += 1
        self.there[key] = value[1]

    def delete(self, key: str, value: tuple[str, tuple[str, ...]], metadata: None) -> None:
        self.operations += 1
        del self.there[key]

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        return [one for one in expected if one.key in self.there]
