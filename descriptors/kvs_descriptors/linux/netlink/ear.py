# SPDX-License-Identifier: Apache-2.0
"""A socket on which the kernel tells of what changes in one network namespace."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable

__all__ = ["Ear", "subscribe"]

logger = logging.getLogger(__name__)

# Links, addresses and routes of both versions, neighbours, settings (RTNLGRP_* of rtnetlink.h).
GROUPS = (1, 3, 5, 7, 9, 11, 24)

# What does not fit is lost, and said to be. A notification of a link takes some 4,000 bytes of it.
BUFFER_BYTES = 4 << 20
SO_RCVBUFFORCE = 33
LARGEST_BYTES = 65536
# So many in one turn of the event loop, so that others have theirs.
MAX_DATAGRAMS = 256


def subscribe() -> int:
    """Return a socket that is told of the calling thread's namespace, from now on."""
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    opened = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        # Beyond the system's limit takes a privilege; up to it none.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        with contextlib.suppress(PermissionError):
            opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        opened.bind((0, sum(1 << (group - 1) for group in GROUPS)))
    except BaseException:
        opened.close()
        raise
    return opened.detach()


class Ear:
    """Reads such a socket, in the event loop, until it is closed."""

    def __init__(
        self, fd: int, on_data: Callable[[bytes], None], on_loss: Callable[[], None]
    ) -> None:
        self._socket = socket.socket(fileno=fd)
        self._on_data = on_data
        self._on_loss = on_loss
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._read)

    def _read(self) -> None:
        for _ in range(MAX_DATAGRAMS):
            try:
                data, (sender, _) = self._socket.recvfrom(LARGEST_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                # Comes once for all that is lost; what is in the buffer is still to be had.
                if error.errno != errno.ENOBUFS:
                    self._fail(error)
                    return
                self._on_loss()
            else:
                # Any process can send us something; only the kernel's number is 0.
                if not sender:
                    self._on_data(data)

    def _fail(self, error: OSError) -> None:
        # Not read again, or the loop would do nothing else.
        logger.error("notifications of the kernel are read no more: %s", error)
        self._loop.remove_reader(self._socket.fileno())
        self._on_loss()

    def close(self) -> None:
        """Hear no more."""
        if not self._loop.is_closed():
            self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
