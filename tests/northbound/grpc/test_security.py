# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and what they may do: sockets, certificates, roles."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from kvs_agent.northbound.access import Access, Role
from kvs_agent.northbound.grpc import GrpcServer, GrpcSettings, Unsafe
from kvs_agent.northbound.grpc.peers import is_local
from kvs_proto.agent.v1 import agent_pb2
from ligato.configurator import configurator_pb2
from ligato.generic import manager_pb2, meta_pb2
from tests.northbound.grpc.stage import NOBODY, Stage, play, refused, staged

LOOPBACK = "127.0.0.1:0"
SERVICES: dict[Any, str] = {
    configurator_pb2: "ConfiguratorService",
    manager_pb2: "ManagerService",
    meta_pb2: "MetaService",
    agent_pb2: "AgentService",
}
WRITING = {"Update", "Delete", "SetConfig", "Apply", "Try", "Resync"}


def methods() -> list[Any]:
    found: list[Any] = []
    for module, name in SERVICES.items():
        found += module.DESCRIPTOR.services_by_name[name].methods
    return found


def name_of(method: Any) -> str:
    return f"{method.containing_service.full_name}/{method.name}"


async def called(channel: grpc.aio.Channel, method: Any) -> grpc.StatusCode:
    """Call a method with an empty request; return how that ends, or OK where it goes on."""
    path = f"/{name_of(method)}"
    multi: Any = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, True): channel.stream_stream,
    }[method.client_streaming, method.server_streaming](path)
    call = multi(iter([b""]) if method.client_streaming else b"")
    try:
        if not method.server_streaming:
            await call
            return grpc.StatusCode.OK
        # Header and first answer, if there is any: what goes on was let in.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await call.read()
        return await call.code() if call.done() else grpc.StatusCode.OK
    except grpc.aio.AioRpcError as error:
        return error.code()
    finally:
        call.cancel()


OUTSIDE = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


@pytest.mark.parametrize("role", [Role.NONE, Role.READ, Role.WRITE])
def test_each_method_takes_its_role(tmp_path: Path, role: Role) -> None:
    async def story(stage: Stage) -> None:
        codes = {name_of(one): await called(stage.channel, one) for one in methods()}

        for method in methods():
            needed = Role.WRITE if method.name in WRITING else Role.READ
            is_out = codes[name_of(method)] in OUTSIDE
            assert is_out == (role < needed), (name_of(method), codes[name_of(method)])

    play(tmp_path, story, access=Access(anonymous=role))


# Unix sockets.


def test_a_socket_is_for_its_owner_alone(tmp_path: Path) -> None:
    async def story(_stage: Stage) -> None:
        path = tmp_path / "agent" / "grpc.sock"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    play(tmp_path, story)

    assert not (tmp_path / "agent" / "grpc.sock").exists()


def test_a_group_may_be_let_in(tmp_path: Path) -> None:
    import grp

    group = grp.getgrgid(os.getegid()).gr_name

    async def story(_stage: Stage) -> None:
        path = tmp_path / "agent" / "grpc.sock"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert path.stat().st_gid == os.getegid()

    play(tmp_path, story, group=group)


async def cannot_start(stage: Stage, **told: Any) -> str:
    server = GrpcServer(stage.core, GrpcSettings(**told), NOBODY)
    with pytest.raises(Unsafe) as caught:
        await server.start()
    await server.stop(0)
    return str(caught.value)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"endpoints": ("0.0.0.0:0",)}, "open to the network"),
        ({"endpoints": (":9111",)}, "open to the network"),
        ({"endpoints": ("[::]:0",)}, "open to the network"),
        ({"endpoints": ("example.org:80",)}, "open to the network"),
        ({"endpoints": ("nonsense",)}, "no place to listen at"),
        ({"endpoints": ("127.0.0.1:70000",)}, "no place to listen at"),
        ({"endpoints": (LOOPBACK,), "certificate": "/none", "key": ""}, "needs a key-file"),
        ({"endpoints": (LOOPBACK,), "certificate": "/none", "key": "/none"}, "cannot be read"),
        ({"group": "no-such-group", "endpoints": ("unix:{folder}/x/s",)}, "no group"),
    ],
)
def test_what_is_unsafe_is_not_started(tmp_path: Path, told: dict[str, Any], text: str) -> None:
    endpoints = tuple(one.format(folder=tmp_path) for one in told["endpoints"])

    async def story(stage: Stage) -> None:
        assert text in await cannot_start(stage, **{**told, "endpoints": endpoints})

    play(tmp_path, story)


def test_a_folder_that_others_write_to_is_no_place_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)

    async def story(stage: Stage) -> None:
        assert "others may write" in await cannot_start(stage, endpoints=(f"unix:{folder}/s",))

    play(tmp_path, story)


def test_a_socket_in_use_is_left_to_who_uses_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        mine = tmp_path / "agent" / "grpc.sock"

        assert "listens there already" in await cannot_start(stage, endpoints=(f"unix:{mine}",))
        await stage.agent.Info(agent_pb2.InfoRequest())

    play(tmp_path, story)


