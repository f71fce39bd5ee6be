# SPDX-License-Identifier: Apache-2.0
"""A whole mesh of processes: registry, manager, our forwarder, and agents in their namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from kvs_descriptors.nsm import connections
from kvs_descriptors.nsm.errors import MeshError
from kvs_proto.networkservice.connection_pb2 import UP, Connection
from tests.machine import environment
from tests.nsm.forwarder import Forwarder
from tests.nsm.mesh import Mesh
from tests.nsm.places import Place
from tests.nsm.serving import linked

__all__ = ["Agent", "Killable", "Story", "eventually", "kill", "start"]

_PATIENCE_S = 60.0
_POLL_S = 0.05


class Killable(Protocol):
    """Something that can be killed, and started again."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class Agent:
    """``nsm-agent-linux`` in a namespace of its own, which stays when the agent goes."""

    def __init__(self, folder: Path, manager: Path, name: str) -> None:
        self.place = Place()
        self.name = name
        self.folder = folder / name
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "conf" / "config.d").mkdir(parents=True)
        settings = (
            f"connect-to: unix://{manager}\n"
            f"listen-on: unix://{self.folder / 'nsm.sock'}\n"
            "insecure: true\n"
        )
        (self.folder / "conf" / "nsm.conf").write_text(settings, encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def tell(self, file: str, text: str | None) -> None:
        """Have a file among its configuration, or have it removed."""
        there = self.folder / "conf" / "config.d" / file
        if text is None:
            there.unlink(missing_ok=True)
            return
        new = there.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.rename(there)

    def start(self) -> None:
        folders = {"config": "conf", "state": "state", "runtime": "run"}
        options = [f"--{name}-dir={self.folder / place}" for name, place in folders.items()]
        command = [sys.executable, "-m", "kvs_agent.daemon", *options, f"--label={self.name}"]
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["nsenter", f"--net={self.place.path}", *command],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(60)

    @property
    def lives(self) -> int:
        """Return how often it has come to the point at which it has taken up what was before."""
        log = self.folder / "agent.log"
        return log.read_text(encoding="utf-8").count("as before:") if log.exists() else 0

    def kvsctl(self, *words: str) -> str:
        """Return what kvsctl says of it."""
        agent = f"unix:{self.folder / 'run' / 'agent.sock'}"
        command = [sys.executable, "-m", "kvs_agent.cli", "--agent", agent, *words]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr


class Story:
    """All of them; what is left of it goes at the end."""

    def __init__(self, folder: Path) -> None:
        self.mesh = Mesh(folder / "mesh")
        self.mesh.parts = (self.mesh.registry, self.mesh.manager)
        self.registry, self.manager = self.mesh.parts
        self.forwarder = Forwarder(folder / "forwarder", self.manager.url)
        self.agents: dict[str, Agent] = {}
        self._folder = folder
        self._socket = folder / "manager.sock"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(self.mesh.kill)
        self.mesh.start()
        socket, port = str(self._socket), str(self.manager.port)
        command = [sys.executable, "-m", "tests.nsm.relay", socket, port]
        relay = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)
        self._stack.callback(_end, relay)
        assert relay.stdout is not None
        assert relay.stdout.readline() == b"ready\n"
        self._stack.callback(self.forwarder.clean)
        self.forwarder.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for agent in self.agents.values():
            agent.kill()
            agent.place.end()
        self._stack.close()

    def agent(self, name: str, **files: str) -> Agent:
        """Start an agent that is told some files."""
        agent = self.agents[name] = Agent(self._folder, self._socket, name)
        for file, text in files.items():
            agent.tell(f"{file}.yaml", text)
        agent.start()
        return agent

    def connections(self) -> list[Connection] | None:
        """Return what the manager has; None where it cannot be asked."""

        async def ask() -> list[Connection]:
            async with linked(self.manager.url, None) as links:
                events = connections.monitor(links, "", "")
                async with contextlib.aclosing(events), asyncio.timeout(10):
                    first = await anext(events)
                    return list(first.connections.values())

        try:
            return asyncio.run(ask())
        except (MeshError, TimeoutError, StopAsyncIteration):
            return None

    def is_up(self, count: int) -> bool:
        """Tell whether the manager has so many connections, and all of them up."""
        found = self.connections()
        return found is not None and [one.state for one in found] == [UP] * count

    def told(self) -> str:
        """Return the ends of all logs."""
        logs = [self.forwarder.log, *(one.folder / "agent.log" for one in self.agents.values())]
        logs += [part.log for part in self.mesh.parts]
        return "\n".join(f"--- {log}\n{_last(log)}" for log in logs)


def kill(*parts: Killable) -> None:
    for part in parts:
        part.kill()


def start(parts: Iterable[Killable]) -> None:
    for part in parts:
        part.start()


def eventually(holds: Callable[[], bool], story: Story, what: str = "") -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'it'} does not come about:\n{story.told()}")
        time.sleep(_POLL_S)


def _last(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-3000:] if log.exists() else "none"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
