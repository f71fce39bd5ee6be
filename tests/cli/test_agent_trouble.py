# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with an agent is one line that says what to do, and exit code 1."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.agents import WAIT_S, Daemon, daemon
from tests.cli.conftest import Run
from tests.machine import Machine, kvsctl
from tests.topologies import CABLE, cables

MANY = 150


@pytest.fixture
def agent(machine: Machine) -> Iterator[Daemon]:
    """Give an agent, and files for it."""
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    Path("two.yaml").write_text(cables(2), encoding="utf-8")
    Path("many.yaml").write_text(cables(MANY), encoding="utf-8")
    with daemon(machine) as running:
        yield running


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a command has said, which has done nothing."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize("command", ["info", "get", "diff", "history", "watch", "repair"])
def test_an_agent_that_is_not_there(command: str, run: Run) -> None:
    told = refused(run("--agent", "unix:/nowhere/agent.sock", command))

    assert told == (
        "no agent can be reached at unix:/nowhere/agent.sock (No such file or directory):"
        " is it running?"
    )


def test_an_agent_that_is_named_by_the_environment(run: Run) -> None:
    told = refused(run("get", KVSCTL_AGENT="/nowhere/agent.sock"))

    assert told.startswith("no agent can be reached at /nowhere/agent.sock (")


def test_who_may_only_look(machine: Machine) -> None:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    with daemon(machine, access={"socket-role": "read"}) as agent:
        planned = agent.kvsctl("plan", "net.yaml")
        told = refused(agent.kvsctl("apply", "-q", "net.yaml"))

    assert planned.returncode == 0
    assert "this takes the role write, not read" in told


def test_an_agent_that_does_not_answer(agent: Daemon) -> None:
    assert agent.process is not None
    os.kill(agent.process.pid, signal.SIGSTOP)
    try:
        told = refused(agent.kvsctl("--deadline", "0.5", "get"))
    finally:
        os.kill(agent.process.pid, signal.SIGCONT)

    assert told == (
        f"the agent at {agent.address} has not answered within 0.5 s;"
        " --deadline says how long to wait"
    )


def test_an_agent_that_has_too_much_to_do(machine: Machine) -> None:
    with daemon(machine, grpc={"endpoint": [], "max-watchers": 0}) as agent:
        done = agent.kvsctl("watch")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: the agent at {agent.address} has too much to do:"
        " there are as many calls that go on as may be: try again later"
    )


def test_more_than_an_agent_takes_at_once(machine: Machine) -> None:
    Path("many.yaml").write_text(cables(MANY), encoding="utf-8")
    with daemon(machine, grpc={"endpoint": [], "max-msg-size": 2000}) as agent:
        told = refused(agent.kvsctl("plan", "many.yaml"))

    assert told.startswith("this is too much for one request to the agent at ")
    assert "max-msg-size" in told


def applying(agent: Daemon) -> subprocess.Popen[str]:
    """Start a change that takes its time, and wait until it has begun."""
    command = [*kvsctl(), "--agent", agent.address, "apply", "many.yaml"]
    running = agent.machine.start(*command)
    assert running.stdout is not None
    while not (line := running.stdout.readline()).startswith("Plan: "):
        assert line
    # The plan is one call to the agent, the change another one.
    while not agent.machine.namespaces():
        assert running.poll() is None
    return running


def test_an_agent_that_is_killed_amid_a_change(agent: Daemon) -> None:
    with applying(agent) as running:
        agent.end(signal.SIGKILL)
        _, told = running.communicate(timeout=WAIT_S)

    assert running.returncode == 1
    assert told.startswith(f"error: the agent at {agent.address} is gone (")
    assert told.endswith(
        "; what had begun may be done, or done in part: kvsctl history and diff tell\n"
    )
    assert told.count("\n") == 1


def test_after_such_an_end_the_agent_and_kvsctl_agree_again(agent: Daemon) -> None:
    with applying(agent) as running:
        agent.end(signal.SIGKILL)
        running.communicate(timeout=WAIT_S)
    agent.start()

    done = agent.kvsctl("apply", "-q", "net.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert agent.kvsctl("diff").returncode == 0
    links = agent.machine.inside("left", "ip", "-o", "link", "show", "type", "veth").stdout
    assert [line.split()[1].partition("@")[0] for line in links.splitlines()] == ["a0"]


def test_a_signal_amid_a_change_waits_for_its_end(agent: Daemon) -> None:
    with applying(agent) as running:
        os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=WAIT_S)

    assert running.returncode == 128 + signal.SIGINT
    assert out.startswith("Done in ")
    assert err.splitlines()[-1] == "interrupted: what had begun was finished"
    assert agent.kvsctl("diff").returncode == 0


