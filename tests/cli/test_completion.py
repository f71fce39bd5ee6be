# SPDX-License-Identifier: Apache-2.0
"""What a press of TAB offers: the protocol that shells speak, and a real bash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from kvs_agent.cli.app import cli
from kvs_agent.sources import config
from kvscheduler.journal import Journal, Wanted
from tests.cli.conftest import Run
from tests.machine import Machine, environment, kvsctl
from tests.topologies import UNPLUGGED, cables

A0 = "config/linux/interfaces/v2/interface/a0"
ADDRESS = "linux/interface/a0/address/static/10.9.0.1/24"
LEFT = "config/linux/ns/v1/namespace/left"


def offered(*words: str) -> list[str]:
    """Return what is offered for the last word of a line, as to bash."""
    asked = BashComplete(cli, {}, "kvsctl", "_KVSCTL_COMPLETE")
    *arguments, begun = words
    return [one.value for one in asked.get_completions(arguments, begun)]


def keep(configuration: str) -> None:
    """Have the state say that a configuration is wanted."""
    Path("net.yaml").write_text(configuration, encoding="utf-8")
    journal = Journal("state.db")
    journal.open()
    wanted = config.load([Path("net.yaml")])
    journal.begin({key: Wanted(value=value) for key, value in wanted.items()}, {})
    journal.close()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the state in the test's own directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KVSCTL_STATE", "state.db")


@pytest.fixture
def applied(machine: Machine) -> Machine:
    """Give a machine on which half a cable waits for the other half."""
    Path("net.yaml").write_text(UNPLUGGED, encoding="utf-8")
    assert machine.kvsctl("apply", "-q", "net.yaml").returncode == 0
    return machine


@pytest.mark.parametrize("command", ["get", "explain", "graph"])
def test_keys_that_are_wanted_are_offered_and_what_derives_from_them(command: str) -> None:
    keep(UNPLUGGED)

    assert offered(command, "config/linux/int") == [A0]
    assert offered(command, "linux/") == [ADDRESS]


def test_the_end_of_a_key_is_enough() -> None:
    keep(UNPLUGGED)

    assert offered("explain", "a0") == [A0, ADDRESS]
    assert offered("explain", "nothing-like-it") == []


def test_the_state_that_is_named_on_the_line_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep(UNPLUGGED)
    monkeypatch.setenv("KVSCTL_STATE", "/nowhere/state.db")

    assert offered("explain", "a0") == []
    assert offered("--state", "state.db", "explain", "a0") == [A0, ADDRESS]


def test_of_very_many_keys_folders_are_offered() -> None:
    keep(cables(60))
    ends = A0.removesuffix("a0")

    assert offered("get", "") == ["config/", "linux/"]
    assert offered("get", "li") == [f"linux/interface/{one}{n}/" for one in "ab" for n in names()]
    assert offered("get", f"{ends}b") == [f"{ends}b{number}" for number in names()]


def names() -> list[str]:
    """Return the numbers of sixty cables as keys are sorted."""
    return sorted(map(str, range(60)))


@pytest.mark.parametrize("content", [None, b"", b"no journal at all"])
def test_a_state_that_cannot_be_read_offers_nothing(content: bytes | None) -> None:
    if content is not None:
        Path("state.db").write_bytes(content)
        Path("state.db.history").write_bytes(content)

    assert offered("explain", "") == []
    assert offered("timeline", "") == []


def test_models_are_offered_by_any_part_of_their_name() -> None:
    assert offered("generate", "rou") == ["linux.l3.Route"]
    assert "linux.interfaces.Interface" in offered("generate", "")


@pytest.mark.parametrize(
    "line", ["plan", "apply", "try", "validate", "plan --out", "report --out", "--state"]
)
def test_the_shell_is_asked_for_files(line: str) -> None:
    asked = BashComplete(cli, {}, "kvsctl", "_KVSCTL_COMPLETE")

    assert [one.type for one in asked.get_completions(line.split(), "x")] == ["file"]


def in_bash(run: Run, typed: str) -> list[str]:
    """Return what bash puts in place of the last word of a line, or behind its last colon."""
    Path("completion").write_text(run("completion", "bash").stdout, encoding="utf-8")
    Path("kvsctl").write_text(f'#!/bin/sh\nexec {" ".join(kvsctl())} "$@"\n', encoding="utf-8")
    Path("kvsctl").chmod(0o755)
    script = """source ./completion; COMP_LINE=$1; COMP_POINT=${#1}
        _kvsctl_whole_words ./kvsctl; printf '%s\\n' "${COMPREPLY[@]}" """

    done = subprocess.run(
        ["bash", "-c", script, "bash", typed],
        env=environment({"KVSCTL_STATE": "state.db"}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash_replaces_the_end_of_a_key_by_the_key(run: Run) -> None:
    keep(UNPLUGGED)

    assert in_bash(run, "kvsctl explain a0") == [A0, ADDRESS]
    assert in_bash(run, "kvsctl explain ") == [A0, LEFT, ADDRESS]


def test_bash_goes_on_behind_a_colon(run: Run) -> None:
    keep(UNPLUGGED.replace("10.9.0.1/24", '"2001:db8::1/64"'))
    begun = ADDRESS.replace("10.9.0.1/24", "2001:")

    assert in_bash(run, f"kvsctl explain {begun}") == ["db8::1/64"]
    assert in_bash(run, f"kvsctl explain {begun}db8::") == ["1/64"]


@pytest.mark.usefixtures("applied")
def test_a_timeline_is_offered_of_what_something_was_done_to() -> None:
    assert offered("timeline", "") == [LEFT]
    assert offered("timeline", "left") == [LEFT]


def test_while_another_holds_the_state_keys_are_offered(applied: Machine) -> None:
    with applied.start(*kvsctl(), "watch") as watching:
        assert watching.stderr is not None
        watching.stderr.readline()

        found = offered("explain", "a0")
        watching.kill()

    assert found == [A0, ADDRESS]


@pytest.mark.parametrize(("shell", "shown"), [("zsh", f"plain\n{A0}\n_"), ("fish", f"plain,{A0}")])
def test_other_shells_are_told_in_their_own_way(run: Run, shell: str, shown: str) -> None:
    keep(UNPLUGGED)

    done = run(
        _KVSCTL_COMPLETE=f"{shell}_complete",
        COMP_WORDS="kvsctl explain config/linux/i",
        COMP_CWORD="2" if shell == "zsh" else "config/linux/i",
    )

    assert (done.returncode, done.stdout.strip()) == (0, shown)
