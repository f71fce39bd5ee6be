# SPDX-License-Identifier: Apache-2.0
"""Dumps: answers of many parts, which pyroute2's socket brings in."""

from __future__ import annotations

import asyncio
import errno
import functools
import itertools
import pathlib
import socket
from typing import Any

from pyroute2 import AsyncIPRoute

from kvscheduler import failpoints

from .. import syscalls
from . import message
from .message import NLM_F_DUMP, NLM_F_REQUEST, Answer, Refused

__all__ = ["Dumps"]

ATTEMPTS = 16
PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.25

Place = tuple[int, int]


class Dumps:
    """Asks for all objects of a kind, over a socket that is opened when it is first needed.

    ``identity`` is the namespace's device and inode.
    """

    def __init__(self, netns_fd: int, identity: Place) -> None:
        self._netns_fd = netns_fd
        self._identity = identity
        self._socket: Any = None
        # A socket answers one dump at a time, and refuses a second one meanwhile.
        self._dumping = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def dump(
        self, kind: int, body: bytes, what: str, tolerate: frozenset[int]
    ) -> list[bytes]:
        """Return all objects of a kind; asked again where a change tore the answer."""
        for attempt in range(ATTEMPTS):
            # The kernel itself changes things: for a second or two after links have come up it
            # gives each its IPv6 address.
            await asyncio.sleep(attempt and min(LONGEST_PAUSE_S, PAUSE_S * 2**attempt))
            async with self._dumping:
                answer = await self._ask(kind, body)
            if answer.error in tolerate:
                return []
            if answer.error:
                raise answer.refusal(what)
            if not answer.is_torn:
                return answer.bodies
        raise Refused(errno.EAGAIN, f"changed during each of {ATTEMPTS} dumps", what)

    async def _ask(self, kind: int, body: bytes) -> Answer:
        if self._socket is None:
            self._socket = await self._open()
        # pyroute2's socket and its queue of answers for each number, less its encoder, which would
        # take most of the time, and its decoder.
        number = next(self._numbers) & message.MAX_NUMBER
        answers, answer = self._socket.msg_queue, Answer()
        answers.ensure_tag(number)
        try:
            with failpoints.at("netlink.dump"):
                self._socket.send(message.pack(number, kind, NLM_F_REQUEST | NLM_F_DUMP, body))
            while not answer.is_complete:
                answer.take_all(await answers.get(number))
        finally:
            answers.free_tag(number)
        return answer

    async def _open(self) -> Any:
        there = functools.partial(_socket_in, self._netns_fd, self._identity)
        fd = await syscalls.in_own_thread(there)
        opened = AsyncIPRoute(fileno=fd, ext_ack=True, strict_check=True)
        await opened.setup_endpoint()
        return opened

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _socket_in(netns_fd: int, identity: Place) -> int:
    """Open a netlink socket in a namespace: only in a thread of one's own."""
    here = pathlib.Path("/proc/thread-self/ns/net").stat()
    # Where we are already, no privilege is needed to get there.
    if (here.st_dev, here.st_ino) != identity:
        syscalls.enter(netns_fd)
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
    return socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE).detach()
