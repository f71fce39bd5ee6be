# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a Unix socket that answers as Docker's API does; containers are processes."""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import queue
import socketserver
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

COMMAND = ["unshare", "--net", "sh", "-c", "echo ready && exec cat"]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    daemon: Daemon


class Daemon:
    """Runs containers, each in a network namespace of its own, and tells of them."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = str(path)
        self.running: dict[str, tuple[subprocess.Popen[bytes], list[str]]] = {}
        self.listeners: list[queue.SimpleQueue[dict[str, Any] | None]] = []
        self.asked: list[str] = []
        self._server: Server | None = None

    def open(self) -> None:
        pathlib.Path(self.path).unlink(missing_ok=True)
        self._server = Server(self.path, Answering)
        self._server.daemon = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """End, as the daemon does; containers go on."""
        assert self._server is not None
        for listener in self.listeners:
            listener.put(None)
        self.listeners.clear()
        self._server.shutdown()
        self._server.server_close()
        pathlib.Path(self.path).unlink()

    def start(self, number: str, *environment: str) -> int:
        started = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert started.stdout is not None
        started.stdout.readline()
        self.running[number] = (started, list(environment))
        self.tell("start", number)
        return started.pid

    def stop(self, number: str, *, is_told: bool = True) -> None:
        ended, _ = self.running.pop(number)
        ended.kill()
        ended.communicate()
        if is_told:
            self.tell("die", number)

    def tell(self, action: str, number: str) -> None:
        told = {"Type": "container", "Action": action, "Actor": {"ID": number}}
        for listener in self.listeners:
            listener.put(told)


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        daemon = self.server.daemon
        url = urllib.parse.urlsplit(self.path)
        daemon.asked.append(url.path)
        if url.path == "/events":
            self._tell_events(daemon, urllib.parse.parse_qs(url.query))
        elif url.path == "/containers/json":
            self._answer(200, [{"Id": number, "State": "running"} for number in daemon.running])
        else:
            self._show(daemon, url.path.removeprefix("/containers/").removesuffix("/json"))

    def _show(self, daemon: Daemon, number: str) -> None:
        if number not in daemon.running:
            self._answer(404, {"message": f"No such container: {number}"})
            return
        process, environment = daemon.running[number]
        state = {"Running": True, "Pid": process.pid}
        created = f"2026-01-01T00:00:00.{process.pid:09}Z"
        config = {"Env": ["PATH=/bin", *environment]}
        self._answer(200, {"Id": number, "Created": created, "State": state, "Config": config})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _tell_events(self, daemon: Daemon, asked: dict[str, list[str]]) -> None:
        filters = json.loads(asked["filters"][0])
        listener: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        daemon.listeners.append(listener)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):
            while told := listener.get():
                if told["Type"] in filters["type"] and told["Action"] in filters["event"]:
                    data = json.dumps(told).encode() + b"\n"
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        pass


@contextlib.contextmanager
def daemon(path: pathlib.Path) -> Iterator[Daemon]:
    """Give a daemon that is not open yet; its containers end with it."""
    made = Daemon(path)
    try:
        yield made
    finally:
        for number in list(made.running):
            made.stop(number)
        with contextlib.suppress(AssertionError, FileNotFoundError):
            made.close()
