# SPDX-License-Identifier: Apache-2.0
"""What kvsctl writes for its user to go on with, and the graph of what there is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.machine import Machine
from tests.topologies import CABLE

Golden = Callable[[str, str], None]


def test_all_models_are_listed(run: Run, golden: Golden) -> None:
    done = run("generate")

    assert (done.returncode, done.stderr) == (0, "")
    golden("generate.txt", done.stdout)


def test_a_file_for_a_model_can_be_filled_in(run: Run, golden: Golden) -> None:
    done = run("generate", "interface")

    assert (done.returncode, done.stderr) == (0, "")
    golden("generate-interface.yaml", done.stdout)


def test_an_unknown_model_is_told(run: Run) -> None:
    done = run("generate", "bride")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: bride is no model's name: one of netalloc.IPAllocation, "
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(run: Run, shell: str) -> None:
    done = run("completion", shell)

    assert (done.returncode, done.stderr) == (0, "")
    assert "_KVSCTL_COMPLETE" in done.stdout


def test_bash_completes_a_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "completion").write_text(run("completion", "bash").stdout, encoding="utf-8")
    script = 'source completion && complete -p kvsctl && echo "loaded"'

    loaded = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    asked = run(_KVSCTL_COMPLETE="bash_complete", COMP_WORDS="kvsctl va", COMP_CWORD="1")

    assert loaded.stdout.endswith("loaded\n"), loaded
    assert asked.stdout == "plain,validate\n"


@pytest.fixture
def cabled(machine: Machine) -> Machine:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    machine.kvsctl("apply", "-q", "net.yaml")
    return machine


def test_the_graph_shows_what_needs_what(cabled: Machine, golden: Golden) -> None:
    done = cabled.kvsctl("graph")

    assert (done.returncode, done.stderr) == (0, "")
    golden("graph.txt", done.stdout)


def test_a_part_of_the_graph_has_what_it_leads_to(cabled: Machine, golden: Golden) -> None:
    done = cabled.kvsctl("graph", "config/linux/l3/", "--mermaid")

    assert (done.returncode, done.stderr) == (0, "")
    golden("graph.mmd", done.stdout)


def test_the_graph_for_programs(cabled: Machine) -> None:
    shown = json.loads(cabled.kvsctl("graph", "linux/", "--json").stdout)

    relations = {one["relation"] for one in shown["needs"]}
    assert shown["format_version"] == "1.0"
    assert relations == {"derived-from"}
    assert shown["values"]["linux/interface/state/a0/UP"]["state"] == "CONFIGURED"
