# SPDX-License-Identifier: Apache-2.0
"""Clients in an engine, against the real mesh: wanted at once, connected when it can be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kvs_descriptors.nsm import keys
from kvs_descriptors.nsm.clients import meaning
from kvs_descriptors.nsm.clients.descriptor import ClientDescriptor, ConnectionDescriptor, Place
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.standing.presence import Presence
from kvs_proto.cnf.nsm.nsm_pb2 import MEM_INTERFACE, ConnectionLabel, NetworkServiceClient
from kvs_proto.nsm.v1.connection_pb2 import Connection
from kvscheduler import InvalidValue, RetryPolicy, Scheduler, ValueState
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, Pool, linked, running, served, until
from tests.nsm.serving import endpoint as ours

CLIENT, CONNECTION = keys.client("c"), keys.connection("c", NS)
PLACE = Place(name="agent", namespace=OURS, sockets=Path("/run/memif"))


def client(**others: object) -> NetworkServiceClient:
    fields = {"name": "c", "network_service": NS, "interface_name": "tap0", **others}
    return NetworkServiceClient(**fields)  # type: ignore[arg-type]  # as the test has it


@contextlib.asynccontextmanager
async def engine(mesh: Mesh) -> AsyncIterator[Scheduler]:
    """Lend an engine that has clients."""
    assert mesh.authority is not None
    async with linked(mesh.manager.url, Fixed(mesh.authority.identity("agent"))) as links:
        clients = ClientDescriptor(links, PLACE)
        async with Scheduler([clients, ConnectionDescriptor(clients)]) as scheduler:
            yield scheduler


@contextlib.asynccontextmanager
async def endpoint(mesh: Mesh) -> AsyncIterator[EndpointServer]:
    """Lend an endpoint of the network service."""
    assert mesh.authority is not None
    source = Fixed(mesh.authority.identity("endpoint"))
    async with linked(mesh.manager.url, source) as links, served(source, one=Pool()) as server:
        presence = Presence(links, ours(server, "one"))
        async with running(presence.run()):
            await until(lambda: presence.state.until is not None)
            yield server


async def put(scheduler: Scheduler, value: NetworkServiceClient | None) -> None:
    async with scheduler.transaction() as txn:
        if value is None:
            txn.delete(CLIENT)
        else:
            txn.set(CLIENT, value)


def connection(scheduler: Scheduler) -> Connection | None:
    found: Connection | None = scheduler.values(CONNECTION, view="configured").get(CONNECTION)
    return found


def test_a_client_is_wanted_at_once_and_connected_when_there_is_an_endpoint(mesh: Mesh) -> None:
    async def story() -> None:
        async with engine(mesh) as scheduler:
            await put(scheduler, client())
            assert scheduler.status(CLIENT).state is ValueState.CONFIGURED
            assert connection(scheduler) is None

            async with endpoint(mesh) as server:
                await until(lambda: connection(scheduler) is not None)

                found = connection(scheduler)
                assert found is not None
                assert (found.endpoint, found.interface_name) == ("one", "tap0")
                assert list(found.ip_addresses) == ["10.60.0.1/32"]
                assert scheduler.status(CONNECTION).state is ValueState.OBTAINED
                await scheduler.resync("full")
                assert connection(scheduler) == found

                await put(scheduler, None)
                await scheduler.settle()

                assert server.book.connections == {}
                assert connection(scheduler) is None

    asyncio.run(story())


def test_another_engine_takes_the_same_connection_up_again(mesh: Mesh) -> None:
    async def story() -> None:
        async with endpoint(mesh) as server:
            async with engine(mesh) as scheduler:
                await put(scheduler, client())
                await until(lambda: connection(scheduler) is not None)
                before = list(server.book.connections)

            async with engine(mesh) as scheduler:
                await put(scheduler, client())
                await until(lambda: connection(scheduler) is not None)

                assert list(server.book.connections) == before

    asyncio.run(story())


def test_a_changed_client_is_one_connection_still(mesh: Mesh) -> None:
    async def story() -> None:
        async with endpoint(mesh) as server, engine(mesh) as scheduler:
            await put(scheduler, client())
            await until(lambda: connection(scheduler) is not None)

            labels = [ConnectionLabel(key="app", value="web")]
            await put(scheduler, client(outgoing_labels=labels))

            def told() -> list[dict[str, str]]:
                return [dict(one.labels) for one in server.book.connections.values()]

            await until(lambda: told() != [{}])
            assert told() == [{"app": "web"}]

    asyncio.run(story())


def test_a_connection_outlives_its_manager(mesh: Mesh) -> None:
    async def story() -> None:
        async with endpoint(mesh), engine(mesh) as scheduler:
            await put(scheduler, client())
            await until(lambda: connection(scheduler) is not None)
            before = connection(scheduler)

            mesh.manager.kill()
            await asyncio.sleep(0.3)

            assert connection(scheduler) == before

    asyncio.run(story())


def test_what_could_not_be_closed_is_closed_once_the_manager_is_back(mesh: Mesh) -> None:
    async def story() -> None:
        async with endpoint(mesh) as server, engine(mesh) as scheduler:
            await put(scheduler, client())
            await until(lambda: connection(scheduler) is not None)
            mesh.manager.kill()
            retry = RetryPolicy(first_delay=0.1, max_delay=0.1)
            txn = scheduler.transaction(retry=retry)
            txn.delete(CLIENT)

            result = await txn.commit()

            assert list(result.errors) == [CLIENT]
            await until(lambda: connection(scheduler) is None)
            assert len(server.book.connections) == 1
            mesh.manager.start()
            await until(lambda: not server.book.connections)
            await scheduler.settle()
            assert scheduler.status(CLIENT).state is ValueState.NONEXISTENT

    asyncio.run(story())


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"network_service": ""}, "network_service"),
        ({"interface_name": "x" * 16}, "interface_name"),
        ({"interface_name": ""}, "interface_name"),
        ({"ip_addresses": ["ten"]}, "ip_addresses"),
        ({"phys_address": "x"}, "phys_address"),
        ({"outgoing_labels": [ConnectionLabel(value="x")]}, "outgoing_labels"),
        ({"outgoing_labels": [ConnectionLabel(key="a")] * 2}, "outgoing_labels"),
        ({"name": "other"}, "name"),
        ({"name": "a/b"}, "name"),
    ],
)
def test_a_client_that_cannot_be_is_invalid(wrong: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        meaning.check(CLIENT, client(**wrong))

    assert refused.value.fields == (field,)
    meaning.check(CLIENT, client(interface_type=MEM_INTERFACE))
