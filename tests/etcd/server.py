# SPDX-License-Identifier: Apache-2.0
"""Real etcd on loopback, to be killed, emptied and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Cluster", "Etcd", "binary", "free_ports"]

_START_S = 30.0
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def binary() -> str | None:
    """Return etcd's program; KVS_ETCD names another one."""
    return os.environ.get("KVS_ETCD") or shutil.which("etcd")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses at this moment."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Etcd:
    """One server; its port and its data stay over ``kill`` and ``start``."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "one",
        ports: Sequence[int] = (),
        cluster: str = "",
        arguments: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.client_port, peer_port, self._health_port = ports or free_ports(3)
        self.data = folder / "data"
        self.log = folder / "etcd.log"
        self._scheme = "https" if "--cert-file" in arguments else "http"
        client, peer = f"{self._scheme}://{self.endpoint}", f"http://127.0.0.1:{peer_port}"
        self._command = [
            binary() or "etcd",
            *("--name", name),
            *("--data-dir", str(self.data)),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", cluster or f"{name}={peer}"),
            *("--listen-metrics-urls", f"http://127.0.0.1:{self._health_port}"),
            # A leader is found soon, also by a server that is alone.
            *("--heartbeat-interval", "25", "--election-timeout", "250"),
            "--unsafe-no-fsync",  # kill -9 loses nothing that the kernel has, and disks are slow
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.client_port}"

    def start(self, *, wait: bool = True) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        if wait:
            self.await_health()

    def await_health(self) -> None:
        """Wait until the server has a leader and answers."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                break
            if self._is_healthy():
                return
            time.sleep(0.01)
        self.kill()
        raise AssertionError(f"etcd does not start:\n{self.log.read_text()[-4000:]}")

    def _is_healthy(self) -> bool:
        url = f"http://127.0.0.1:{self._health_port}/health"
        try:
            with _DIRECTLY.open(url, timeout=5) as answer:
                return b'"true"' in answer.read()
        except OSError:
            return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Have it say nothing any more, and keep its connections."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Remove all that it ever held; for a server that is not running."""
        shutil.rmtree(self.data)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(30)


class Cluster:
    """Three servers that hold the same."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(9)
        names = ("one", "two", "three")
        peers = [f"{name}=http://127.0.0.1:{ports[3 * i + 1]}" for i, name in enumerate(names)]
        self.members = [
            Etcd(
                folder / name,
                name=name,
                ports=ports[3 * i : 3 * i + 3],
                cluster=",".join(peers),
            )
            for i, name in enumerate(names)
        ]

    def start(self) -> None:
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.await_health()

    def kill(self) -> None:
        for member in self.members:
            member.kill()