def test_before_a_change_a_signal_withdraws(agent: Daemon) -> None:
    assert agent.process is not None
    os.kill(agent.process.pid, signal.SIGSTOP)
    try:
        command = [*kvsctl(), "--verbose", "--agent", agent.address, "apply", "net.yaml"]
        with agent.machine.start(*command) as running:
            assert running.stderr is not None
            # By then the signals are held back, and the question is on its way.
            while "asks" not in (line := running.stderr.readline()):
                assert line
            os.kill(running.pid, signal.SIGINT)
            out, err = running.communicate(timeout=WAIT_S)
    finally:
        os.kill(agent.process.pid, signal.SIGCONT)

    assert (running.returncode, out) == (128 + signal.SIGINT, "")
    assert err.splitlines()[-1] == "interrupted: nothing was changed"
    assert agent.kvsctl("get").stdout == ""


def test_what_moves_before_somebody_says_yes_is_planned_again(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    master, slave = pty.openpty()
    command = [*kvsctl(), "--agent", agent.address, "destroy"]
    with agent.machine.start(*command, tty=slave) as running:
        os.close(slave)
        shown = read_to(master, "Do this? [y/N]: ")
        agent.kvsctl("apply", "-q", "two.yaml")
        os.write(master, b"y\n")
        again = read_to(master, "Do this? [y/N]: ")
        os.write(master, b"y\n")
        read_to(master, "Done in ")
        assert running.wait(WAIT_S) == 0
    os.close(master)

    assert "interface/a1" not in shown
    assert "the system has changed meanwhile: planned again" in again
    assert "interface/a1" in again
    assert agent.kvsctl("get").stdout == ""


def read_to(master: int, text: str) -> str:
    """Read from a terminal until a text has been shown."""
    shown = ""
    while text not in shown and select.select([master], [], [], WAIT_S)[0]:
        shown += os.read(master, 65536).decode()
    assert text in shown
    return shown


def test_values_that_exclude_each_other_are_named(agent: Daemon) -> None:
    agent.kvsctl("apply", "-q", "net.yaml")
    other = CABLE.replace("name: a0\n", "name: c0\n", 1).replace(
        "peer_if_name: a0", "peer_if_name: c0"
    )
    Path("other.yaml").write_text(
        other.replace("outgoing_interface: a0", "outgoing_interface: c0")
    )

    done = agent.kvsctl("apply", "-q", "--source", "night", "other.yaml")

    assert (done.returncode, done.stdout) == (1, "")
    assert "is wanted twice: by " in done.stderr
    assert agent.kvsctl("get", "--source", "night").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--agent", "/x", "import-existing"],
            "import-existing reads and marks this machine's own",
        ),
        (["--agent", "/x", "try", "--rollback"], "an agent rolls back by itself what nobody"),
        (
            ["--agent", "/x", "--state", "s.db", "get"],
            "--state is about an engine of kvsctl's own",
        ),
        (["--agent", "/x", "--parallel", "1", "get"], "--parallel is about an engine of kvsctl's"),
        (
            ["--agent", "/x", "--ca", "none.pem", "get"],
            "Invalid value for '--ca': File 'none.pem'",
        ),
        (["--agent", "no/where", "get"], "'no/where' is no agent's address: unix:/path or host"),
        (["info"], "this is about a running agent: kvsctl --agent ADDR info"),
        (["get", "--sources"], "--sources is about an agent's sources: --agent names one"),
        (["destroy", "--source", "x"], "--source is about an agent's sources: --agent names one"),
        (["--agent", "", "info"], "this is about a running agent"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], told: str, run: Run) -> None:
    assert refused(run(*arguments)).startswith(told)


def test_a_certificate_without_its_key_is_refused(run: Run) -> None:
    Path("a.pem").write_text("", encoding="utf-8")

    told = refused(run("--agent", "host", "--cert", "a.pem", "get"))

    assert told == "--cert and --key go together: a certificate, and the key that it is of"
