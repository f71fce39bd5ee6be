# SPDX-License-Identifier: Apache-2.0
"""TLS as SPIFFE has it: who is let in, who is believed, and what a rotation changes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm import connections, mechanisms, tokens
from kvs_descriptors.nsm.errors import Refused, Unavailable
from kvs_descriptors.nsm.identity.source import Current, Fixed
from kvs_descriptors.nsm.identity.svid import Identity
from kvs_descriptors.nsm.serving.server import EndpointServer
from kvs_descriptors.nsm.wire import methods
from kvs_descriptors.nsm.wire.address import Address
from kvs_descriptors.nsm.wire.links import Links, now
from kvs_descriptors.nsm.wire.relay import Relay
from kvs_descriptors.nsm.wire.tls import client_context
from kvs_proto.networkservice.connection_pb2 import MonitorScopeSelector
from tests.nsm.authority import Authority
from tests.nsm.mesh import Mesh
from tests.nsm.serving import ANYWHERE, OURS, Pool, asked, linked, registered, served

KERNEL = [mechanisms.kernel("nsm-1", OURS)]


async def ask(links: Links) -> object:
    return await connections.request(links, asked(to="one"), KERNEL, timeout_s=5)


def connected(server: Identity, client: Identity) -> None:
    """Have a client ask an endpoint; neither knows the other but by its authority."""

    async def story() -> None:
        async with (
            served(Fixed(server), one=Pool()) as ours,
            linked(str(ours.address), Fixed(client)) as links,
        ):
            await ask(links)

    asyncio.run(story())


# --- whom we believe -----------------------------------------------------------------------------


def test_two_of_one_trust_domain_believe_each_other(authority: Authority) -> None:
    connected(authority.identity("server"), authority.identity("client"))


@pytest.mark.parametrize("uris", [(), ("spiffe://other.nsm/x",), ("spiffe://test.nsm/x",) * 2])
def test_a_client_tells_nothing_to_a_server_that_it_does_not_believe(
    authority: Authority, uris: tuple[str, ...]
) -> None:
    signer = authority if uris else Authority()
    server = signer.identity("server", *uris)
    if not uris:
        server = Identity(server.svid, (*server.bundle, authority.certificate))

    with pytest.raises(Unavailable) as refused:
        connected(server, authority.identity("client"))

    assert any(word in str(refused.value) for word in ("verify failed", "trust domain", "URIs"))


@pytest.mark.parametrize("uris", [(), ("spiffe://other.nsm/x",)])
def test_a_server_lets_nobody_in_that_it_does_not_believe(
    authority: Authority, uris: tuple[str, ...]
) -> None:
    signer = authority if uris else Authority()
    client = signer.identity("client", *uris)
    believing = Identity(client.svid, (*client.bundle, authority.certificate))

    with pytest.raises((Unavailable, Refused)):
        connected(authority.identity("server"), believing)


def test_who_shows_no_certificate_is_not_let_in(authority: Authority) -> None:
    async def story() -> None:
        async with served(Fixed(authority.identity("server")), one=Pool()) as server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            reader, writer = await asyncio.open_connection(
                server.address.host, server.address.port, ssl=context
            )
            with contextlib.suppress(OSError):
                writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
                assert await reader.read() == b""
            writer.transport.abort()

    asyncio.run(story())


def test_who_speaks_in_the_clear_is_not_let_in(authority: Authority) -> None:
    async def story() -> None:
        async with (
            served(Fixed(authority.identity("server")), one=Pool()) as server,
            linked(str(server.address), None) as links,
        ):
            with pytest.raises(Unavailable):
                await ask(links)

    asyncio.run(story())


def test_the_socket_behind_the_gate_is_of_no_use_to_others(authority: Authority) -> None:
    async def story() -> None:
        source = Fixed(authority.identity("server"))
        async with EndpointServer(ANYWHERE, source) as server:
            assert server._gate is not None
            async with grpc.aio.insecure_channel(server._gate.target) as channel:
                monitor = channel.unary_stream(
                    methods.MONITOR.path,
                    MonitorScopeSelector.SerializeToString,
                    methods.MONITOR.gives.FromString,
                )
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await anext(aiter(monitor(MonitorScopeSelector())))
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED

    asyncio.run(story())


PROBE = """
import socket, sys
probe = socket.socket(socket.AF_UNIX)
probe.connect("\\0" + sys.argv[1])
probe.sendall(b"hello")
print(probe.recv(1))
"""


def test_the_socket_before_the_relay_is_of_no_use_to_others(authority: Authority) -> None:
    async def story() -> bytes:
        async with (
            served(Fixed(authority.identity("server")), one=Pool()) as server,
            linked(str(server.address), Fixed(authority.identity("client"))) as links,
        ):
            await ask(links)
            assert links._current is not None
            assert links._current._relay is not None
            name = links._current._relay.target.removeprefix("unix-abstract:")
            pipe = asyncio.subprocess.PIPE
            other = await asyncio.create_subprocess_exec(
                "python3", "-c", PROBE, name, stdout=pipe, stderr=pipe
            )
            out, err = await other.communicate()
            return out + err

    said = asyncio.run(story())

    assert any(end in said for end in (b"b''\n", b"reset by peer", b"Broken pipe"))


def test_the_key_is_not_written_to_a_disk(authority: Authority, tmp_path: Path) -> None:
    before = set(Path("/tmp").iterdir())  # noqa: S108 - where such files would be

    client_context(authority.identity("client"))

    assert set(Path("/tmp").iterdir()) - before == set()  # noqa: S108 - as above


# --- insecure ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["tcp://192.0.2.1:5000", "tcp://nsm.example:5000", "tcp://[::]:1"])
def test_without_an_identity_only_this_machine_is_talked_to(url: str) -> None:
    with pytest.raises(ValueError, match="only this machine"):
        Links(Address.parse(url), None)
    with pytest.raises(ValueError, match="only this machine"):
        EndpointServer(Address.parse(url), None)


def test_nothing_is_in_the_way_on_a_unix_socket(tmp_path: Path) -> None:
    async def story() -> None:
        address = Address(path=str(tmp_path / "endpoint.sock"))
        async with EndpointServer(address, None) as server, linked(str(address), None) as links:
            server.add("one", Pool())
            await ask(links)

    asyncio.run(story())


def test_tls_on_a_unix_socket_takes_the_place_of_a_dead_one(
    authority: Authority, tmp_path: Path
) -> None:
    path = tmp_path / "endpoint.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    async def story() -> None:
        source = Fixed(authority.identity("both"))
        address = Address(path=str(path))
        async with (
            EndpointServer(address, source) as server,
            linked(str(address), source) as links,
        ):
            server.add("one", Pool())
            await ask(links)

    asyncio.run(story())


# --- addresses -----------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_an_address_is_read_as_it_is_written_or_refused(text: str) -> None:
    for url in (text, f"tcp://{text}", f"unix://{text}"):
        try:
            address = Address.parse(url)
        except ValueError:
            continue
        assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("url", "is_local", "target"),
    [
        ("tcp://127.0.0.1:5001", True, "127.0.0.1:5001"),
        ("tcp://[::1]:5001", True, "[::1]:5001"),
        ("tcp://10.0.0.1:5001", False, "10.0.0.1:5001"),
        ("tcp://localhost:5001", False, "localhost:5001"),
        ("unix:///run/nsm.sock", True, "unix:/run/nsm.sock"),
    ],
)
def test_it_is_known_what_stays_on_this_machine(url: str, is_local: bool, target: str) -> None:
    address = Address.parse(url)

    assert (address.is_local, address.target, str(address)) == (is_local, target, url)


# --- rotation ------------------------------------------------------------------------------------


def test_a_rotation_drops_no_connection_and_no_stream(mesh: Mesh) -> None:
    async def story() -> None:
        assert mesh.authority is not None
        client, ours = Current(), Current()
        for source, name in ((client, "client"), (ours, "endpoint")):
            source.set(mesh.authority.identity(name))
        async with (
            linked(mesh.manager.url, client) as links,
            linked(mesh.manager.url, ours) as way,
            served(ours, one=Pool()) as server,
        ):
            await registered(way, server, "one")
            made = await connections.request(links, asked(), KERNEL)
            events = connections.monitor(links, "client", "c-1")
            await anext(events)

            client.set(mesh.authority.identity("client"))
            ours.set(mesh.authority.identity("endpoint"))
            await asyncio.sleep(0)
            again = await connections.request(links, made, KERNEL)
            update = await anext(events)

            assert [one.id for one in again.path.path_segments] == [
                one.id for one in made.path.path_segments
            ]
            assert len(update.connections) == 1
            assert len(links._retired) == 1
            await registered(way, server, "one")
            await events.aclose()
            await connections.close(links, again)
            assert links._retired == set()

    asyncio.run(story())


def test_a_caller_knows_the_key_that_answers_are_signed_with(authority: Authority) -> None:
    async def story() -> None:
        first, second = authority.identity("server"), authority.identity("server")
        source = Current()
        source.set(first)
        async with served(source, one=Pool()) as server:
            caller = Fixed(authority.identity("client"))
            async with linked(str(server.address), caller) as old:
                await ask(old)
                source.set(second)
                await asyncio.sleep(0.05)
                async with linked(str(server.address), caller) as new:
                    for links, identity in ((old, first), (new, second)):
                        made = await connections.request(links, asked(to="one"), KERNEL)
                        token = made.path.path_segments[1].token
                        tokens.check(
                            token, identity.svid.chain[0], "spiffe://test.nsm/client", now()
                        )

    asyncio.run(story())


@pytest.mark.parametrize("turns", range(6))
def test_a_relay_that_ends_while_somebody_connects_leaves_nothing_open(
    authority: Authority, turns: int
) -> None:
    async def story() -> None:
        async with Relay(Address(host="127.0.0.1", port=1), authority.identity("c")) as relay:
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect("\0" + relay.target.removeprefix("unix-abstract:"))
                for _ in range(turns):
                    await asyncio.sleep(0)

    asyncio.run(story())
    # A socket that nobody has closed would be told of here.
    gc.collect()
