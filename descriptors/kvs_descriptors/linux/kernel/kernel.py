# SPDX-License-Identifier: Apache-2.0
"""The way into the kernel that all descriptors share: a channel for each namespace in use."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import socket
from collections.abc import Mapping

from ligato.linux.namespace.namespace_pb2 import NetNamespace

from .. import places, syscalls
from ..links.link import Link
from ..links.lookup import Seen
from ..netlink.channel import Channel, Opened
from ..netlink.courier import Courier
from ..netlink.ear import subscribe
from . import netns
from .follower import Follower
from .netns import FOLDER, NamespaceFolder

__all__ = ["PROTOCOL", "Kernel", "NamespaceGone"]

# Marks the routes and addresses that are ours, where others write "static" or "bgp".
PROTOCOL = 107

PROCESS = re.compile(r"/proc/([0-9]{1,7})/ns/net")


class NamespaceGone(OSError):
    """A namespace is not there, or no longer there; for a delete that is a success.

    ``is_news``: it has gone just now, and what stands for it as a value does not tell so yet.
    """

    def __init__(self, name: str, *, is_news: bool = False) -> None:
        super().__init__(f"there is no network namespace {name}")
        self.name = name
        self.is_news = is_news


class Kernel:
    """Opens a netlink channel for each namespace once, and keeps it.

    Namespaces are given as ``places`` has them. ``owner`` is part of every mark: of two engines
    on one machine with different owners neither sees what the other has made. On an interface
    that several of them configure they need different ``protocol`` numbers besides: the kernel
    has room for no more on routes and addresses.
    """

    def __init__(
        self, owner: str = "kvs", folder: str = FOLDER, *, protocol: int = PROTOCOL
    ) -> None:
        self.owner = owner
        self.protocol = protocol
        self.namespaces = NamespaceFolder(folder, owner)
        # The namespaces that bore our mark when they were last looked for.
        self.marked: frozenset[str] = frozenset()
        # Where interfaces are, as last retrieved, made or deleted. The engine's metadata tells it
        # too, but of what is being retrieved only after all of it has been.
        self._seen = Seen()
        # The processes of containers, by label, as last told.
        self.microservices: dict[str, int] = {}
        # The references to allocated addresses that interfaces have, as last expected: after a
        # restart that remembers nothing, the names under which these addresses are found.
        self.references: dict[str, list[str]] = {}
        self._channels: dict[str, Channel] = {}
        self._courier = Courier()
        self._looked_up: set[str] = set()
        self._opening = asyncio.Lock()
        # Held by who has links deleted, which the kernel does one after the other.
        self.deleting = asyncio.Lock()
        self._follower: Follower | None = None

    def follow(self, follower: Follower) -> None:
        """Have a watch listen in every namespace that is opened from now on."""
        self._follower = follower
        self.namespaces.listens = True

    def look(self) -> None:
        """Have the watch, if there is one, look whether all places are what they were."""
        if self._follower is not None:
            self._follower.look()

    def told(self, place: str) -> None:
        """Tell the watch, if there is one, that what stands for a place has been read."""
        if self._follower is not None:
            self._follower.told(place)

    @property
    def seen(self) -> Seen:
        """Where interfaces are, by logical name."""
        return self._seen

    @seen.setter
    def seen(self, links: Mapping[str, Link]) -> None:
        self._seen = Seen(links)

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
        if self.identity(namespace) != found.identity:
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
            is_news = self._follower is not None and self._follower.missed(namespace)
            raise NamespaceGone(namespace, is_news=is_news) from None
        return await self.take(namespace, opened)

    def identity(self, place: str) -> tuple[int, int] | None:
        """Return device and inode of the namespace that a place is; None where there is none."""
        path = self._path(place)
        return netns.identity(path) if path else self.namespaces.identity(place)

    def open(self, place: str) -> int:
        """Return a descriptor of the namespace that a place is; OSError where there is none."""
        path = self._path(place)
        return self.namespaces.open_path(path) if path else self.namespaces.open(place)

    def process_of(self, place: str) -> int:
        """Return the process that a place goes by, 0 for none."""
        kind, text = places.split(place)
        if kind == NetNamespace.MICROSERVICE:
            return self.microservices.get(text, 0)
        if kind == NetNamespace.FD:
            found = PROCESS.fullmatch(text)
            return int(found[1]) if found else 0
        return int(text) if kind == NetNamespace.PID else 0

    def _enter(self, place: str) -> Opened:
        """Open a place: only in a thread of one's own."""
        if not place:
            return _enter_own(listens=self.namespaces.listens)
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
        if self._follower is not None and opened.ear_fd >= 0:
            self._follower.opened(namespace, made.identity, opened.ear_fd)
        return made

    def forget(self, namespace: str) -> None:
        """Let go of a namespace: what is under way ends, and the kernel may free it."""
        self._looked_up.discard(namespace)
        found = self._channels.pop(namespace, None)
        if found is not None:
            found.retire()
        if self._follower is not None:
            self._follower.closed(namespace)

    def close(self) -> None:
        """Close all channels; one that is asked for again is opened again."""
        for namespace in list(self._channels):
            self.forget(namespace)
        # What comes next may run on another event loop.
        self._opening = asyncio.Lock()
        self.deleting = asyncio.Lock()
        self.namespaces.close()


def _enter_own(*, listens: bool) -> Opened:
    # The namespace of the thread, not of the process: each thread has its own.
    netns_fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE)
    ear_fd = subscribe() if listens else -1
    return Opened(opened.detach(), netns_fd, is_ours=False, ear_fd=ear_fd)
