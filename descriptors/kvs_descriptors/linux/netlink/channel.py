# SPDX-License-Identifier: Apache-2.0
"""One network namespace's netlink sockets: requests under way together, each with its answer."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import socket

from kvscheduler import failpoints

from . import message
from .batch import Requests
from .courier import Courier
from .dumps import Dumps
from .message import NLM_F_ACK, NLM_F_REQUEST, Answer, Refused

__all__ = ["Channel", "Opened", "Refused", "exchange_now"]

NLM_F_ECHO = 8
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINKPROP = 16, 17, 18, 108
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A netlink socket in a namespace, and what stands for the namespace, as descriptors.

    ``is_ours`` says that the namespace bears our mark. ``ear_fd`` is a socket that is told of
    what happens there, -1 where nobody asked for one.
    """

    fd: int
    netns_fd: int
    is_ours: bool
    ear_fd: int = -1


class Channel:
    """The way into one namespace, opened once and kept: a socket for requests, one for dumps.

    ``identity`` is the namespace's device and inode: a name may come to stand for another one.
    ``netns_fd`` stands for the namespace in messages that move a link there.
    """

    def __init__(self, opened: Opened, name: str, courier: Courier) -> None:
        there = os.fstat(opened.netns_fd)
        self.identity = (there.st_dev, there.st_ino)
        self.netns_fd = opened.netns_fd
        self.is_ours = opened.is_ours
        self.name = name
        # Held by who looks for what earlier processes have left here.
        self.sweeping = asyncio.Lock()
        self._under_way = 0
        self._is_retired = False
        self._is_dumping_broken = False
        self._requests = Requests(opened.fd, courier, self._close_if_done)
        self._dumps = Dumps(opened.netns_fd, self.identity)

    @property
    def is_broken(self) -> bool:
        """Whether a socket is in trouble; what the kernel refuses is no trouble."""
        return self._requests.is_broken or self._is_dumping_broken

    async def call(
        self,
        kind: int,
        flags: int,
        body: bytes,
        what: str,
        *,
        tolerate: frozenset[int] = frozenset(),
    ) -> list[bytes] | None:
        """Send one request and return its answer's bodies; None for a tolerated refusal."""
        self._check_open()
        answer = await self._requests.ask(kind, flags, body)
        if not answer.error:
            return answer.bodies
        if answer.error in tolerate:
            return None
        raise answer.refusal(what)

    async def dump(
        self, kind: int, body: bytes, what: str, *, tolerate: frozenset[int] = frozenset()
    ) -> list[bytes]:
        """Return all objects of a kind, none for a tolerated refusal."""
        self._check_open()
        self._under_way += 1
        try:
            return await self._dumps.dump(kind, body, what, tolerate)
        except Refused:
            raise
        except Exception:
            self._is_dumping_broken = True
            raise
        finally:
            self._under_way -= 1
            self._close_if_done()

    def _check_open(self) -> None:
        # Who still holds a channel that nobody will open again must not wait for ever.
        if self.netns_fd < 0:
            raise OSError(errno.EBADF, "the way into the namespace is closed", self.name)

    def retire(self) -> None:
        """Close the sockets once what is under way has its answers; that frees the namespace."""
        self._is_retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        is_done = self._is_retired and not self._under_way and self._requests.is_idle
        if not is_done or self.netns_fd < 0:
            return
        self._requests.close()
        self._dumps.close()
        os.close(self.netns_fd)
        self.netns_fd = -1


def exchange_now(sock: socket.socket, kind: int, flags: int, body: bytes, what: str) -> None:
    """Send one request and wait for its answer: only in a thread of one's own."""
    with failpoints.at("netlink.send"):
        sock.send(message.pack(1, kind, flags | NLM_F_REQUEST | NLM_F_ACK, body))
    answer = Answer()
    while not answer.is_complete:
        answer.take_all(sock.recv(message.LARGEST_BYTES))
    if answer.error:
        raise answer.refusal(what)
