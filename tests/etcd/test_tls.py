# SPDX-License-Identifier: Apache-2.0
"""TLS and mutual TLS to real etcd: who is let in, and who is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvs_agent.etcd import Client, Settings, Tls, Unavailable
from tests.etcd.certificates import Certificates, Pair
from tests.etcd.following import Follower, quick
from tests.etcd.server import Etcd


@pytest.fixture
def ours(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "ours")


def _secure(folder: Path, certificates: Certificates, shown: Pair, *, mutual: bool) -> Etcd:
    arguments = ["--cert-file", str(shown.cert), "--key-file", str(shown.key)]
    if mutual:
        arguments += ["--client-cert-auth", "--trusted-ca-file", str(certificates.ca)]
    return Etcd(folder, arguments=arguments)


@pytest.fixture
def mutual(installed: None, tmp_path: Path, ours: Certificates) -> Iterator[Etcd]:
    """Return a server that wants to be shown a certificate."""
    server = _secure(tmp_path / "etcd", ours, ours.issue("127.0.0.1"), mutual=True)
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def _round_trip(settings: Settings) -> bytes | None:
    async with Client(settings) as client, Follower(client) as follower:
        await follower.until(await client.put("/p/a", b"secret"))
        return follower.values.get(b"/p/a")


def _tls(certificates: Certificates, pair: Pair | None = None, server_name: str = "") -> Tls:
    if pair is None:
        return Tls(ca=certificates.ca, server_name=server_name)
    return Tls(ca=certificates.ca, cert=pair.cert, key=pair.key, server_name=server_name)


def test_who_shows_a_certificate_is_let_in(mutual: Etcd, ours: Certificates) -> None:
    tls = _tls(ours, ours.issue("agent@example.org"))

    assert asyncio.run(_round_trip(quick(mutual.endpoint, tls=tls))) == b"secret"
    with_scheme = quick(f"https://{mutual.endpoint}", tls=tls)
    assert asyncio.run(_round_trip(with_scheme)) == b"secret"


def test_who_shows_none_or_a_strangers_is_not(
    mutual: Etcd, ours: Certificates, tmp_path: Path
) -> None:
    strange = Certificates(tmp_path / "strange").issue("agent@example.org")

    for tls in (_tls(ours), Tls(ca=ours.ca, cert=strange.cert, key=strange.key)):
        with pytest.raises(Unavailable):
            asyncio.run(_round_trip(quick(mutual.endpoint, tls=tls)))


def test_who_speaks_plainly_is_not_let_in(mutual: Etcd) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(_round_trip(quick(mutual.endpoint)))


def test_a_server_that_another_authority_vouches_for_is_not_believed(
    mutual: Etcd, ours: Certificates, tmp_path: Path
) -> None:
    pair = ours.issue("agent@example.org")
    other = Certificates(tmp_path / "other")
    tls = Tls(ca=other.ca, cert=pair.cert, key=pair.key)

    with pytest.raises(Unavailable, match="certificate"):
        asyncio.run(_round_trip(quick(mutual.endpoint, tls=tls)))
    # Nor one of which nothing is known, by the system's own authorities.
    with pytest.raises(Unavailable):
        asyncio.run(_round_trip(quick(f"https://{mutual.endpoint}")))


def test_a_server_under_another_name_is_believed_only_where_it_is_said(
    installed: None, tmp_path: Path, ours: Certificates
) -> None:
    server = _secure(tmp_path / "etcd", ours, ours.issue("etcd.example.org"), mutual=False)
    server.start()

    try:
        with pytest.raises(Unavailable):
            asyncio.run(_round_trip(quick(server.endpoint, tls=_tls(ours))))
        named = _tls(ours, server_name="etcd.example.org")
        assert asyncio.run(_round_trip(quick(server.endpoint, tls=named))) == b"secret"
    finally:
        server.kill()


def test_a_renewed_certificate_is_taken_at_the_next_connection(
    mutual: Etcd, ours: Certificates, tmp_path: Path
) -> None:
    """At first the files are a stranger's; they are replaced while the client runs."""
    wrong = Certificates(tmp_path / "wrong").issue("agent@example.org")
    tls = Tls(ca=ours.ca, cert=wrong.cert, key=wrong.key)

    async def main() -> bytes:
        async with Client(quick(mutual.endpoint, tls=tls)) as client:
            with pytest.raises(Unavailable):
                await client.put("/p/a", b"1")
            right = ours.issue("agent@example.org")
            wrong.cert.write_bytes(right.cert.read_bytes())
            wrong.key.write_bytes(right.key.read_bytes())
            await client.put("/p/a", b"2")
            there = await client.get("/p/a")
            assert there is not None
            return there.value

    assert asyncio.run(main()) == b"2"


def test_files_that_are_not_there_are_an_error_that_names_them(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"

    with pytest.raises(Unavailable, match=r"missing\.pem"):
        asyncio.run(_round_trip(quick("127.0.0.1:1", tls=Tls(ca=missing))))


def test_half_a_pair_and_plain_endpoints_beside_tls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        Tls(cert=tmp_path / "a.crt")
    with pytest.raises(ValueError, match="say https"):
        Settings(endpoints=("http://127.0.0.1:2379",), tls=Tls())
