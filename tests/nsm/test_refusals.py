# SPDX-License-Identifier: Apache-2.0
"""What is refused, by the real mesh and by endpoints of ours, and with which words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kvs_descriptors.nsm import connections, mechanisms, path
from kvs_descriptors.nsm.errors import Refused
from kvs_descriptors.nsm.identity.source import Fixed
from kvs_descriptors.nsm.registry import Registration
from kvs_descriptors.nsm.wire import methods
from kvs_descriptors.nsm.wire.links import Links
from kvs_proto.networkservice.connection_pb2 import Connection
from kvs_proto.networkservice.networkservice_pb2 import NetworkServiceRequest
from kvs_proto.registry.registry_pb2 import NetworkService, NetworkServiceEndpoint
from tests.nsm.authority import Authority
from tests.nsm.forging import FORGED, Forge, forge, opened, proper
from tests.nsm.mesh import Mesh
from tests.nsm.serving import NS, OURS, Pool, asked, endpoint, linked, registered, served

KERNEL = [mechanisms.kernel("nsm-1", OURS)]
CALL_S = 10.0

Ask = Callable[[Links], Awaitable[object]]


def request(connection: Connection | None = None) -> NetworkServiceRequest:
    wanted = asked() if connection is None else connection
    return NetworkServiceRequest(connection=wanted, mechanism_preferences=KERNEL)


# --- tokens --------------------------------------------------------------------------------------


def by_the_mesh(mesh: Mesh, kind: Forge) -> Refused | None:
    """Ask the manager with what is forged; return how it refuses."""

    async def story() -> Refused | None:
        assert mesh.authority is not None
        source = Fixed(mesh.authority.identity("endpoint"))
        client = mesh.authority.identity("client")
        async with linked(mesh.manager.url, source) as ours, served(source, one=Pool()) as server:
            await registered(ours, server, "one")
            async with opened(mesh.manager.url, client) as (link, manager):
                try:
                    forged = kind(client, manager)
                    await link.call(methods.REQUEST, request(), forged, CALL_S)
                except Refused as refused:
                    return refused
                return None

    return asyncio.run(story())


def by_us(authority: Authority, kind: Forge) -> Refused | None:
    """Ask an endpoint of ours with what is forged; return how it refuses."""

    async def story() -> Refused | None:
        caller, pool = authority.identity("forwarder"), Pool()
        async with (
            served(Fixed(authority.identity("endpoint")), one=pool) as server,
            opened(str(server.address), caller) as (link, peer),
        ):
            try:
                wanted = request(asked(to="one"))
                await link.call(methods.REQUEST, wanted, kind(caller, peer), CALL_S)
            except Refused as refused:
                assert pool.requests == 0
                return refused
            return None

    return asyncio.run(story())


@pytest.mark.parametrize("kind", FORGED.values(), ids=FORGED)
def test_the_mesh_does_not_take(mesh: Mesh, kind: Forge) -> None:
    refused = by_the_mesh(mesh, kind)

    assert refused is not None
    assert refused.code == "PERMISSION_DENIED"


@pytest.mark.parametrize("kind", FORGED.values(), ids=FORGED)
def test_an_endpoint_of_ours_does_not_take(authority: Authority, kind: Forge) -> None:
    refused = by_us(authority, kind)

    assert refused is not None
    assert refused.code == "PERMISSION_DENIED"


@pytest.mark.parametrize("kind", [forge("none"), forge(exp="soon"), forge(sub=7)])
def test_an_endpoint_of_ours_takes_no_nonsense_either(authority: Authority, kind: Forge) -> None:
    refused = by_us(authority, kind)

    assert refused is not None
    assert refused.code == "PERMISSION_DENIED"


def test_proper_tokens_are_taken_by_both(mesh: Mesh, authority: Authority) -> None:
    assert by_the_mesh(mesh, proper) is None
    assert by_us(authority, proper) is None


def test_the_mesh_takes_another_subject_and_so_do_we(mesh: Mesh, authority: Authority) -> None:
    other = forge(sub="spiffe://test.nsm/another")

    assert by_the_mesh(mesh, other) is None
    assert by_us(authority, other) is None


# --- requests ------------------------------------------------------------------------------------


def without_path() -> Connection:
    return Connection(id="c-1", network_service=NS)


def with_another_id() -> Connection:
    connection = asked()
    connection.id = "another"
    return connection


async def only_memif(client: Links) -> object:
    return await connections.request(client, asked(), [mechanisms.memif()])


def requesting(connection: Connection) -> Ask:
    return lambda client: connections.request(client, connection, KERNEL)


@pytest.mark.parametrize(
    ("ask", "code", "words"),
    [
        (requesting(without_path()), "PERMISSION_DENIED", "no sufficient privileges"),
        (requesting(with_another_id()), "UNKNOWN", "should be equal Connection.Id==another"),
        (requesting(asked(service="ns-none")), "UNKNOWN", "network service ns-none is not found"),
        (requesting(asked(to="nobody")), "UNKNOWN", "endpoint nobody"),
        (only_memif, "UNKNOWN", "the mechanism here is KERNEL; offered: MEMIF"),
    ],
)
def test_the_mesh_refuses_a_request(mesh: Mesh, ask: Ask, code: str, words: str) -> None:
    async def story() -> Refused:
        assert mesh.authority is not None
        source = Fixed(mesh.authority.identity("all"))
        async with linked(mesh.manager.url, source) as links, served(source, one=Pool()) as server:
            await registered(links, server, "one")
            with pytest.raises(Refused) as refused:
                await ask(links)
            return refused.value

    refused = asyncio.run(story())

    assert refused.code == code
    assert words in refused.reason


def test_a_service_that_nobody_serves_has_no_candidates(mesh: Mesh) -> None:
    async def story() -> str:
        assert mesh.authority is not None
        async with linked(mesh.manager.url, Fixed(mesh.authority.identity("c"))) as links:
            path = (("path", '{"Index":0,"PathSegments":null}'),)
            service = NetworkService(name="ns-empty", payload="IP")
            await links.call(methods.REGISTER_SERVICE, service, timeout_s=CALL_S, metadata=path)
            with pytest.raises(Refused) as refused:
                await connections.request(links, asked(service="ns-empty"), KERNEL)
            return refused.value.reason

    assert "candidates not found" in asyncio.run(story())


def test_what_our_endpoint_says_reaches_the_client(mesh: Mesh) -> None:
    async def story() -> str:
        assert mesh.authority is not None
        source, pool = Fixed(mesh.authority.identity("all")), Pool()
        pool.is_full = True
        async with linked(mesh.manager.url, source) as links, served(source, one=pool) as server:
            await registered(links, server, "one")
            with pytest.raises(Refused) as refused:
                await connections.request(links, asked(), KERNEL)
            return refused.value.reason

    assert "the pool is empty" in asyncio.run(story())


def test_closing_what_is_not_known_is_no_failure(mesh: Mesh) -> None:
    async def story() -> None:
        assert mesh.authority is not None
        async with linked(mesh.manager.url, Fixed(mesh.authority.identity("c"))) as links:
            await connections.close(links, asked("never-heard-of"))

    asyncio.run(story())


# --- registrations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (NetworkServiceEndpoint(url="tcp://127.0.0.1:1"), "Name can not be zero valued"),
        (NetworkServiceEndpoint(name="one"), "cannot register NSE with passed URL"),
    ],
)
def test_the_mesh_refuses_an_endpoint_without(
    mesh: Mesh, wanted: NetworkServiceEndpoint, words: str
) -> None:
    async def story() -> Refused:
        assert mesh.authority is not None
        async with linked(mesh.manager.url, Fixed(mesh.authority.identity("e"))) as links:
            with pytest.raises(Refused) as refused:
                await Registration(links, wanted).register()
            return refused.value

    refused = asyncio.run(story())

    assert refused.code == "UNKNOWN"
    assert words in refused.reason


def test_a_name_belongs_to_who_registered_it_first(mesh: Mesh) -> None:
    async def story() -> list[str]:
        authority = mesh.authority
        assert authority is not None
        codes = []
        first, second = Fixed(authority.identity("first")), Fixed(authority.identity("second"))
        async with (
            linked(mesh.manager.url, first) as ours,
            linked(mesh.manager.url, second) as theirs,
            served(first) as server,
        ):
            await Registration(ours, endpoint(server, "one")).register()
            thief = Registration(theirs, endpoint(server, "one"))
            for attempt in (thief.register, thief.unregister):
                with pytest.raises(Refused) as refused:
                    await attempt()
                codes.append(refused.value.code)
            # The network service is the first one's too, which keeps nobody from serving it.
            await Registration(theirs, endpoint(server, "other")).register()
        return codes

    assert asyncio.run(story()) == ["PERMISSION_DENIED", "PERMISSION_DENIED"]


# --- endpoints of ours ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connection", "code", "words"),
    [
        (without_path(), "INVALID_ARGUMENT", "the turn is at 0, of 0"),
        (with_another_id(), "INVALID_ARGUMENT", "the connection 'another'"),
        (asked(to="nobody"), "NOT_FOUND", "no endpoint 'nobody'"),
        (path.begin(asked(to="one"), "one", "c-1"), "INVALID_ARGUMENT", "has our name"),
    ],
)
def test_an_endpoint_of_ours_refuses(
    authority: Authority, connection: Connection, code: str, words: str
) -> None:
    async def story() -> Refused:
        caller = authority.identity("forwarder")
        async with (
            served(Fixed(authority.identity("endpoint")), one=Pool()) as server,
            opened(str(server.address), caller) as (link, peer),
        ):
            wanted, token = request(connection), proper(caller, peer)
            with pytest.raises(Refused) as refused:
                await link.call(methods.REQUEST, wanted, token, CALL_S)
            return refused.value

    refused = asyncio.run(story())

    assert refused.code == code
    assert words in refused.reason


def test_a_path_with_a_token_for_somebody_else_is_not_taken(authority: Authority) -> None:
    async def story() -> Refused:
        caller = authority.identity("forwarder")
        connection = asked(to="one")
        (_, token), _ = proper(authority.identity("client"), "spiffe://test.nsm/elsewhere")
        connection.path.path_segments[0].token = token
        connection.path.path_segments.add(name="forwarder", id="f-1")
        connection.path.index, connection.id = 1, "f-1"
        async with (
            served(Fixed(authority.identity("endpoint")), one=Pool()) as server,
            opened(str(server.address), caller) as (link, peer),
        ):
            wanted, told = request(connection), proper(caller, peer)
            with pytest.raises(Refused) as refused:
                await link.call(methods.REQUEST, wanted, told, CALL_S)
            return refused.value

    refused = asyncio.run(story())

    assert refused.code == "PERMISSION_DENIED"
    assert "meant for somebody else" in refused.reason
