# SPDX-License-Identifier: Apache-2.0
"""Killed or interrupted at any moment, the next command ends right, and nothing is left over."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.machine import Machine, kvsctl
from tests.topologies import cables

pytestmark = pytest.mark.timeout(300)  # seconds; dozens of commands, on a machine that is busy

CABLES = 40
# So many that a signal finds the command at work.
MANY = 300
ROUNDS = 2
# Where in the time that the change takes, from its first moment to just after its last.
SHARES = [0.0, 0.2, 0.4, 0.6, 0.8, 1.1]


def links(machine: Machine, namespace: str) -> list[str]:
    """Return what links the kernel has in a namespace, with their addresses and states."""
    shown = machine.inside(namespace, "ip", "-brief", "-4", "address", "show", "up").stdout
    return sorted(re.sub(r"@\S+", "", line).strip() for line in shown.splitlines())


def commit_s(machine: Machine) -> float:
    """Return how long a change takes that is left in peace, and undo it."""
    done = machine.kvsctl("apply", "cables.yaml")
    assert done.returncode == 0, done.stderr
    took = re.search(r"^Done in (\d+\.\d+) s", done.stdout, re.MULTILINE)
    assert took is not None
    assert machine.kvsctl("destroy", "--yes").returncode == 0
    assert machine.namespaces() == []
    return float(took[1])


def begin(machine: Machine, *command: str) -> subprocess.Popen[str]:
    """Start a command and wait until it has shown its plan and begins to change things."""
    running = machine.start(*kvsctl(), *command)
    assert running.stdout is not None
    while not (line := running.stdout.readline()).startswith(("Plan: ", "No changes")):
        assert line, running.communicate()[1]
    return running


def killed(machine: Machine, *command: str, after_s: float) -> None:
    """Start a command and kill it so long after it began to change things."""
    with begin(machine, *command) as running:
        time.sleep(after_s)
        running.kill()
        running.communicate()


def assert_all_is_there(machine: Machine) -> None:
    """Check that every cable stands in the kernel, and that nothing is left to do."""
    quiet = machine.kvsctl("plan", "--detailed-exitcode", "cables.yaml")
    assert (quiet.returncode, quiet.stderr) == (0, ""), quiet.stdout
    for namespace in ("left", "right"):
        assert len([line for line in links(machine, namespace) if "10.9." in line]) == CABLES


@pytest.mark.parametrize("ending", ["apply", "repair"])
def test_killed_at_any_moment_the_next_command_ends_right(ending: str, machine: Machine) -> None:
    Path("cables.yaml").write_text(cables(CABLES), encoding="utf-8")
    took_s = commit_s(machine)
    rng = random.Random(ending)

    for share in SHARES:
        killed(machine, "apply", "cables.yaml", after_s=(share + rng.uniform(0, 0.1)) * took_s)

        again = machine.kvsctl(*([ending, "cables.yaml"] if ending == "apply" else [ending]))

        assert again.returncode == 0, again.stderr
        if ending == "repair" and not machine.kvsctl("get").stdout:
            # Killed before it was noted what is wanted.
            assert machine.namespaces() == []
            continue
        assert_all_is_there(machine)
        assert machine.kvsctl("destroy", "--yes").returncode == 0
        assert machine.namespaces() == []


def test_killed_again_and_again_the_last_command_still_ends_right(machine: Machine) -> None:
    Path("cables.yaml").write_text(cables(CABLES), encoding="utf-8")
    took_s = commit_s(machine)
    rng = random.Random("again and again")
    commands = [["apply", "cables.yaml"], ["repair"], ["destroy", "--yes"]]

    for _ in range(ROUNDS):
        for command in [commands[0], *rng.choices(commands, k=3)]:
            killed(machine, *command, after_s=rng.uniform(0, took_s))

        again = machine.kvsctl("apply", "cables.yaml")

        assert again.returncode == 0, again.stderr
        assert_all_is_there(machine)
        assert machine.kvsctl("destroy", "--yes").returncode == 0
        assert machine.namespaces() == []


def test_killed_while_it_removes_everything_the_next_destroy_ends_right(machine: Machine) -> None:
    Path("cables.yaml").write_text(cables(CABLES), encoding="utf-8")
    took_s = commit_s(machine)

    for share in SHARES[1::2]:
        assert machine.kvsctl("apply", "cables.yaml").returncode == 0
        killed(machine, "destroy", "--yes", after_s=share * took_s)

        again = machine.kvsctl("destroy", "--yes")

        assert again.returncode == 0, again.stderr
        assert machine.namespaces() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_finishes_what_it_has_begun_and_says_so(
    number: signal.Signals, machine: Machine
) -> None:
    Path("cables.yaml").write_text(cables(MANY), encoding="utf-8")
    running = begin(machine, "apply", "cables.yaml")
    time.sleep(0.1)

    running.send_signal(number)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 128 + number
    assert err == (
        "interrupted: what has begun is finished first; once more to stop at once\n"
        "interrupted: what had begun was finished\n"
    )
    assert out.startswith("Done in ")
    assert machine.kvsctl("plan", "--detailed-exitcode", "cables.yaml").returncode == 0


def test_interrupted_twice_it_stops_at_once_and_repair_ends_it(machine: Machine) -> None:
    Path("cables.yaml").write_text(cables(MANY), encoding="utf-8")
    running = begin(machine, "apply", "cables.yaml")
    time.sleep(0.05)

    running.send_signal(signal.SIGINT)
    time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)

    assert running.returncode == -signal.SIGINT
    assert machine.kvsctl("repair").returncode == 0
    assert machine.kvsctl("plan", "--detailed-exitcode", "cables.yaml").returncode == 0
