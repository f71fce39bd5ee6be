# SPDX-License-Identifier: Apache-2.0
"""The demo of a network service mesh: it shows what it promises, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT, environment, why_no_machine
from tests.nsm import mesh

DEMO = [sys.executable, str(ROOT / "examples" / "demo_nsm.py")]
TIMEOUT_S = 250
WHY = why_no_machine() or mesh.why_not()

built = pytest.mark.skipif(bool(WHY), reason=WHY or "there is one")


def start() -> subprocess.Popen[str]:
    """Start the demo in a process group of its own."""
    program = {"KVS_NSM": os.environ["KVS_NSM"]} if "KVS_NSM" in os.environ else {}
    return subprocess.Popen(
        DEMO,
        env=environment(program),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_nobody_is_left(group: int) -> None:
    """Check that no process of the demo's group lives on."""
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


@built
def test_the_demo_of_a_mesh_shows_what_it_promises() -> None:
    with start() as demo:
        out, err = demo.communicate(timeout=TIMEOUT_S)

    assert demo.returncode == 0, out[-2000:] + err
    assert "Plan: 2 to create, 0 to update, 0 to recreate, 0 to delete; " in out
    assert "nsm/connection/access-to-cnf-network/cnf-nat-example  OBTAINED" in out
    assert out.count("1 received, 0% packet loss") == 4
    assert out.rstrip().endswith("That was the demo.")
    assert_nobody_is_left(demo.pid)


@built
@pytest.mark.parametrize("moment", ["$ nsm manager", "# Another one", "# The client's agent"])
def test_interrupted_at_any_moment_the_demo_of_a_mesh_leaves_nothing(moment: str) -> None:
    with start() as demo:
        assert demo.stdout is not None
        while not (line := demo.stdout.readline()).startswith(moment):
            assert line, demo.communicate()[1]
        demo.send_signal(signal.SIGINT)
        out, _ = demo.communicate(timeout=TIMEOUT_S)

    assert demo.returncode == 128 + signal.SIGINT
    assert "Interrupted: what was made vanishes with this process" in out
    assert_nobody_is_left(demo.pid)


def test_where_there_is_no_go_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mesh, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KVS_NSM", raising=False)

    why = mesh.prepare()

    assert why.startswith("Go is not installed, which the test mesh is built with")
    assert "\n" not in why
