# SPDX-License-Identifier: Apache-2.0
"""A machine for one test: network and mounts of its own, which vanish with it."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Machine", "why_no_machine"]

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOTS = [ROOT, ROOT / "agents", ROOT / "descriptors", ROOT / "proto"]
PRIVATE_RUN = "mount -t tmpfs -o mode=755 test /run && mkdir /run/netns"
TIMEOUT_S = 60


def _unshare() -> list[str]:
    without_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--net", "--mount", "--propagation", "private", *without_root]


@functools.cache
def why_no_machine() -> str:
    """Return why this host lets us have no namespaces; "" where it does."""
    tried = subprocess.run(
        [*_unshare(), "sh", "-c", PRIVATE_RUN], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


class Machine:
    """Namespaces held by a sleeping process; what is run in it sees its own /run and no links.

    ``state`` is where kvsctl keeps its state there.
    """

    def __init__(self, state: Path) -> None:
        self.state = state

    def __enter__(self) -> Self:
        script = f"{PRIVATE_RUN} && echo ready && exec cat"
        self._holder = subprocess.Popen(
            [*_unshare(), "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._holder.communicate(timeout=TIMEOUT_S)

    def start(
        self, *command: str | Path, env: dict[str, str] | None = None, tty: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command; ``tty`` is what it gets as its three standard streams."""
        return subprocess.Popen(
            [*self._enter(), *command],
            env=environment({"KVSCTL_STATE": str(self.state), **(env or {})}),
            stdin=subprocess.DEVNULL if tty is None else tty,
            stdout=subprocess.PIPE if tty is None else tty,
            stderr=subprocess.PIPE if tty is None else tty,
            text=True,
        )

    def run(
        self, *command: str | Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its exit code."""
        with self.start(*command, env=env) as running:
            try:
                out, err = running.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, running.returncode, out, err)

    def kvsctl(
        self, *arguments: str | Path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kvsctl to its end."""
        return self.run(*kvsctl(), *arguments, env=env)

    def inside(self, namespace: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in one of the machine's named network namespaces."""
        return self.run("nsenter", f"--net=/run/netns/{namespace}", *command)

    def namespaces(self) -> list[str]:
        """Return the names of the machine's named network namespaces."""
        return sorted(self.run("ls", "/run/netns").stdout.split())

    def _enter(self) -> Sequence[str]:
        """Return the command that leads into the machine, in the working directory of now."""
        pid = self._holder.pid
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={pid}", "--net", "--mount", *user, f"--wd={Path.cwd()}"]


def kvsctl() -> list[str]:
    """Return the command line of kvsctl from this tree, installed or not."""
    return [sys.executable, "-m", "kvs_agent.cli"]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which this tree is found and nothing else plays in."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    roots = os.pathsep.join(map(str, SOURCE_ROOTS))
    return {**kept, **coverage, "PYTHONPATH": roots, **(more or {})}
