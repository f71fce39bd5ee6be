# SPDX-License-Identifier: Apache-2.0
"""Who may ask what: roles for every route, certificates, passwords, tokens, strangers' pages."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from kvs_agent.northbound.access import Access, Role
from kvs_agent.northbound.rest.credentials import (
    Credentials,
    CredentialsError,
    password_line,
    token_line,
)
from kvs_agent.northbound.rest.passwords import password
from kvs_agent.northbound.rest.settings import Insecure
from kvs_agent.northbound.rest.table import ENDPOINTS
from tests.etcd.certificates import Certificates, Pair
from tests.northbound.rest.stage import Site, play, served, why_not

NOBODY = Access()


def trusting(certificates: Certificates, pair: Pair | None = None) -> aiohttp.TCPConnector:
    """Return a client's side of TLS; needs a loop."""
    context = ssl.create_default_context(cafile=str(certificates.ca))
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    return aiohttp.TCPConnector(ssl=context)


def passwords(folder: Path, *lines: str) -> Path:
    path = folder / "passwords"
    path.write_text("\n".join(["# who may do what", "", *lines]))
    path.chmod(0o600)
    return path


def basic(name: str, text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{text}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("role", list(Role))
def test_each_route_takes_its_role_and_no_less(role: Role) -> None:
    async def story(site: Site) -> None:
        for endpoint in ENDPOINTS:
            path = endpoint.path.replace("{model}", "x").replace("{logger}/{level}", "x/info")
            reply = await site.ask(endpoint.method, path)
            is_refused = reply.status == 401
            assert is_refused == (role < endpoint.role), (endpoint.path, reply)

    play(story, access=Access(anonymous=role))


def test_what_changes_anything_takes_more_than_reading() -> None:
    readers = {one.path for one in ENDPOINTS if one.role <= Role.READ and one.method != "GET"}

    assert readers == {"/configuration/validate", "/v1/plan"}
    assert {one.path for one in ENDPOINTS if one.role is Role.NONE} == {"/liveness", "/readiness"}


@pytest.mark.parametrize("endpoint", ["0.0.0.0:0", "[::]:0", "192.0.2.1:1", "example.org:1"])
def test_without_tls_it_listens_on_this_machine_alone(endpoint: str) -> None:
    error = why_not(endpoint=endpoint)

    assert isinstance(error, Insecure)
    assert "can be reached from elsewhere: set server-cert-file" in str(error)


@pytest.mark.parametrize("endpoint", ["9191", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    error = why_not(endpoint=endpoint)

    assert isinstance(error, Insecure)
    assert "is not an address and a port" in str(error)


def test_settings_of_tls_go_together(tmp_path: Path) -> None:
    some, other = tmp_path / "x", tmp_path / "y"
    errors = {
        "one is missing": why_not(certificate=some),
        "take TLS": why_not(client_authorities=(some,)),
        f"No such file or directory: '{some}'": why_not(certificate=some, key=other),
    }

    assert all(isinstance(error, Insecure) for error in errors.values())
    assert [text for text, error in errors.items() if text not in str(error)] == []


def test_certificates_give_roles_by_their_names(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    server, reader = made.issue("127.0.0.1"), made.issue("reader.example")
    writer, other = made.issue("writer.example"), made.issue("other.example")
    access = Access({"DNS:reader.example": Role.READ, "writer.example": Role.WRITE})

    async def story(site: Site) -> None:
        found = {}
        for pair in (reader, writer, other, None):
            async with aiohttp.ClientSession(connector=trusting(made, pair)) as session:
                shown = Site(site.server, session, site.core)
                looks = await shown.get("/configuration", scheme="https")
                wants = await shown.ask("PUT", "/configuration", "linuxConfig: {}", scheme="https")
                found[pair] = (looks.status, wants.status)
        assert found == {
            reader: (200, 403),
            writer: (200, 200),
            other: (403, 403),
            None: (401, 401),
        }

    play(
        story,
        access=access,
        certificate=server.cert,
        key=server.key,
        client_authorities=(made.ca,),
    )


def test_a_strangers_certificate_is_refused_at_the_door(tmp_path: Path) -> None:
    made, theirs = Certificates(tmp_path / "a"), Certificates(tmp_path / "b")
    server, stranger = made.issue("127.0.0.1"), theirs.issue("writer.example")

    async def story(site: Site) -> None:
        for pair in (stranger, None):
            async with aiohttp.ClientSession(connector=trusting(made, pair)) as session:
                with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
                    await Site(site.server, session, site.core).get("/liveness", scheme="https")

    play(
        story,
        access=Access({"writer.example": Role.ADMIN}),
        certificate=server.cert,
        key=server.key,
        client_authorities=(made.ca,),
        needs_certificate=True,
    )


def test_beyond_this_machine_nobody_is_anonymous(tmp_path: Path) -> None:
    made = Certificates(tmp_path)
    server = made.issue("127.0.0.1")

    async def story(site: Site) -> None:
        port = site.address.rpartition(":")[2]
        async with aiohttp.ClientSession(connector=trusting(made)) as session:
            for path, status in {"/liveness": 200, "/configuration": 401}.items():
                async with session.get(f"https://127.0.0.1:{port}{path}") as answer:
                    assert answer.status == status

    play(
        story,
        access=Access(anonymous=Role.ADMIN),
        endpoint="0.0.0.0:0",
        certificate=server.cert,
        key=server.key,
    )


def test_passwords_and_tokens_give_roles(tmp_path: Path) -> None:
    token, line = token_line("ci", Role.WRITE)
    ops = "höchst:geheim"
    path = passwords(tmp_path, password_line("ops", Role.READ, ops), line)

    async def story(site: Site) -> None:
        right = [
            await site.get("/configuration", headers=basic("ops", ops)),
            await site.get("/configuration", headers=basic("ops", ops)),
            await site.get("/configuration", headers=bearer(token)),
            await site.ask("PUT", "/configuration", "linuxConfig: {}", headers=bearer(token)),
        ]
        assert [one.status for one in right] == [200] * 4
        more = await site.ask("PUT", "/log/root/info", headers=basic("ops", ops))
        assert (more.status, more.error) == (403, "this takes the role write, not read")
        wrong = [
            await site.get("/configuration", headers=basic("ops", "other")),
            await site.get("/configuration", headers=basic("nobody", ops)),
            await site.get("/configuration", headers=bearer("x")),
            await site.get("/configuration", headers={"Authorization": "Basic !"}),
            await site.get("/configuration", headers={"Authorization": "Digest x"}),
            await site.get("/configuration"),
        ]
        assert [one.status for one in wrong] == [401] * 6
        assert all(one.headers["WWW-Authenticate"].startswith("Basic") for one in wrong)

    play(story, access=NOBODY, passwords=path)


def test_guessing_is_slowed_down_even_for_who_is_right(tmp_path: Path) -> None:
    token, line = token_line("ci", Role.READ)

    async def story(site: Site) -> None:
        statuses = [
            (await site.get("/configuration", headers=bearer("guess"))).status for _ in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2
        late = await site.get("/configuration", headers=bearer(token))
        assert (late.status, int(late.headers["Retry-After"]) > 0) == (429, True)

    play(story, access=NOBODY, passwords=passwords(tmp_path, line))


def test_the_file_of_passwords_is_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    old, old_line = token_line("old", Role.READ)
    new, new_line = token_line("new", Role.READ)
    path = passwords(tmp_path, old_line)

    async def story(site: Site) -> None:
        path.write_text("nonsense")
        with pytest.raises(CredentialsError, match=r"passwords:1: "):
            await site.server.reload()
        assert (await site.get("/configuration", headers=bearer(old))).status == 200

        path.write_text(new_line)
        await site.server.reload()

        assert (await site.get("/configuration", headers=bearer(old))).status == 401
        assert (await site.get("/configuration", headers=bearer(new))).status == 200

    play(story, access=NOBODY, passwords=path)


@pytest.mark.parametrize(
    "line",
    [
        "junk",
        "ops:read:plain",
        "ops:king:sha256$YQ==",
        ":read:sha256$YQ==",
        "ops:read:sha256$!",
        "ops:read:scrypt$3$8$1$YQ==$YQ==",
        "ops:read:scrypt$1073741824$8$1$YQ==$YQ==",
        "ops:read:scrypt$16384$8$x$YQ==$YQ==",
    ],
)
def test_a_line_that_cannot_be_used_is_told_without_its_hash(tmp_path: Path, line: str) -> None:
    with pytest.raises(CredentialsError) as told:
        Credentials(passwords(tmp_path, line))

    assert "passwords:3: " in str(told.value)
    assert "$" not in str(told.value)


def test_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = passwords(tmp_path)
    path.chmod(0o620)

    with pytest.raises(CredentialsError, match="others may write it"):
        Credentials(path)
    with pytest.raises(CredentialsError, match="No such file"):
        Credentials(tmp_path / "nosuch")


def test_a_line_is_made_by_the_command(tmp_path: Path) -> None:
    async def is_right(line: str) -> Role | None:
        return await Credentials(passwords(tmp_path, line)).of_password("ops", "secret")

    made = CliRunner().invoke(password, ["ops", "--role", "write"], input="secret\n")
    token = CliRunner().invoke(password, ["ci", "--token"])
    refused = CliRunner().invoke(password, ["a:b"], input="secret\n")

    assert asyncio.run(is_right(made.output.strip())) is Role.WRITE
    assert "secret" not in made.output
    assert token.stdout.startswith("ci:read:sha256$")
    assert token.stderr.startswith("token: ")
    assert refused.exit_code == 2


def test_a_unix_socket_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "rest.sock"

    async def story() -> None:
        async with served(endpoint=f"unix:{path}") as site:
            assert site.server.addresses == (f"unix:{path}",)
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
            connector = aiohttp.UnixConnector(str(path))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get("http://agent.example/configuration") as answer,
            ):
                assert answer.status == 200
        assert not path.exists()

    asyncio.run(story())


def test_a_socket_that_a_kill_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rest.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(path))

    async def story() -> None:
        async with served(endpoint=f"unix:{path}"):
            with pytest.raises(ExceptionGroup) as told:
                async with served(endpoint=f"unix:{path}"):
                    pass
            assert told.group_contains(OSError, match="in use")

    asyncio.run(story())


def test_pages_of_others_cannot_use_a_browser_on_this_machine() -> None:
    async def story(site: Site) -> None:
        rebound = await site.get("/configuration", headers={"Host": "evil.example"})
        forged = await site.ask(
            "POST", "/scheduler/downstream-resync", headers={"Origin": "http://evil.example"}
        )
        own = await site.ask(
            "POST", "/scheduler/downstream-resync", headers={"Origin": f"http://{site.address}"}
        )
        named = await site.get("/configuration", headers={"Host": "agent.example:9191"})

        assert (rebound.status, forged.status) == (403, 403)
        assert (own.status, named.status) == (200, 200)

    play(story, hosts=("agent.example",))
