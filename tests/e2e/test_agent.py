# SPDX-License-Identifier: Apache-2.0
"""nsm-agent-linux as a process: it follows files, mends drift, and outlives a kill."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.agents import agent_command, eventually, running
from tests.machine import Machine

CABLE = """\
linuxConfig:
  interfaces:
    - name: red
      type: VETH
      enabled: true
      namespace: {type: NSID, reference: left}
      ip_addresses: [ADDRESS/24]
      veth: {peer_if_name: blue}
    - name: blue
      type: VETH
      enabled: true
      namespace: {type: NSID, reference: right}
      veth: {peer_if_name: red}
"""
# A stop has to take no longer, whatever is under way; the machine may be busy.
STOP_S = 5.0


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> None:
    (tmp_path / "conf" / "config.d").mkdir(parents=True)


def write(folder: Path, address: str, name: str = "net.yaml") -> None:
    text = CABLE.replace("ADDRESS", address)
    (folder / "conf" / "config.d" / name).write_text(text, encoding="utf-8")


def has(machine: Machine, address: str) -> bool:
    return f" {address}/24 " in machine.inside("left", "ip", "-o", "address").stdout


def test_it_follows_files_and_mends_what_drifts(machine: Machine, tmp_path: Path) -> None:
    write(tmp_path, "10.9.0.1")
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)

        machine.inside("left", "ip", "link", "delete", "red")
        eventually(lambda: has(machine, "10.9.0.1"), agent)

        write(tmp_path, "10.9.0.77")
        eventually(lambda: has(machine, "10.9.0.77") and not has(machine, "10.9.0.1"), agent)

        (tmp_path / "conf" / "config.d" / "net.yaml").unlink()
        eventually(lambda: machine.namespaces() == [], agent)

        assert agent.end() == 0


def test_it_stops_in_good_time_and_leaves_what_it_made(machine: Machine, tmp_path: Path) -> None:
    write(tmp_path, "10.9.0.1")
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        began = time.monotonic()

        assert agent.end(signal.SIGINT) == 0
        assert time.monotonic() - began < STOP_S
        assert has(machine, "10.9.0.1")


@pytest.mark.parametrize("changed", [False, True], ids=["the same", "changed meanwhile"])
def test_after_a_kill_it_goes_on(machine: Machine, tmp_path: Path, *, changed: bool) -> None:
    write(tmp_path, "10.9.0.1")
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        agent.end(signal.SIGKILL)
    machine.inside("left", "ip", "address", "flush", "dev", "red")
    if changed:
        write(tmp_path, "10.9.0.2")

    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.2" if changed else "10.9.0.1"), agent)

        assert machine.namespaces() == ["left", "right"]


def test_a_broken_file_at_the_start_takes_nothing_away(machine: Machine, tmp_path: Path) -> None:
    write(tmp_path, "10.9.0.1")
    with running(machine, tmp_path) as agent:
        eventually(lambda: has(machine, "10.9.0.1"), agent)
        agent.end()
    net = tmp_path / "conf" / "config.d" / "net.yaml"
    net.write_text("linuxConfig: [", encoding="utf-8")

    with running(machine, tmp_path) as agent:
        eventually(lambda: "net.yaml:2:" in agent.told(), agent)
        assert has(machine, "10.9.0.1")
        write(tmp_path, "10.9.0.5")
        eventually(lambda: has(machine, "10.9.0.5"), agent)


def test_sighup_has_it_look_again(machine: Machine, tmp_path: Path) -> None:
    with running(machine, tmp_path) as agent:
        eventually(lambda: "as before" in agent.told(), agent)
        write(tmp_path, "10.9.0.1")
        agent.send(signal.SIGHUP)

        eventually(lambda: has(machine, "10.9.0.1"), agent)
        assert "reloading" in agent.told()


def test_a_second_agent_on_one_state_is_refused(machine: Machine, tmp_path: Path) -> None:
    with running(machine, tmp_path) as agent:
        eventually(lambda: "as before" in agent.told(), agent)
        second = machine.run(*agent_command(tmp_path))

        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("error: ")
        assert "journal.db" in second.stderr
        assert agent.process.poll() is None


def test_settings_are_checked_without_a_life(machine: Machine, tmp_path: Path) -> None:
    checked = machine.run(*agent_command(tmp_path, "--check"))
    (tmp_path / "conf" / "kvscheduler.conf").write_text("deadlin: 3s\nmax-parallel: x\n")
    wrong = machine.run(*agent_command(tmp_path, "--check"))

    assert (checked.returncode, checked.stdout) == (0, f"{tmp_path}/conf: nothing is wrong\n")
    assert wrong.returncode == 1
    first, second = wrong.stderr.splitlines()
    assert first.endswith(":1: deadlin: there is no such setting: did you mean deadline?")
    assert second == (
        f"error: {tmp_path}/conf/kvscheduler.conf:2: max-parallel: 'x' is not a whole number"
    )
    assert not (tmp_path / "state").exists()


def test_a_namespace_that_is_the_machines_first_is_seen_though_others_make_it(
    machine: Machine, tmp_path: Path
) -> None:
    with running(machine, tmp_path) as agent:
        eventually(lambda: "as before" in agent.told(), agent)
        machine.run("ip", "netns", "add", "left")  # which mounts over the folder of namespaces
        write(tmp_path, "10.9.0.1")

        eventually(lambda: has(machine, "10.9.0.1"), agent)
        (tmp_path / "conf" / "config.d" / "net.yaml").unlink()
        eventually(lambda: machine.namespaces() == ["left"], agent)
        assert "Error" not in agent.told()
