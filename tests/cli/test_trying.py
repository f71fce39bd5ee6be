# SPDX-License-Identifier: Apache-2.0
"""A change on approval: kept only if somebody says so, rolled back whatever else happens."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.agents import Daemon, daemon
from tests.machine import Machine, kvsctl
from tests.topologies import CABLE, cables

WAIT_S = 60
QUESTION = "unless you say y: "
TRIAL = Path("state.db.trial")


class Cabled:
    """A machine on which a cable stands, made by kvsctl itself or by an agent."""

    def __init__(self, machine: Machine, agent: Daemon | None = None) -> None:
        self.machine = machine
        self.agent = agent
        Path("one.yaml").write_text(CABLE, encoding="utf-8")
        Path("two.yaml").write_text(cables(2), encoding="utf-8")
        assert self.kvsctl("apply", "-q", "one.yaml").returncode == 0

    @property
    def command(self) -> list[str]:
        """What a line begins with."""
        return kvsctl() if self.agent is None else [*kvsctl(), "--agent", self.agent.address]

    def kvsctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kvsctl to its end."""
        return self.machine.run(*self.command, *arguments)

    def links(self) -> set[str]:
        """Return the cables' ends in one of the namespaces."""
        found = self.machine.inside("left", "ip", "-o", "link", "show", "type", "veth").stdout
        return {line.split()[1].partition("@")[0] for line in found.splitlines()}


@pytest.fixture
def own(machine: Machine) -> Cabled:
    """Give a machine of which kvsctl itself has made a cable, and a file with a second one."""
    return Cabled(machine)


@pytest.fixture(params=["kvsctl", "agent"])
def cabled(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Cabled]:
    """As ``own``, and the same of an agent's."""
    if request.param == "kvsctl":
        yield Cabled(machine)
        return
    with daemon(machine) as agent:
        yield Cabled(machine, agent)


class Tried:
    """A trial on a terminal of its own, that has come to its question."""

    def __init__(self, cabled: Cabled, *options: str) -> None:
        self.master, slave = pty.openpty()
        # A session of its own, so that the end of the terminal ends it.
        command = ["setsid", "--ctty", *cabled.command, "try", "-q", *options, "two.yaml"]
        self.running = cabled.machine.start(*command, tty=slave)
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
def tried(cabled: Cabled, *options: str) -> Iterator[Tried]:
    attempt = Tried(cabled, *options)
    with attempt.running:
        try:
            yield attempt
        finally:
            with contextlib.suppress(OSError):
                os.close(attempt.master)


def test_what_is_confirmed_stays(cabled: Cabled) -> None:
    with tried(cabled) as attempt:
        assert cabled.links() == {"a0", "a1"}
        os.write(attempt.master, b"y\n")

        assert attempt.end() == 0

    assert cabled.links() == {"a0", "a1"}
    assert not TRIAL.exists()


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_what_is_not_confirmed_goes(cabled: Cabled, answer: bytes) -> None:
    with tried(cabled) as attempt:
        os.write(attempt.master, answer)

        assert attempt.end() == 1

    assert "Rolled back." in attempt.shown
    assert cabled.links() == {"a0"}
    assert cabled.kvsctl("plan", "--detailed-exitcode", "one.yaml").returncode == 0
    assert not TRIAL.exists()


def test_what_nobody_answers_goes(cabled: Cabled) -> None:
    with tried(cabled, "--timeout", "0.1") as attempt:
        assert attempt.end() == 1

    assert "no answer" in attempt.shown
    assert cabled.links() == {"a0"}


def test_a_terminal_that_is_lost_rolls_back(cabled: Cabled) -> None:
    with tried(cabled) as attempt:
        os.close(attempt.master)

        assert attempt.running.wait(WAIT_S) == 128 + signal.SIGHUP

    assert cabled.links() == {"a0"}
    assert not TRIAL.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_rolls_back(cabled: Cabled, number: signal.Signals) -> None:
    with tried(cabled) as attempt:
        os.kill(attempt.running.pid, number)

        assert attempt.end() == 128 + number

    assert cabled.links() == {"a0"}


def test_after_a_kill_the_next_one_rolls_back(own: Cabled) -> None:
    with tried(own) as attempt:
        os.kill(attempt.running.pid, signal.SIGKILL)
        attempt.end()
    assert own.links() == {"a0", "a1"}

    refused = own.kvsctl("try", "-q", "one.yaml")
    done = own.kvsctl("try", "--rollback")

    assert refused.stderr == "error: a trial was cut short before; first: kvsctl try --rollback\n"
    assert (done.returncode, done.stderr) == (0, "Rolled back.\n")
    assert own.links() == {"a0"}
    assert not TRIAL.exists()


def test_without_a_trial_there_is_nothing_to_roll_back(own: Cabled) -> None:
    done = own.kvsctl("try", "--rollback")

    assert (done.returncode, done.stderr) == (1, "error: there is no trial to roll back\n")


def test_without_a_terminal_the_end_of_the_input_is_a_no(cabled: Cabled) -> None:
    done = cabled.kvsctl("try", "-q", "two.yaml")

    assert done.returncode == 1
    assert done.stderr.endswith("Rolled back.\n")
    assert cabled.links() == {"a0"}


def test_the_end_of_a_trial_is_told_to_the_history(cabled: Cabled) -> None:
    cabled.kvsctl("try", "-q", "two.yaml")

    told = cabled.kvsctl("history", "2").stdout

    assert "kvsctl try two.yaml" in told
    assert ": rolled back" in told


@pytest.fixture
def of_agent(machine: Machine) -> Iterator[Cabled]:
    """Give a machine of which an agent has made a cable."""
    with daemon(machine) as agent:
        yield Cabled(machine, agent)


def eventually(links: set[str], cabled: Cabled) -> None:
    """Wait until there are these links, and no others."""
    late = time.monotonic() + WAIT_S
    while cabled.links() != links:
        assert time.monotonic() < late
        time.sleep(0.05)


def test_an_agent_rolls_back_what_a_kvsctl_that_was_killed_has_tried(of_agent: Cabled) -> None:
    with tried(of_agent) as attempt:
        assert of_agent.links() == {"a0", "a1"}
        os.kill(attempt.running.pid, signal.SIGKILL)
        attempt.end()

        eventually({"a0"}, of_agent)


def test_an_agent_does_not_wait_for_a_kvsctl_that_stands_still(of_agent: Cabled) -> None:
    with tried(of_agent, "--timeout", "0.5") as attempt:
        os.kill(attempt.running.pid, signal.SIGSTOP)

        eventually({"a0"}, of_agent)
        os.kill(attempt.running.pid, signal.SIGCONT)
        os.write(attempt.master, b"y\n")
        assert attempt.end() == 1

    assert "Rolled back." in attempt.shown


def test_an_agent_that_is_killed_rolls_back_when_it_starts_again(of_agent: Cabled) -> None:
    assert of_agent.agent is not None
    with tried(of_agent) as attempt:
        of_agent.agent.end(signal.SIGKILL)

        assert attempt.end() == 1

    assert "is gone" in attempt.shown
    assert of_agent.links() == {"a0", "a1"}
    of_agent.agent.start()
    eventually({"a0"}, of_agent)


def test_of_two_trials_at_an_agent_the_second_is_refused(of_agent: Cabled) -> None:
    with tried(of_agent) as attempt:
        refused = of_agent.kvsctl("try", "-q", "one.yaml")
        os.write(attempt.master, b"y\n")
        assert attempt.end() == 0

    assert refused.returncode == 1
    assert refused.stderr == "error: another change is on trial: one at a time\n"
