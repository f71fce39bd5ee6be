# SPDX-License-Identifier: Apache-2.0
"""Packets on their way, to and fro between namespaces, while something else happens."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self, TypeVar

from kvs_descriptors.linux import syscalls

__all__ = ["Echo", "Wire", "in_namespace"]

T = TypeVar("T")

# So long a packet may be under way before it counts as lost: the machine may be busy.
PATIENCE_S = 5.0
PAUSE_S = 0.001


class Wire(NamedTuple):
    """Two ends, each a file that stands for a namespace ("" for our own), and an address."""

    near: str
    near_ip: str
    far: str
    far_ip: str


def in_namespace(path: str, call: Callable[[], T]) -> T:
    """Call something in a namespace, in a thread that ends with it."""
    answers: list[T] = []

    def run() -> None:
        if path:
            fd = os.open(path, os.O_RDONLY)
            syscalls.enter(fd)
            os.close(fd)
        answers.append(call())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answers[0]


class Echo:
    """Sends a packet over each wire and has it sent back, again and again, until it is left.

    ``lost`` counts those that did not come back; ``sent`` all, less the first of each wire.
    """

    def __init__(self, wires: Iterable[Wire]) -> None:
        self.sent = 0
        self.lost = 0
        self._wires = list(wires)
        self._pairs = [_pair(wire) for wire in self._wires]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        # The first ones find out where the neighbours are.
        broken = self._round()
        if broken:
            self._close()
        assert not broken, f"these were to be watched, and do not work: {broken}"
        self.sent = 0
        self._thread.start()
        return self

    def __exit__(self, *caught: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        for ends in self._pairs:
            for end in ends:
                end.close()

    def _run(self) -> None:
        while not self._is_over.wait(PAUSE_S):
            self._round()

    def _round(self) -> list[Wire]:
        broken = []
        text = str(self.sent).encode()
        for wire, (near, far) in zip(self._wires, self._pairs, strict=True):
            self.sent += 1
            try:
                near.send(text)
                is_back = far.send(far.recv(100)) and near.recv(100) == text
            except OSError:
                is_back = False
            if not is_back:
                broken.append(wire)
                self.lost += 1
        return broken


def _pair(wire: Wire) -> tuple[socket.socket, socket.socket]:
    near, far = (_socket(*end) for end in (wire[:2], wire[2:]))
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    return near, far


def _socket(path: str, address: str) -> socket.socket:
    made = in_namespace(path, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind((address, 0))
    made.settimeout(PATIENCE_S)
    return made
