# SPDX-License-Identifier: Apache-2.0
"""Our forwarder as a process, and an endpoint with a namespace of its own, for tests."""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from kvs_descriptors.linux import syscalls
from kvs_descriptors.nsm import mechanisms
from kvs_descriptors.nsm.errors import Declined
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.networkservice.connectioncontext_pb2 import Route
from tests.machine import environment
from tests.nsm.places import Place

__all__ = ["Bay", "Forwarder"]

_READY_S = 60.0


class Forwarder:
    """``nsm-forwarder-kernel``, its state in a folder; ``workload`` is where its identity is."""

    def __init__(
        self, folder: Path, manager: str, *, workload: str = "", name: str = "cables"
    ) -> None:
        self.folder = folder
        self.log = folder / "forwarder.log"
        self.manager = manager
        self._workload = workload
        self._name = name
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Return where it serves now."""
        return self.log.read_text().rpartition(" serves at ")[2].split()[0]

    @property
    def kept(self) -> list[str]:
        """Return the namespaces that it keeps."""
        folder = self.folder / "run" / "netns"
        return sorted(one.name for one in folder.iterdir()) if folder.exists() else []

    def transactions(self) -> int:
        """Return how many transactions its journal knows of."""
        uri = f"file:{self.folder / 'state' / 'journal.db'}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as journal:
            ((count,),) = journal.execute("SELECT max(number) FROM batch")
        return int(count)

    def start(self, **more: str) -> None:
        """Start it, and wait until it is registered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {
            "NSM_NAME": self._name,
            "NSM_CONNECT_TO": self.manager,
            "NSM_FORWARDER_STATE": str(self.folder / "state"),
            "NSM_FORWARDER_RUNTIME": str(self.folder / "run"),
            **({"SPIFFE_ENDPOINT_SOCKET": self._workload} if self._workload else {}),
            **({} if self._workload else {"NSM_INSECURE": "true"}),
            **more,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kvs_agent.forwarder"],
            env=environment(told),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not self._is_registered():
            self.kill()
            raise AssertionError(f"it does not start:\n{self.log.read_text()[-4000:]}")

    def _is_registered(self) -> bool:
        assert self._process is not None
        assert self._process.stderr is not None
        seen: queue.Queue[bool] = queue.Queue()
        reader = self._process.stderr

        def follow() -> None:
            with self.log.open("a") as log:
                for line in reader:
                    log.write(line)
                    log.flush()
                    if "registered as" in line:
                        seen.put(True)
            reader.close()
            seen.put(False)

        self._reader = threading.Thread(target=follow, daemon=True)
        self._reader.start()
        try:
            return seen.get(timeout=_READY_S)
        except queue.Empty:
            return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in good order; return its exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        self.kill()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        code = process.wait(30)
        self._reader.join(10)
        return code

    def clean(self) -> None:
        """End it, and let go of what it keeps."""
        self.kill()
        for name in self.kept:
            with contextlib.suppress(OSError):
                syscalls.unmount(str(self.folder / "run" / "netns" / name))


class Bay:
    """An endpoint's side: names and addresses for each client, in a namespace of its own."""

    def __init__(self, place: Place, network: int = 60, *, name: str = "") -> None:
        self.place = place
        self.requests = 0
        self.closed: list[str] = []
        self.is_full = False
        self.mtu = 0
        self.more: list[Route] = []
        # What else is done to the answer.
        self.spoil: Callable[[Connection], object] = lambda made: None
        self._network = network
        self._name = name
        self._numbers = itertools.count()
        self._given: dict[str, int] = {}

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        self.requests += 1
        if self.is_full:
            raise Declined("the bay is full")
        mechanisms.chosen(connection, preferences, mechanisms.KERNEL)
        number = self._given.setdefault(connection.id, -1)
        if number < 0:
            number = self._given[connection.id] = next(self._numbers)
        made = Connection()
        made.CopyFrom(connection)
        name = self._name or f"bay{number}"
        made.mechanism.CopyFrom(mechanisms.kernel(name, self.place.path))
        told, third, fourth = made.context.ip_context, number // 100, number % 100 + 1
        told.src_ip_addrs[:] = [f"10.{self._network}.{third}.{fourth}/32"]
        told.dst_ip_addrs[:] = [f"10.{self._network}.{third + 100}.{fourth}/32"]
        del told.src_routes[:]
        told.src_routes.extend(self.more)
        made.context.MTU = self.mtu
        self.spoil(made)
        return made

    async def close(self, connection: Connection) -> None:
        self.closed.append(connection.id)
        self._given.pop(connection.id, None)
