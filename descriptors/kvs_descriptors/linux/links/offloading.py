# SPDX-License-Identifier: Apache-2.0
"""Who computes checksums: asked and told by ioctls, in a thread in the link's namespace.

Netlink's ethtool family would take another socket for each namespace, and answers for one link
with several hundred bits; these calls take 2 us each.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import functools
import os
import pathlib
import socket
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import syscalls
from ..netlink.channel import Refused

if TYPE_CHECKING:
    from ..netlink.channel import Channel

__all__ = ["Checksums", "choose", "look"]

Checksums = tuple[bool, bool]

# linux/sockios.h, linux/ethtool.h
SIOCETHTOOL = 0x8946
GET_RX, SET_RX, GET_TX, SET_TX = 0x14, 0x15, 0x16, 0x17
# A name of 16 bytes, a pointer, and room to the end of a struct ifreq.
IFREQ = struct.Struct("@16sP16x")

GONE = frozenset({errno.ENODEV})
CANNOT = frozenset({errno.ENODEV, errno.EOPNOTSUPP})


class _Choice(ctypes.Structure):
    _fields_ = (("command", ctypes.c_uint32), ("data", ctypes.c_uint32))


async def look(within: Channel, names: Iterable[str]) -> dict[str, Checksums]:
    """Return who sums, of what comes in and what goes out, by the names of links."""
    there = functools.partial(_look, within.netns_fd, within.identity, list(names))
    return await syscalls.in_own_thread(there)


async def choose(within: Channel, name: str, rx: bool, tx: bool) -> None:  # noqa: FBT001 - a pair
    """Leave checksums to the hardware or not; a link that is gone is a success."""
    there = functools.partial(_choose, within.netns_fd, within.identity, name, (rx, tx))
    await syscalls.in_own_thread(there)


def _enter(netns_fd: int, identity: tuple[int, int]) -> socket.socket:
    here = pathlib.Path("/proc/thread-self/ns/net").stat()
    # Where we are already, no privilege is needed to get there.
    if (here.st_dev, here.st_ino) != identity:
        syscalls.enter(netns_fd)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _look(netns_fd: int, identity: tuple[int, int], names: list[str]) -> dict[str, Checksums]:
    found = {}
    with _enter(netns_fd, identity) as sock:
        for name in names:
            try:
                found[name] = (bool(_ask(sock, name, GET_RX)), bool(_ask(sock, name, GET_TX)))
            except OSError as error:
                if error.errno not in CANNOT:
                    raise
    return found


def _choose(netns_fd: int, identity: tuple[int, int], name: str, wanted: Checksums) -> None:
    with _enter(netns_fd, identity) as sock:
        for command, is_on in zip((SET_RX, SET_TX), wanted, strict=True):
            try:
                _ask(sock, name, command, int(is_on))
            except OSError as error:
                if error.errno in GONE:
                    return
                code = error.errno or errno.EIO
                raise Refused(code, os.strerror(code), f"checksums of {name}") from None


def _ask(sock: socket.socket, name: str, command: int, data: int = 0) -> int:
    choice = _Choice(command, data)
    fcntl.ioctl(sock, SIOCETHTOOL, IFREQ.pack(name.encode(), ctypes.addressof(choice)))
    return int(choice.data)
