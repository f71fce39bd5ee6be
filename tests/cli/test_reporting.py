# SPDX-License-Identifier: Apache-2.0
"""A bug report in one file: all that it takes, for nobody else's eyes."""

from __future__ import annotations

import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.machine import Machine
from tests.topologies import CABLE

REPORT = Path("kvsctl-report.tar.gz")


@pytest.fixture
def drifted(machine: Machine) -> Machine:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    machine.kvsctl("apply", "-q", "net.yaml")
    machine.inside("left", "ip", "link", "set", "a0", "mtu", "1300")
    return machine


def packed(path: Path = REPORT) -> dict[str, Any]:
    """Return the files of a report, JSON as what it stands for."""
    with tarfile.open(path) as archive:
        found = {}
        for entry in archive.getmembers():
            opened = archive.extractfile(entry)
            assert opened is not None
            text = opened.read().decode()
            name = entry.name.removeprefix("kvsctl-report/")
            found[name] = json.loads(text) if name.endswith(".json") else text
        return found


def test_a_report_has_what_is_wanted_known_done_and_there(drifted: Machine) -> None:
    done = drifted.kvsctl("report")

    found = packed()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{REPORT}: {len(found)} files; read it before you send it.\n"
    assert found["about.json"]["packages"]["pyroute2"]
    assert "config/linux/interfaces/v2/interface/a0" in found["desired.json"]
    assert found["drift.json"]["summary"]["update"] == 1
    assert "mtu: 1300 -> (unset)" in found["drift.txt"]
    assert found["history.json"][0]["description"] == "kvsctl apply net.yaml"
    assert {one["state"] for one in found["statuses.json"]} == {"CONFIGURED"}
    links = found["kernel/left/links.json"]
    assert {"lo", "a0"} == {one["ifname"] for one in links}


def test_a_report_is_for_its_owner_alone_and_changes_nothing(drifted: Machine) -> None:
    drifted.kvsctl("report", "--out", "here.tar.gz")

    assert stat.S_IMODE(Path("here.tar.gz").stat().st_mode) == 0o600
    assert drifted.kvsctl("diff").returncode == 2
