# SPDX-License-Identifier: Apache-2.0
"""A real agent on a machine of the test's own, at a unix socket that kvsctl can reach."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kvs_agent.daemon.compose import SOCKET
from tests.machine import Machine, environment, kvsctl

__all__ = ["WAIT_S", "Daemon", "daemon"]

WAIT_S = 60


class Daemon:
    """One agent's process; ``folder`` is where its settings, its state and its socket are."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder
        self.address = f"unix:{folder / 'run' / SOCKET}"
        self.process: subprocess.Popen[str] | None = None

    def set(self, **files: Mapping[str, object]) -> None:
        """Write settings, by the name of their file without its end."""
        (self.folder / "etc").mkdir(exist_ok=True)
        for name, content in files.items():
            path = self.folder / "etc" / f"{name}.conf"
            path.write_text(json.dumps(content), encoding="utf-8")

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        command = [sys.executable, "-m", "kvs_agent.daemon"]
        for name in ("config", "state", "runtime"):
            command += [f"--{name}-dir", str(self.folder / _FOLDERS[name])]
        with (self.folder / "log").open("a") as log:
            self.process = self.machine.start(*command, tty=log.fileno())
        late = time.monotonic() + WAIT_S
        while not self.is_ready:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < late, self.log
            time.sleep(0.1)

    @property
    def is_ready(self) -> bool:
        """Whether it answers, and has taken in all that it was told."""
        asked = self.kvsctl("info", "--json")
        return asked.returncode == 0 and bool(json.loads(asked.stdout)["ready"])

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def kvsctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kvsctl to its end, on this agent; it is not on the agent's machine."""
        return subprocess.run(
            [*kvsctl(), "--agent", self.address, *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it has gone."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.wait(WAIT_S)


_FOLDERS = {"config": "etc", "state": "state", "runtime": "run"}


@contextmanager
def daemon(machine: Machine, **settings: Mapping[str, object]) -> Iterator[Daemon]:
    """Run an agent; it does no more than it is asked to unless its settings say so."""
    # Not below the test's own folder: the path of a socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="agent-"))
    made = Daemon(machine, folder)
    try:
        quiet: dict[str, Mapping[str, object]] = {
            "http": {"disabled": True},
            "grpc": {"endpoint": []},
        }
        made.set(**{**quiet, **settings})
        made.start()
        yield made
    finally:
        if made.process is not None:
            made.end()
        shutil.rmtree(folder)
