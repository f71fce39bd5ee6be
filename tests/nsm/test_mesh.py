# SPDX-License-Identifier: Apache-2.0
"""A client and an endpoint of ours through the real mesh."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from kvs_descriptors.nsm import connections, mechanisms, path, registry
from kvs_descriptors.nsm.identity.source import Fixed, Source
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, Pool, asked, endpoint, linked, registered, served, until

KERNEL = [mechanisms.kernel("nsm-1", OURS)]


@contextlib.asynccontextmanager
async def ends(made: Mesh, **pools: Pool) -> AsyncIterator[tuple[Links, Links, EndpointServer]]:
    """Lend a client's way to the mesh, an endpoint's, and the endpoints, all registered."""
    sources: list[Source | None] = [None, None]
    if made.authority is not None:
        sources = [Fixed(made.authority.identity(name)) for name in ("client", "endpoint")]
    async with (
        linked(made.manager.url, sources[0]) as client,
        linked(made.manager.url, sources[1]) as ours,
        served(sources[1], **pools) as server,
    ):
        await registered(ours, server, *pools)
        yield client, ours, server


def ids(connection: Connection) -> list[str]:
    return [segment.id for segment in connection.path.path_segments]


def tokens(connection: Connection) -> list[str]:
    return [segment.token for segment in connection.path.path_segments]


@pytest.fixture(params=["mesh", "open_mesh"])
def either(request: pytest.FixtureRequest) -> Mesh:
    """Return a mesh that checks everything, and one that checks nothing."""
    made: Mesh = request.getfixturevalue(request.param)
    return made


def test_a_client_is_connected_refreshed_and_disconnected(either: Mesh) -> None:
    async def story() -> None:
        pool = Pool()
        async with ends(either, one=pool) as (client, _, server):
            first = await connections.request(client, asked(), KERNEL)

            names = [segment.name for segment in first.path.path_segments]
            assert names == ["client", "manager", "forwarder", "one"]
            assert (first.id, first.path.index, first.state) == ("c-1", 0, connection_pb2.UP)
            assert first.network_service_endpoint_name == "one"
            assert mechanisms.read_kernel(first.mechanism).name == "nsm-1"
            assert list(first.context.ip_context.src_ip_addrs) == ["10.60.0.1/32"]
            assert list(server.book.connections) == [ids(first)[3]]

            await asyncio.sleep(1.1)  # tokens are told apart by whole seconds
            second = await connections.request(client, first, KERNEL)

            assert ids(second) == ids(first)
            assert set(tokens(second)).isdisjoint(tokens(first))
            assert second.context == first.context
            assert (pool.requests, len(server.book.connections)) == (2, 1)

            await connections.close(client, second)

            assert pool.closed == [ids(first)[3]]
            assert server.book.connections == {}
            assert await connections.find_mine(client, "client", "c-1") is None

    asyncio.run(story())


def test_a_connection_is_taken_up_again_by_who_has_forgotten_it(mesh: Mesh) -> None:
    async def story() -> None:
        async with ends(mesh, one=Pool()) as (client, _, server):
            first = await connections.request(client, asked(), KERNEL)

            found = await connections.find_mine(client, "client", "c-1")
            assert found is not None
            again = await connections.request(client, path.resume(found), KERNEL)

            assert ids(again) == ids(first)
            assert len(server.book.connections) == 1

    asyncio.run(story())


def test_two_endpoints_of_one_service_on_one_socket_are_told_apart(mesh: Mesh) -> None:
    async def story() -> None:
        one, other = Pool(), Pool(network="10.61.0.0/24")
        async with ends(mesh, one=one, other=other) as (client, _, _):
            first = await connections.request(client, asked("c-1", to="one"), KERNEL)
            second = await connections.request(client, asked("c-2", to="other"), KERNEL)

            assert list(first.context.ip_context.src_ip_addrs) == ["10.60.0.1/32"]
            assert list(second.context.ip_context.src_ip_addrs) == ["10.61.0.1/32"]
            assert (len(one.given), len(other.given)) == (1, 1)

    asyncio.run(story())


def test_memif_is_negotiated(mesh: Mesh) -> None:
    async def story() -> None:
        async with ends(mesh, one=Pool(mechanisms.MEMIF)) as (client, _, _):
            offered = [*KERNEL, mechanisms.memif()]
            made = await connections.request(client, asked(), offered)

            assert (made.mechanism.cls, made.mechanism.type) == ("LOCAL", "MEMIF")

    asyncio.run(story())


def test_a_client_hears_that_its_endpoint_has_gone(mesh: Mesh) -> None:
    async def story() -> None:
        pool = Pool()
        async with ends(mesh, one=pool) as (client, _, server):
            made = await connections.request(client, asked(), KERNEL)
            events = connections.monitor(client, "client", "c-1")
            first = await anext(events)
            await until(lambda: server.book.watchers.count > 0)

            await server.remove("one")
            then = await anext(events)

            assert first.type == connection_pb2.INITIAL_STATE_TRANSFER
            assert [one.state for one in first.connections.values()] == [connection_pb2.UP]
            mine = [one for one in then.connections.values() if path.is_mine(one, 0, "c-1")]
            assert [one.state for one in mine] == [connection_pb2.DOWN]
            assert pool.closed == [ids(made)[3]]
            await events.aclose()

    asyncio.run(story())


def test_the_registry_tells_of_endpoints_and_of_their_end(mesh: Mesh) -> None:
    async def story() -> None:
        async with ends(mesh, one=Pool()) as (client, ours, server):
            like = NetworkServiceEndpoint(network_service_names=[NS])
            (known,) = await registry.find_endpoints(client, like)
            assert known.name == "one"
            assert [one.name for one in await registry.find_services(client, NS)] == [NS]

            watch = registry.watch_endpoints(client, like)
            assert (await anext(watch)).network_service_endpoint.name == "one"
            other = registry.Registration(ours, endpoint(server, "other"))
            await other.register()
            come = await anext(watch)
            await other.unregister()
            gone = await anext(watch)

            assert (come.network_service_endpoint.name, come.deleted) == ("other", False)
            assert (gone.network_service_endpoint.name, gone.deleted) == ("other", True)
            await watch.aclose()

    asyncio.run(story())


def test_registering_again_makes_it_last_longer(mesh: Mesh) -> None:
    async def story() -> None:
        async with ends(mesh) as (_, ours, server):
            registration = registry.Registration(ours, endpoint(server, "one"))

            first = await registration.register()
            await asyncio.sleep(0.1)
            second = await registration.register()

            assert second.expiration_time.ToNanoseconds() > first.expiration_time.ToNanoseconds()
            assert second.initial_registration_time == first.initial_registration_time

    asyncio.run(story())
