# SPDX-License-Identifier: Apache-2.0
"""A plan that is kept and carried out later: just so, or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.cli.conftest import Run
from tests.machine import Machine
from tests.topologies import CABLE


def files(**contents: str) -> None:
    """Write files into the working directory."""
    for name, content in contents.items():
        Path(f"{name}.yaml").write_text(content, encoding="utf-8")


def test_a_kept_plan_is_carried_out_without_its_files(machine: Machine) -> None:
    files(net=CABLE)
    planned = machine.kvsctl("plan", "--out", "net.plan", "net.yaml")
    assert planned.returncode == 0, planned
    Path("net.yaml").unlink()

    done = machine.kvsctl("apply", "-q", "net.plan")

    assert planned.stderr == "Kept in net.plan; to do just this: kvsctl apply net.plan\n"
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.namespaces() == ["left", "right"]


def test_a_kept_plan_is_for_its_owner_alone(machine: Machine) -> None:
    files(net=CABLE)

    machine.kvsctl("plan", "--out", "net.plan", "net.yaml")

    assert stat.S_IMODE(Path("net.plan").stat().st_mode) == 0o600
    assert sorted(path.name for path in Path().iterdir() if "plan" in path.name) == ["net.plan"]


def test_a_kept_plan_is_refused_once_the_state_has_moved(machine: Machine) -> None:
    files(net=CABLE)
    machine.kvsctl("plan", "--out", "net.plan", "net.yaml")
    machine.run("ip", "netns", "add", "left")

    done = machine.kvsctl("apply", "-q", "net.plan")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: net.plan: the state has moved since this plan was made:"
        " create config/linux/ns/v1/namespace/right"
        " where it says create config/linux/ns/v1/namespace/left;"
        " nothing was changed, plan again\n"
    )
    assert machine.run("ip", "-n", "left", "-o", "link", "show", "type", "veth").stdout == ""


def test_a_kept_plan_is_done_once(machine: Machine) -> None:
    files(net=CABLE)
    machine.kvsctl("plan", "--out", "net.plan", "net.yaml")
    machine.kvsctl("apply", "-q", "net.plan")

    again = machine.kvsctl("apply", "-q", "net.plan")

    assert again.returncode == 1
    assert "the state has moved since this plan was made: no longer create" in again.stderr


def test_a_plan_with_invalid_values_is_not_kept(machine: Machine) -> None:
    files(net=CABLE.replace("10.9.0.1/24", "10.9.0.1/99"))

    done = machine.kvsctl("plan", "--out", "net.plan", "net.yaml")

    assert done.returncode == 1
    assert done.stderr.endswith("\nNo plan was kept: correct the files first.\n")
    assert not Path("net.plan").exists()


def test_a_kept_plan_stands_alone(run: Run) -> None:
    files(net=CABLE)
    run("plan", "--out", "net.plan", "net.yaml")

    done = run("apply", "net.yaml", "net.plan")

    assert done.returncode == 1
    assert done.stderr == (
        "error: net.plan is a saved plan, and stands alone (see kvsctl apply --help)\n"
    )


def test_a_kept_plan_of_another_version_is_refused(run: Run) -> None:
    files(net=CABLE)
    run("plan", "--out", "net.plan", "net.yaml")
    data = json.loads(Path("net.plan").read_text(encoding="utf-8"))
    Path("net.plan").write_text(json.dumps({**data, "kvsctl_plan": "9.0"}), encoding="utf-8")

    done = run("apply", "net.plan")

    assert done.returncode == 1
    assert done.stderr == (
        "error: net.plan: version '9.0', and only 1.0 can be read: plan again\n"
    )


def test_a_folder_that_is_not_there_keeps_no_plan(run: Run) -> None:
    files(net=CABLE)

    done = run("plan", "--out", "nowhere/net.plan", "net.yaml")

    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "No such file or directory" in done.stderr
