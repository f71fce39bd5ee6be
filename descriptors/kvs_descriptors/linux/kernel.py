# SPDX-License-Identifier: Apache-2.0
"""The way into the kernel that all descriptors share: a channel for each namespace in use."""

from __future__ import annotations

import asyncio
import functools
import os
import socket

from ligato.linux.namespace.namespace_pb2 import NetNamespace

from . import netns, places, syscalls
from .channel import Channel, Opened
from .courier import Courier
from .link import Link
from .netns import FOLDER, NamespaceFolder

__all__ = ["Kernel", "NamespaceGone"]


class NamespaceGone(OSError):
    """A namespace is not there, or no longer there; for a delete that is a success."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no network namespace {name}")
        self.name = name


class Kernel:
    """Opens a netlink channel for each namespace once, and keeps it.

    Namespaces are given as ``places`` has them. ``owner`` is part of every mark: of two engines
    on one machine with different owners neither sees what the other has made.
    """

    def __init__(self, owner: str = "kvs", folder: str = FOLDER) -> None:
        self.owner = owner
        self.namespaces = NamespaceFolder(folder, owner)
        # The namespaces that bore our mark when they were last looked for.
        self.marked: frozenset[str] = frozenset()
        # Where interfaces are, as last retrieved, made or deleted. The engine's metadata tells it
        # too, but of what is being retrieved only after all of it has been.
        self.seen: dict[str, Link] = {}
        # The processes of containers, by label, as last told.
        self.microservices: dict[str, int] = {}
        self._channels: dict[str, Channel] = {}
        self._courier = Courier()
        self._looked_up: set[str] = set()
        self._opening = asyncio.Lock()

    async def channel(self, namespace: str = "") -> Channel:
        """Return the channel of a namespace; ``NamespaceGone`` where there is none of the name."""
        found = self._current(namespace)
        if found is not None:
            return found
        async with self._opening:
            found = self._current(namespace)
            if found is None:
                found = await self._open(namespace)
            return found

    def known_channel(self, namespace: str) -> Channel | None:
        """Return the channel of a namespace if there is one open."""
        return self._channels.get(namespace)

    def _current(self, namespace: str) -> Channel | None:
        found = self._channels.get(namespace)
        if found is None or found.is_broken:
            self.forget(namespace)
            return None
        if not namespace or namespace in self._looked_up:
            return found
        # Others may remove a namespace and make another of that name. We would go on talking to
        # the old one, and our socket would keep it alive, so the name is looked up time and again.
        if self._identity(namespace) != found.identity:
            self.forget(namespace)
            return None
        self._note_looked_up(namespace)
        return found

    def _note_looked_up(self, namespace: str) -> None:
        """Believe it in this turn of the event loop; what is asked in it is sent together."""
        if not self._looked_up:
            asyncio.get_running_loop().call_soon(self._looked_up.clear)
        self._looked_up.add(namespace)

    async def _open(self, namespace: str) -> Channel:
        try:
            opened = await syscalls.in_own_thread(functools.partial(self._enter, namespace))
        except (FileNotFoundError, ProcessLookupError):
            raise NamespaceGone(namespace) from None
        return await self.take(namespace, opened)

    def _identity(self, place: str) -> tuple[int, int] | None:
        path = self._path(place)
        return netns.identity(path) if path else self.namespaces.identity(place)

    def _enter(self, place: str) -> Opened:
        """Open a place: only in a thread of one's own."""
        if not place:
            return _enter_own()
        path = self._path(place)
        return self.namespaces.enter_path(path) if path else self.namespaces.enter(place)

    def _path(self, place: str) -> str:
        """Return the file that stands for a place, "" where that is in the folder of names."""
        kind, text = places.split(place)
        if kind == NetNamespace.FD:
            return text
        if kind == NetNamespace.MICROSERVICE:
            # No process has the number 0, so where no container is there is no file either.
            text = str(self.microservices.get(text, 0))
        return "" if kind == NetNamespace.NSID else f"/proc/{text}/ns/net"

    async def take(self, namespace: str, opened: Opened) -> Channel:
        """Make a channel of a socket that has been opened in the namespace, and keep it."""
        self.forget(namespace)
        made = self._channels[namespace] = Channel(opened, namespace, self._courier)
        return made

    def forget(self, namespace: str) -> None:
        """Let go of a namespace: what is under way ends, and the kernel may free it."""
        self._looked_up.discard(namespace)
        found = self._channels.pop(namespace, None)
        if found is not None:
            found.retire()

    def close(self) -> None:
        """Close all channels; one that is asked for again is opened again."""
        for namespace in list(self._channels):
            self.forget(namespace)
        # What comes next may run on another event loop.
        self._opening = asyncio.Lock()
        self.namespaces.close()


def _enter_own() -> Opened:
    # The namespace of the thread, not of the process: each thread has its own.
    netns_fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE)
    return Opened(opened.detach(), netns_fd, is_ours=False)
