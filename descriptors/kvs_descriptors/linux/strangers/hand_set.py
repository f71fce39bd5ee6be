# SPDX-License-Identifier: Apache-2.0
"""Whose MAC address somebody has set: only sysfs tells, and only of its own namespace."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib

from kvs_descriptors.linux import syscalls

__all__ = ["hand_set_macs"]

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
SYS = "/sys"
LINKS = pathlib.Path(SYS, "class", "net")
# linux/netdevice.h: NET_ADDR_SET
SET = "3"

_libc = ctypes.CDLL(None, use_errno=True)


def hand_set_macs(netns_fd: int, identity: tuple[int, int]) -> frozenset[str] | None:
    """Return the names of such links of a namespace, None where that cannot be told.

    Only in a thread of its own: that leaves the namespaces of all others.
    """
    here = pathlib.Path("/proc/thread-self/ns/net").stat()
    if (here.st_dev, here.st_ino) != identity:
        syscalls.enter(netns_fd)
    try:
        _own_sys()
        links = list(LINKS.iterdir())
    except OSError:
        return None
    found = set()
    for one in links:
        # A link may go while we look, and not every one has the file.
        with contextlib.suppress(OSError):
            if (one / "addr_assign_type").read_text(encoding="ascii").strip() == SET:
                found.add(one.name)
    return frozenset(found)


def _own_sys() -> None:
    """Mount a sysfs that shows this thread's network, for it alone to see."""
    _check(_libc.unshare(CLONE_NEWNS))
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    _check(_libc.mount(b"sysfs", SYS.encode(), b"sysfs", 0, None))


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), SYS)
