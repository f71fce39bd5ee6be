# SPDX-License-Identifier: Apache-2.0
"""Looking before anything is changed: plans as pictures, drift, files that are checked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.machine import Machine, kvsctl
from tests.topologies import CABLE, UNPLUGGED

Golden = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def net(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(CABLE, encoding="utf-8")


def test_a_plan_for_mermaid(machine: Machine, golden: Golden) -> None:
    done = machine.kvsctl("plan", "--mermaid", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    golden("plan-new.mmd", done.stdout)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_a_plan_as_a_picture(machine: Machine) -> None:
    done = machine.kvsctl("plan", "--svg", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<?xml")
    assert "namespace/left" in done.stdout


def test_a_picture_takes_graphviz(machine: Machine) -> None:
    done = machine.run("env", "PATH=/nowhere", *kvsctl(), "plan", "--svg", "net.yaml")

    assert done.returncode == 1
    assert done.stderr == (
        "error: --svg takes graphviz (its program dot), which is not installed\n"
    )


def test_without_drift_there_is_no_difference(machine: Machine) -> None:
    machine.kvsctl("apply", "-q", "net.yaml")

    done = machine.kvsctl("diff")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No changes. The southbound already matches.\n"


def test_drift_is_shown_and_left_alone(machine: Machine, golden: Golden) -> None:
    machine.kvsctl("apply", "-q", "net.yaml")
    machine.inside("left", "ip", "link", "set", "a0", "mtu", "1300")

    done = machine.kvsctl("diff")

    assert (done.returncode, done.stderr) == (2, "")
    golden("diff.txt", done.stdout)
    assert "mtu 1300" in machine.inside("left", "ip", "link", "show", "a0").stdout


def test_files_are_checked_without_a_look_at_the_machine(run: Run) -> None:
    done = run("validate", "net.yaml", PATH="/nowhere")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "5 values, all valid.\n"
    assert not Path("state.db").exists()


def test_what_files_lack_is_told(run: Run, golden: Golden) -> None:
    Path("net.yaml").write_text(UNPLUGGED, encoding="utf-8")

    done = run("validate", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    golden("validate-lacking.txt", done.stdout)


def test_what_is_wrong_in_files_is_told_with_its_place(run: Run) -> None:
    Path("net.yaml").write_text(CABLE.replace("10.9.0.1/24", "10.9.0.1/99"), encoding="utf-8")

    done = run("validate", "net.yaml")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: net.yaml:")
    assert "ip_addresses[0]: not <address>/<prefix length>" in done.stderr


def test_values_that_exclude_each_other_are_told(run: Run) -> None:
    twice = CABLE.replace("host_if_name: b0", "host_if_name: a0").replace(
        "reference: right", "reference: left"
    )
    Path("net.yaml").write_text(twice, encoding="utf-8")

    done = run("validate", "net.yaml")

    assert done.returncode == 1
    assert "ifname:left/a0" in done.stderr


def test_limits_are_checked_before_anything_is_done(run: Run) -> None:
    assert run("--parallel", "0", "diff").stderr.startswith(
        "error: Invalid value for '--parallel'"
    )
    assert run("--deadline", "0", "diff").stderr.startswith(
        "error: Invalid value for '--deadline'"
    )


def test_one_request_at_a_time_comes_to_the_same(machine: Machine) -> None:
    done = machine.kvsctl("--parallel", "1", "--deadline", "10", "apply", "-q", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert machine.kvsctl("diff").returncode == 0


CLIENT = "nsmConfig: {clients: [{name: c, network_service: s, interface_name: tap0}]}\n"


@pytest.mark.parametrize("command", ["plan", "validate", "apply"])
def test_what_takes_an_agent_is_told_where_there_is_none(machine: Machine, command: str) -> None:
    Path("mesh.yaml").write_text(CLIENT, encoding="utf-8")

    done = machine.kvsctl(command, "mesh.yaml")

    key = "config/cnf/nsm/v1/client/c"
    assert f"note: {key} has to be held by an agent" in done.stderr
    assert key in done.stdout
    assert done.returncode == 0
