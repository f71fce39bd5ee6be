# SPDX-License-Identifier: Apache-2.0
"""nsm-agent-linux as a process, asked by REST: what was answered outlives kills, and reloads."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kvs_agent.northbound.access import Role
from kvs_agent.northbound.rest.credentials import token_line
from tests.e2e.agents import eventually, running
from tests.machine import Machine

CABLE = {
    "linuxConfig": {
        "interfaces": [
            {
                "name": name,
                "type": "VETH",
                "enabled": True,
                "namespace": {"type": "NSID", "reference": "left"},
                "veth": {"peerIfName": peer},
            }
            for name, peer in (("red", "blue"), ("blue", "red"))
        ]
    }
}


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Return where the agent will answer: reachable from outside its machine."""
    path = tmp_path / "rest.sock"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "http.conf").write_text(
        f"endpoint: unix:{path}\npassword-file: {tmp_path / 'passwords'}\n"
    )
    passwords(tmp_path, "")
    return path


def passwords(folder: Path, text: str) -> None:
    path = folder / "passwords"
    path.write_text(text)
    path.chmod(0o600)


def ask(socket: Path, method: str, path: str, **more: Any) -> tuple[int, str]:
    async def asked() -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
            session.request(method, f"http://localhost{path}", **more) as answer,
        ):
            return answer.status, await answer.text()

    return asyncio.run(asked())


def answers(socket: Path) -> bool:
    try:
        return socket.exists() and ask(socket, "GET", "/readiness")[0] == 200
    except aiohttp.ClientError:
        return False


def test_what_was_answered_outlives_a_kill(machine: Machine, tmp_path: Path, socket: Path) -> None:
    with running(machine, tmp_path) as agent:
        eventually(lambda: answers(socket), agent)
        status, text = ask(socket, "PUT", "/configuration", data=json.dumps(CABLE))
        assert status == 200, text
        agent.end(signal.SIGKILL)
    machine.inside("left", "ip", "link", "delete", "red")

    with running(machine, tmp_path) as agent:
        eventually(lambda: answers(socket), agent)

        shown = ask(socket, "GET", "/configuration")[1]
        assert "name: red" in shown
        assert "red" in machine.inside("left", "ip", "-o", "link").stdout
        eventually(lambda: ask(socket, "GET", "/v1/history")[1].count('"kind": "create"') >= 2)
        assert agent.end() == 0
    assert not socket.exists()


def test_passwords_are_read_again_and_a_broken_file_changes_nothing(
    machine: Machine, tmp_path: Path, socket: Path
) -> None:
    token, line = token_line("ci", Role.READ)
    (tmp_path / "conf" / "access.conf").write_text("socket-role: none\n")

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return ask(socket, "GET", "/configuration", headers=headers)[0]

    with running(machine, tmp_path) as agent:
        eventually(lambda: answers(socket), agent)
        assert status() == 401

        passwords(tmp_path, line)
        agent.send(signal.SIGHUP)
        eventually(lambda: status() == 200, agent)

        passwords(tmp_path, "nonsense")
        agent.send(signal.SIGHUP)
        eventually(lambda: "passwords:1: not NAME:ROLE:HASH" in agent.told(), agent)
        assert status() == 200
        assert agent.end() == 0


def test_an_agent_that_strangers_could_reach_does_not_start(
    machine: Machine, tmp_path: Path, socket: Path
) -> None:
    (tmp_path / "conf" / "http.conf").write_text("endpoint: 0.0.0.0:9191\n")

    with running(machine, tmp_path) as agent:
        assert agent.process.wait(60) == 1

    assert "can be reached from elsewhere: set server-cert-file" in agent.told()
