# SPDX-License-Identifier: Apache-2.0
"""A change on approval: kept only if somebody says so, rolled back whatever else happens."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import Machine, kvsctl
from tests.topologies import CABLE, cables

WAIT_S = 60
QUESTION = "unless you say y: "
TRIAL = Path("state.db.trial")


@pytest.fixture
def cabled(machine: Machine) -> Machine:
    """Give a machine on which a cable stands, and a file that wants a second one."""
    Path("one.yaml").write_text(CABLE, encoding="utf-8")
    Path("two.yaml").write_text(cables(2), encoding="utf-8")
    assert machine.kvsctl("apply", "-q", "one.yaml").returncode == 0
    return machine


class Tried:
    """A trial on a terminal of its own, that has come to its question."""

    def __init__(self, machine: Machine, *options: str) -> None:
        self.master, slave = pty.openpty()
        # A session of its own, so that the end of the terminal ends it.
        command = ["setsid", "--ctty", *kvsctl(), "try", "-q", *options, "two.yaml"]
        self.running = machine.start(*command, tty=slave)
        os.close(slave)
        self.shown = ""
        self.read_to(QUESTION)

    def read_to(self, text: str) -> None:
        """Read until a text has been shown."""
        while text not in self.shown and select.select([self.master], [], [], WAIT_S)[0]:
            self.shown += os.read(self.master, 65536).decode()
        assert text in self.shown

    def end(self) -> int:
        """Wait for the end and return the exit code; reads on, so that nothing is held up."""
        with contextlib.suppress(OSError):  # how Linux tells that the other side has closed
            while chunk := os.read(self.master, 65536).decode():
                self.shown += chunk
        return self.running.wait(WAIT_S)


@contextlib.contextmanager
def tried(machine: Machine, *options: str) -> Iterator[Tried]:
    attempt = Tried(machine, *options)
    with attempt.running:
        try:
            yield attempt
        finally:
            with contextlib.suppress(OSError):
                os.close(attempt.master)


def links(machine: Machine) -> set[str]:
    found = machine.inside("left", "ip", "-o", "link", "show", "type", "veth").stdout
    return {line.split()[1].partition("@")[0] for line in found.splitlines()}


def test_what_is_confirmed_stays(cabled: Machine) -> None:
    with tried(cabled) as attempt:
        assert links(cabled) == {"a0", "a1"}
        os.write(attempt.master, b"y\n")

        assert attempt.end() == 0

    assert links(cabled) == {"a0", "a1"}
    assert not TRIAL.exists()


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_what_is_not_confirmed_goes(cabled: Machine, answer: bytes) -> None:
    with tried(cabled) as attempt:
        os.write(attempt.master, answer)

        assert attempt.end() == 1

    assert "Rolled back." in attempt.shown
    assert links(cabled) == {"a0"}
    assert cabled.kvsctl("plan", "--detailed-exitcode", "one.yaml").returncode == 0
    assert not TRIAL.exists()


def test_what_nobody_answers_goes(cabled: Machine) -> None:
    with tried(cabled, "--timeout", "0.1") as attempt:
        assert attempt.end() == 1

    assert "no answer" in attempt.shown
    assert links(cabled) == {"a0"}


def test_a_terminal_that_is_lost_rolls_back(cabled: Machine) -> None:
    with tried(cabled) as attempt:
        os.close(attempt.master)

        assert attempt.running.wait(WAIT_S) == 128 + signal.SIGHUP

    assert links(cabled) == {"a0"}
    assert not TRIAL.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_rolls_back(cabled: Machine, number: signal.Signals) -> None:
    with tried(cabled) as attempt:
        os.kill(attempt.running.pid, number)

        assert attempt.end() == 128 + number

    assert links(cabled) == {"a0"}


def test_after_a_kill_the_next_one_rolls_back(cabled: Machine) -> None:
    with tried(cabled) as attempt:
        os.kill(attempt.running.pid, signal.SIGKILL)
        attempt.end()
    assert links(cabled) == {"a0", "a1"}

    refused = cabled.kvsctl("try", "-q", "one.yaml")
    done = cabled.kvsctl("try", "--rollback")

    assert refused.stderr == "error: a trial was cut short before; first: kvsctl try --rollback\n"
    assert (done.returncode, done.stderr) == (0, "Rolled back.\n")
    assert links(cabled) == {"a0"}
    assert not TRIAL.exists()


def test_without_a_trial_there_is_nothing_to_roll_back(cabled: Machine) -> None:
    done = cabled.kvsctl("try", "--rollback")

    assert (done.returncode, done.stderr) == (1, "error: there is no trial to roll back\n")


def test_without_a_terminal_the_end_of_the_input_is_a_no(cabled: Machine) -> None:
    done = cabled.kvsctl("try", "-q", "two.yaml")

    assert done.returncode == 1
    assert done.stderr.endswith("Rolled back.\n")
    assert links(cabled) == {"a0"}


def test_the_end_of_a_trial_is_told_to_the_history(cabled: Machine) -> None:
    cabled.kvsctl("try", "-q", "two.yaml")

    told = cabled.kvsctl("history", "2").stdout

    assert "kvsctl try two.yaml" in told
    assert "kvsctl try: rolled back" in told
