# SPDX-License-Identifier: Apache-2.0
"""An agent as a process, on a machine of the test's own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.machine import TIMEOUT_S, Machine

__all__ = ["AgentProcess", "agent_command", "eventually", "running"]

POLL_S = 0.02


def agent_command(folder: Path, *options: str) -> list[str]:
    """Return the command line of nsm-agent-linux with all of its files below a folder."""
    names = {"config": "conf", "state": "state", "runtime": "run"}
    places = [f"--{name}-dir={folder / place}" for name, place in names.items()]
    return [sys.executable, "-m", "kvs_agent.daemon", *places, *options]


class AgentProcess:
    """One life of an agent; its log is in ``log``."""

    def __init__(self, machine: Machine, folder: Path, *options: str) -> None:
        self.log = folder / "agent.log"
        script = 'log=$1; shift; exec "$@" >>"$log" 2>&1'
        self.process = machine.start(
            "sh", "-c", script, "sh", str(self.log), *agent_command(folder, *options)
        )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and return its exit code once it has ended."""
        if self.process.poll() is None:
            self.send(number)
        try:
            return self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def told(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


@contextlib.contextmanager
def running(machine: Machine, folder: Path, *options: str) -> Iterator[AgentProcess]:
    """Run an agent; one that is left over is killed."""
    agent = AgentProcess(machine, folder, *options)
    try:
        yield agent
    finally:
        if agent.process.poll() is None:
            agent.end(signal.SIGKILL)
        agent.process.communicate()


def eventually(holds: Callable[[], object], agent: AgentProcess | None = None) -> None:
    """Wait until something holds; a minute is too long."""
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        if agent is not None and agent.process.poll() is not None:
            raise AssertionError(f"the agent has ended:\n{agent.told()}")
        if time.monotonic() > deadline:
            raise AssertionError(agent.told() if agent is not None else "waited in vain")
        time.sleep(POLL_S)
