# SPDX-License-Identifier: Apache-2.0
"""Fail points: chosen by the environment, they kill or count; otherwise nothing happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kvscheduler import failpoints

ROOT = Path(__file__).parent.parent
PROGRAM = """
from kvscheduler import failpoints
for number in range(3):
    for name in ("one", "other"):
        with failpoints.at(name):
            print(name, number, flush=True)
"""
ALL = [f"{name} {number}" for number in range(3) for name in ("one", "other")]


def run(wish: str) -> subprocess.CompletedProcess[str]:
    """Run the program with a wish in its environment."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, failpoints.VARIABLE: wish},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("wish", "lines"),
    [
        ("one:1=kill-before", 0),
        ("one:1=kill", 1),
        ("one:1=kill-after", 1),
        ("other:2=kill-before", 3),
        ("other:2=kill", 4),
    ],
)
def test_a_process_dies_at_the_passage_that_was_chosen(wish: str, lines: int) -> None:
    done = run(wish)

    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    assert done.stdout.splitlines() == ALL[:lines]


@pytest.mark.parametrize(
    ("wish", "told"),
    [("", ""), ("count", "one: 3\nother: 3\n"), ("one:4=kill", ""), ("third:1=kill", "")],
)
def test_a_passage_that_was_not_chosen_is_survived(wish: str, told: str) -> None:
    done = run(wish)

    assert (done.returncode, done.stderr) == (0, told)
    assert done.stdout.splitlines() == ALL


def test_nothing_is_chosen_where_nobody_asks() -> None:
    assert failpoints.chosen("") is None


@pytest.mark.parametrize("slip", ["one", "one=kill", "one:0=kill", "one:1=die", "one:1=kill-now"])
def test_a_slip_is_told_with_what_could_be_written(slip: str) -> None:
    with pytest.raises(ValueError, match=rf"^KVS_FAILPOINT={slip}: write count, or "):
        failpoints.chosen(slip)


def test_a_passage_counts_when_what_it_goes_around_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    census = failpoints.Census()
    monkeypatch.setattr(failpoints, "armed", census)

    with pytest.raises(KeyError), failpoints.at("one"):
        raise KeyError
    census.tell()

    assert capsys.readouterr().err == "one: 1\n"


@pytest.mark.parametrize("is_before", [True, False])
def test_only_the_chosen_passage_calls_for_the_end(
    monkeypatch: pytest.MonkeyPatch, *, is_before: bool
) -> None:
    killed: list[tuple[int, int]] = []
    point = failpoints.FailPoint("one", 2, is_before=is_before)
    monkeypatch.setattr(failpoints, "armed", point)
    monkeypatch.setattr(os, "kill", lambda *call: killed.append(call))

    for name in ("one", "other", "one", "one"):
        with failpoints.at(name):
            pass

    assert killed == [(os.getpid(), signal.SIGKILL)]