def test_a_port_in_use_is_left_to_who_uses_it(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        text = await cannot_start(stage, endpoints=(stage.server.addresses[0],))
        assert "cannot listen" in text

    play(tmp_path, story, endpoints=(LOOPBACK,))


def test_a_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "agent" / "grpc.sock"
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    async def story(stage: Stage) -> None:
        assert (await stage.agent.Info(agent_pb2.InfoRequest())).ready

    play(tmp_path, story)


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "private" / "notes"
    path.parent.mkdir(mode=0o700)
    path.write_text("mine")

    async def story(stage: Stage) -> None:
        assert "no socket" in await cannot_start(stage, endpoints=(str(path),))

    play(tmp_path, story)

    assert path.read_text() == "mine"


# Certificates.


class Papers:
    """Certificates made on the spot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.renew()

    def renew(self, *names: str) -> bytes:
        """Write a new certificate for the server; return it."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1", *names)
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        chain = self.folder / "cert.pem"
        chain.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        return issued.cert_chain_pems[0].bytes()

    def told(self, *, mutual: bool = True) -> dict[str, Any]:
        return {
            "endpoints": (LOOPBACK,),
            "certificate": str(self.folder / "cert.pem"),
            "key": str(self.folder / "key.pem"),
            "authorities": (str(self.folder / "ca.pem"),) if mutual else (),
        }

    def credentials(self, *names: str, by: trustme.CA | None = None) -> grpc.ChannelCredentials:
        roots = self.authority.cert_pem.bytes()
        if not names:
            return grpc.ssl_channel_credentials(roots)
        issued = (by or self.authority).issue_cert(*names)
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        return grpc.ssl_channel_credentials(roots, issued.private_key_pem.bytes(), chain)


@contextlib.asynccontextmanager
async def dialled(stage: Stage, credentials: grpc.ChannelCredentials) -> AsyncIterator[Any]:
    port = stage.server.addresses[0].rpartition(":")[2]
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials, options) as channel:
        yield Stage(stage.core, stage.server, channel)


ROLES = Access(
    by_san={"reader.example": Role.READ, "EMAIL:writer@here.example": Role.WRITE},
    anonymous=Role.ADMIN,
)


@pytest.mark.parametrize(
    ("name", "may_read", "may_write"),
    [
        ("reader.example", True, False),
        ("writer@here.example", True, True),
        ("stranger.example", False, False),
    ],
)
def test_a_certificates_names_decide_what_its_bearer_may_do(
    tmp_path: Path, name: str, may_read: bool, may_write: bool
) -> None:
    papers = Papers(tmp_path)

    async def story(stage: Stage) -> None:
        async with dialled(stage, papers.credentials(name)) as mine:
            by_name = {one.name: one for one in methods()}
            reads, writes = by_name["Info"], by_name["Apply"]
            denied = grpc.StatusCode.PERMISSION_DENIED

            assert (await called(mine.channel, reads) is not denied) == may_read
            assert (await called(mine.channel, writes) is not denied) == may_write

    async def main() -> None:
        async with staged(tmp_path, None, ROLES, **papers.told()) as stage:
            await story(stage)

    asyncio.run(main())


def test_without_a_certificate_of_our_authority_nobody_gets_in(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def main() -> None:
        async with staged(tmp_path, None, ROLES, **papers.told()) as stage:
            strange = papers.credentials("reader.example", by=trustme.CA())
            for credentials in (papers.credentials(), strange):
                async with dialled(stage, credentials) as mine:
                    error = await refused(mine.agent.Info(agent_pb2.InfoRequest()))
                    assert error.code() is grpc.StatusCode.UNAVAILABLE
            error = await refused(stage.agent.Info(agent_pb2.InfoRequest()))
            assert error.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(main())


def test_encrypted_loopback_is_still_loopback(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def main() -> None:
        async with (
            staged(tmp_path, None, ROLES, **papers.told(mutual=False)) as stage,
            dialled(stage, papers.credentials()) as mine,
        ):
            assert (await mine.agent.Info(agent_pb2.InfoRequest())).ready

    asyncio.run(main())


def test_a_new_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    papers = Papers(tmp_path)

    async def shown(stage: Stage) -> bytes:
        import ssl

        port = int(stage.server.addresses[0].rpartition(":")[2])
        pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        return pem.encode()

    async def main() -> None:
        async with staged(tmp_path, None, ROLES, **papers.told(mutual=False)) as stage:
            before = await shown(stage)
            new = papers.renew()
            after = await shown(stage)
            (tmp_path / "cert.pem").write_bytes(b"nonsense")
            (tmp_path / "key.pem").unlink()
            kept = await shown(stage)

        assert before != after
        assert after.split() == new.split()
        assert kept == after

    asyncio.run(main())


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("unix:", True),
        ("unix:/run/x", True),
        ("ipv4:127.0.0.1:5", True),
        ("ipv4:127.8.0.1:5", True),
        ("ipv6:[::1]:5", True),
        ("ipv6:%5B::1%5D:5", True),
        ("ipv4:10.0.0.1:5", False),
        ("ipv6:[fe80::1]:5", False),
        ("vsock:1", False),
        ("", False),
    ],
)
def test_who_is_on_this_machine_is_told_from_the_peer(peer: str, local: bool) -> None:
    assert is_local(peer) is local
