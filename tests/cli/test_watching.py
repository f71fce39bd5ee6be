# SPDX-License-Identifier: Apache-2.0
"""A kvsctl that stays: what somebody breaks is put back, and told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.machine import Machine, kvsctl
from tests.topologies import CABLE

Golden = Callable[[str, str], None]

WAIT_S = 60
TIME = re.compile(r"^\d\d:\d\d:\d\d\.\d{6}  ", re.MULTILINE)


@pytest.fixture
def watched(machine: Machine) -> Iterator[tuple[Machine, subprocess.Popen[str]]]:
    """Give a machine with a cable, and the kvsctl that watches it."""
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    assert machine.kvsctl("apply", "-q", "net.yaml").returncode == 0
    with machine.start(*kvsctl(), "watch") as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "Watching 5 values; Ctrl-C ends it.\n"
        yield machine, running
        running.kill()


def line(running: subprocess.Popen[str]) -> str:
    """Return the next line, less its time."""
    assert running.stdout is not None
    return running.stdout.readline().partition("  ")[2]


def test_what_is_changed_is_put_back_and_told(
    watched: tuple[Machine, subprocess.Popen[str]],
) -> None:
    machine, running = watched

    machine.inside("left", "ip", "link", "set", "a0", "mtu", "1300")

    told = line(running)
    assert told == "~ config/linux/interfaces/v2/interface/a0  # it had drifted\n"
    assert "mtu 1500" in machine.inside("left", "ip", "link", "show", "a0").stdout


def test_a_watcher_says_what_was_approved(machine: Machine, golden: Golden) -> None:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    refused = machine.kvsctl("watch")
    machine.kvsctl("apply", "-q", "net.yaml")
    with machine.start(*kvsctl(), "watch") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        said = [running.stderr.readline()]
        for change in (["link", "set", "a0", "mtu", "1300"], ["address", "flush", "dev", "a0"]):
            machine.inside("left", "ip", *change)
            said.append(running.stdout.readline())
        said += [running.stdout.readline()]  # what the address has taken along
        os.kill(running.pid, signal.SIGINT)
        running.wait(WAIT_S)
        said += [running.stdout.read(), running.stderr.read()]

    shown = TIME.sub("hh:mm:ss.ffffff  ", "".join(said))
    before = refused.stderr.replace(str(machine.state), "kvsctl.db")
    golden("said-watch.txt", f"$ kvsctl watch\n2> {before}\n$ kvsctl watch\n{shown}")


def test_what_is_deleted_is_made_again_with_all_that_went(
    watched: tuple[Machine, subprocess.Popen[str]],
) -> None:
    machine, running = watched

    machine.inside("left", "ip", "link", "delete", "a0")

    told = {line(running) for _ in range(5)}
    assert "+ config/linux/l3/v2/route/10.20.0.0/16/a0  # it is missing\n" in told
    assert "10.20.0.0/16 via 10.9.0.2" in machine.inside("left", "ip", "route").stdout


def test_it_ends_with_a_signal_and_leaves_everything(
    watched: tuple[Machine, subprocess.Popen[str]],
) -> None:
    machine, running = watched

    os.kill(running.pid, signal.SIGINT)

    assert running.wait(WAIT_S) == 0
    assert machine.kvsctl("diff").returncode == 0


def test_what_it_mended_is_in_the_history(
    watched: tuple[Machine, subprocess.Popen[str]],
) -> None:
    machine, running = watched
    machine.inside("left", "ip", "address", "flush", "dev", "a0")
    assert line(running).startswith("+ ")

    os.kill(running.pid, signal.SIGINT)
    running.wait(WAIT_S)

    assert "notification" in machine.kvsctl("history", "1").stdout
