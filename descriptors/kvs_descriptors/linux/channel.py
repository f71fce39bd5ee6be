# SPDX-License-Identifier: Apache-2.0
"""One network namespace's netlink socket: requests under way together, each with its answer."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import itertools
import os
import socket
import struct
from typing import Any

from pyroute2 import AsyncIPRoute

from . import codec

__all__ = ["Channel", "Opened", "Refused", "exchange_now"]

NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP_INTR = 1, 2, 4, 8, 16
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINKPROP = 16, 17, 18, 108
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

HEADER = struct.Struct("=IHHII")
ERROR = struct.Struct("=i")

# So many answers fit into the receive buffer that a kernel grants without privileges (212,992
# bytes): an answer that does not fit is lost, and who waits for it would wait for ever.
MAX_UNDER_WAY = 64
MAX_NUMBER = 0xFFFFFFFF
LARGEST_BYTES = 65536
DUMP_ATTEMPTS = 16
PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.25


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A netlink socket in a namespace, and what stands for the namespace, as descriptors.

    ``is_ours`` says that the namespace bears our mark.
    """

    fd: int
    netns_fd: int
    is_ours: bool


class Refused(OSError):
    """The kernel said no: ``errno`` says why, the text also what it was about."""

    # Keeps OSError from turning an instance into FileExistsError and the like.
    def __init__(self, code: int, reason: str, what: str) -> None:
        super().__init__(code, reason)
        self.what = what

    def __str__(self) -> str:
        name = errno.errorcode.get(self.errno or 0, str(self.errno))
        return f"{self.what}: {self.strerror} ({name})"


class _Answer:
    """Collects the parts of one answer, which may come in several datagrams."""

    __slots__ = ("bodies", "error", "is_complete", "is_torn", "reason")

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.error = 0
        self.reason = ""
        self.is_complete = False
        self.is_torn = False

    def take(self, data: bytes) -> None:
        """Take in one datagram."""
        offset = 0
        while offset + HEADER.size <= len(data):
            length, kind, flags, _, _ = HEADER.unpack_from(data, offset)
            body = data[offset + HEADER.size : offset + length]
            self.is_torn = self.is_torn or bool(flags & NLM_F_DUMP_INTR)
            if kind in {NLMSG_ERROR, NLMSG_DONE}:
                self._end(body, flags, kind)
                return
            self.bodies.append(body)
            offset += max(HEADER.size, (length + 3) & ~3)

    def _end(self, body: bytes, flags: int, kind: int) -> None:
        self.is_complete = True
        self.error = -ERROR.unpack_from(body)[0] if len(body) >= ERROR.size else 0
        if not self.error or not flags & NLM_F_ACK_TLVS:
            return
        start = ERROR.size
        if kind == NLMSG_ERROR:
            # The request stands between the code and the words, whole or only its header.
            length = HEADER.unpack_from(body, start)[0]
            start += HEADER.size if flags & NLM_F_CAPPED else (length + 3) & ~3
        words = codec.decode_attributes(body, start).get(NLMSGERR_ATTR_MSG, b"")
        self.reason = words.rstrip(b"\0").decode(errors="replace")

    def refusal(self, what: str) -> Refused:
        """Return the error that the kernel has answered with."""
        return Refused(self.error, self.reason or os.strerror(self.error), what)


class Channel:
    """A netlink socket in one namespace, opened once and kept.

    ``identity`` is the namespace's device and inode: a name may come to stand for another one.
    ``netns_fd`` stands for the namespace in messages that move a link there.
    """

    def __init__(self, opened: Opened, name: str) -> None:
        there = os.fstat(opened.netns_fd)
        self.identity = (there.st_dev, there.st_ino)
        self.netns_fd = opened.netns_fd
        self.is_ours = opened.is_ours
        self.name = name
        self.is_broken = False
        # Held by who looks for what earlier processes have left here.
        self.sweeping = asyncio.Lock()
        self._room = asyncio.Semaphore(MAX_UNDER_WAY)
        # A socket answers one dump at a time, and refuses a second one meanwhile.
        self._dumping = asyncio.Lock()
        self._under_way = 0
        self._is_retired = False
        self._socket: Any = AsyncIPRoute(fileno=opened.fd, ext_ack=True, strict_check=True)
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Begin to read; once, before anything is asked."""
        await self._socket.setup_endpoint()

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
        answer = await self._exchange(kind, flags | NLM_F_REQUEST | NLM_F_ACK, body)
        if not answer.error:
            return answer.bodies
        if answer.error in tolerate:
            return None
        raise answer.refusal(what)

    async def dump(
        self, kind: int, body: bytes, what: str, *, tolerate: frozenset[int] = frozenset()
    ) -> list[bytes]:
        """Return all objects of a kind; asked again where a change tore the answer."""
        for attempt in range(DUMP_ATTEMPTS):
            # The kernel itself changes things: for a second or two after links have come up it
            # gives each its IPv6 address.
            await asyncio.sleep(attempt and min(LONGEST_PAUSE_S, PAUSE_S * 2**attempt))
            async with self._dumping:
                answer = await self._exchange(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
            if answer.error in tolerate:
                return []
            if answer.error:
                raise answer.refusal(what)
            if not answer.is_torn:
                return answer.bodies
        raise Refused(errno.EAGAIN, f"changed during each of {DUMP_ATTEMPTS} dumps", what)

    async def _exchange(self, kind: int, flags: int, body: bytes) -> _Answer:
        self._under_way += 1
        try:
            async with self._room:
                return await self._converse(kind, flags, body)
        except Exception:
            # What the kernel refuses does not come this way: the socket itself is in trouble.
            self.is_broken = True
            raise
        finally:
            self._under_way -= 1
            self._close_if_done()

    async def _converse(self, kind: int, flags: int, body: bytes) -> _Answer:
        # pyroute2's socket and its queue of answers for each number, less its encoder, which would
        # take most of the time, and its decoder.
        number = next(self._numbers) & MAX_NUMBER
        answers, answer = self._socket.msg_queue, _Answer()
        answers.ensure_tag(number)
        try:
            length = HEADER.size + len(body)
            self._socket.send(HEADER.pack(length, kind, flags, number, 0) + body)
            while not answer.is_complete:
                answer.take(await answers.get(number))
        finally:
            answers.free_tag(number)
        return answer

    def retire(self) -> None:
        """Close the socket once what is under way has its answers; that frees its namespace."""
        self._is_retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if not self._is_retired or self._under_way or self.netns_fd < 0:
            return
        self._socket.close()
        os.close(self.netns_fd)
        self.netns_fd = -1


def exchange_now(sock: socket.socket, kind: int, flags: int, body: bytes, what: str) -> None:
    """Send one request and wait for its answer: only in a thread of one's own."""
    flags |= NLM_F_REQUEST | NLM_F_ACK
    sock.send(HEADER.pack(HEADER.size + len(body), kind, flags, 1, 0) + body)
    answer = _Answer()
    while not answer.is_complete:
        answer.take(sock.recv(LARGEST_BYTES))
    if answer.error:
        raise answer.refusal(what)
