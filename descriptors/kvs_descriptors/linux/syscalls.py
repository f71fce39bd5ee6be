# SPDX-License-Identifier: Apache-2.0
"""System calls that Python 3.11 has no names for, and threads that may safely make them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["bind_mount", "enter", "in_own_thread", "make_shared", "unmount", "unshare_network"]

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 0x1000, 0x4000, 0x100000, 2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, path: str | None = None) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def enter(fd: int) -> None:
    """Move the calling thread, and only it, into a network namespace: for ``in_own_thread``."""
    _check(_libc.setns(fd, CLONE_NEWNET))


def unshare_network() -> None:
    """Move the calling thread into a network namespace of its own: for ``in_own_thread``."""
    _check(_libc.unshare(CLONE_NEWNET))


def bind_mount(source: str, target: str, *, recursive: bool = False) -> None:
    """Make what is at source appear at target too."""
    flags = MS_BIND | (MS_REC if recursive else 0)
    _check(_libc.mount(source.encode(), target.encode(), b"none", flags, None), target)


def make_shared(folder: str) -> None:
    """Let mounts below a folder appear in other mount namespaces, as iproute2 has it."""
    _check(_libc.mount(b"", folder.encode(), b"none", MS_SHARED | MS_REC, None), folder)


def unmount(target: str) -> None:
    """Take away the uppermost mount at target, at once, whoever still uses it."""
    _check(_libc.umount2(target.encode(), MNT_DETACH), target)


async def in_own_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread that ends with it, and wait.

    A thread that has entered another namespace must never serve anyone else: the pools that
    asyncio keeps would hand it to the next one who asks. When the waiting is cancelled the call
    still runs to its end, and is waited for: its effect must not come after its answer.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type]  # None only where T allows it

    def run() -> None:
        try:
            value, error = call(), None
        except BaseException as caught:  # noqa: BLE001 - raised again where it is awaited
            value, error = None, caught
        loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, name="kvs-netns", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await _ended(done)
        raise


async def _ended(done: asyncio.Future[T]) -> None:
    """Wait until a call has ended, cancelled once more or not."""
    while not done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([done])
    if not done.cancelled():
        done.exception()  # seen: nobody else will look
