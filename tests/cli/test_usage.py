# SPDX-License-Identifier: Apache-2.0
"""The command line before any engine: help, options, and mistakes in using it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvs_agent.cli import main
from kvs_agent.cli.settings import default_state, wants_color
from tests.machine import environment

Run = Callable[..., subprocess.CompletedProcess[str]]
Golden = Callable[[str, str], None]

COMMANDS = [
    *("plan", "diff", "validate", "apply", "try", "repair", "destroy"),
    *(
        "get",
        "explain",
        "graph",
        "history",
        "timeline",
        "generate",
        "completion",
        "report",
        "watch",
        "import-existing",
        "info",
    ),
]


def test_help_lists_every_command(run: Run, golden: Golden) -> None:
    done = run("--help")

    assert done.returncode == 0
    golden("help.txt", done.stdout)
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, run: Run, golden: Golden) -> None:
    done = run(command, "--help")

    assert done.returncode == 0
    golden(f"help-{command}.txt", done.stdout)


def test_help_needs_neither_engine_nor_netlink_nor_protobuf() -> None:
    script = (
        "import sys; from kvs_agent.cli import main; main(['--help']);"
        "heavy = {'networkx', 'pyroute2', 'google.protobuf', 'yaml', 'sqlite3'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_the_version_is_one_line(run: Run) -> None:
    done = run("--version")

    assert done.returncode == 0
    assert re.fullmatch(r"kvsctl \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan"], "error: Missing argument 'FILE...'. (see kvsctl plan --help)\n"),
        (["plan", "--json", "--dot", "x"], "error: --json and --dot exclude each other (see kv"),
        (["repare"], "error: No such command 'repare'. (Did you mean one of"),
        (["plan", "--color", "pink", "x"], "error: Invalid value for '--color': 'pink' is not"),
        (["get", "--view", "past"], "error: Invalid value for '--view': 'past' is not one of"),
    ],
)
def test_a_wrong_use_is_one_line_and_exit_code_one(
    arguments: list[str], told: str, run: Run
) -> None:
    done = run(*arguments)

    # 2 would say that there are changes.
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_named(run: Run) -> None:
    done = run("plan", "missing.yaml")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: missing.yaml")
    assert done.stderr.count("\n") == 1


def test_without_root_the_state_lies_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/me")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert default_state() == Path("/home/me/.local/state/kvscheduler/kvsctl.db")
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    assert default_state() == Path("/home/me/.local/state/kvscheduler/kvsctl.db")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert default_state() == Path("/elsewhere/kvscheduler/kvsctl.db")


def test_for_root_the_state_lies_where_daemons_keep_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    assert default_state() == Path("/var/lib/kvscheduler/kvsctl.db")


@pytest.mark.parametrize(
    ("choice", "terminal", "environ", "wanted"),
    [
        ("auto", True, {}, True),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", False, {}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_colour_is_for_terminals_unless_somebody_decided(
    *,
    choice: str,
    terminal: bool,
    environ: dict[str, str],
    wanted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)

    assert wants_color(choice) is wanted


def test_the_entry_point_returns_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert main(["nonsense"]) == 1
    assert capsys.readouterr().err.startswith("error: No such command 'nonsense'")
