# SPDX-License-Identifier: Apache-2.0
"""Programs of the host, run in a network namespace; what they read and write is in memory."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO

from kvscheduler import failpoints

from .. import syscalls

__all__ = ["Finished", "run"]

MAX_OUTPUT_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """What a program has left: its exit status, and what it has said on either channel."""

    status: int
    output: str
    errors: str


async def run(command: Sequence[str], netns_fd: int, given: str = "") -> Finished:
    """Run a program in a namespace and wait for it; when cancelled it is killed, and gone.

    It keeps ``netns_fd`` open until it ends, even if it outlives this process: so does a lock.
    """
    with _memory(given) as reads, _memory() as writes, _memory() as complains:
        async with _child(command, netns_fd, (reads, writes, complains)) as child:
            status = await _exit_of(child)
        return Finished(status, _said(writes), _said(complains))


@contextlib.contextmanager
def _memory(text: str = "") -> Iterator[IO[bytes]]:
    with os.fdopen(os.memfd_create("kvs", os.MFD_CLOEXEC), "w+b", buffering=0) as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _said(file: IO[bytes]) -> str:
    file.seek(0)
    data = file.read(MAX_OUTPUT_BYTES + 1)
    if len(data) > MAX_OUTPUT_BYTES:
        raise OSError(f"a program has said more than {MAX_OUTPUT_BYTES} bytes")
    return data.decode(errors="replace")


@contextlib.asynccontextmanager
async def _child(
    command: Sequence[str], netns_fd: int, channels: Sequence[IO[bytes]]
) -> AsyncIterator[subprocess.Popen[bytes]]:
    # Kept where the thread puts it: a cancelled wait for the thread would lose what it returns.
    started: list[subprocess.Popen[bytes]] = []
    start = functools.partial(_start, command, netns_fd, channels, started)
    try:
        await syscalls.in_own_thread(start)
        yield started[0]
    finally:
        for child in started:
            if child.returncode is None:
                child.kill()
                await syscalls.in_own_thread(child.wait)


def _start(
    command: Sequence[str],
    netns_fd: int,
    channels: Sequence[IO[bytes]],
    started: list[subprocess.Popen[bytes]],
) -> None:
    # A child is born into the namespace of the thread that starts it.
    syscalls.enter(netns_fd)
    reads, writes, complains = channels
    with failpoints.at("iptables.start"):
        child = subprocess.Popen(  # noqa: S603 - the host's iptables, by its path, without a shell
            command,
            stdin=reads,
            stdout=writes,
            stderr=complains,
            pass_fds=(netns_fd,),
            env={**os.environ, "LC_ALL": "C"},
            # A terminal's Ctrl-C is for us: we see to it that what has begun is finished.
            start_new_session=True,
        )
        started.append(child)


async def _exit_of(child: subprocess.Popen[bytes]) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    fd = os.pidfd_open(child.pid)
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
    return child.wait()
