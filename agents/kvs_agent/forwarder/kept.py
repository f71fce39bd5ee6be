# SPDX-License-Identifier: Apache-2.0
"""Namespaces, kept by names of their own for as long as connections are in them.

A client names its namespace by one of its processes. Such a file goes with the process, and after
a restart of the client there is another one, for the same namespace. What stands in it must not
depend on either: so each namespace gets a name that is made of what the kernel knows it by, and
that keeps it alive, as ``ip netns`` does with its own.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

from kvs_descriptors.linux import syscalls
from kvs_descriptors.linux.kernel.kernel import PROCESS
from kvs_descriptors.linux.kernel.netns import NamespaceFolder, identity
from kvs_descriptors.nsm.errors import BadMechanism

from .finding import Inode, find

__all__ = ["Kept"]

logger = logging.getLogger(__name__)

_MODE: Final = 0o700


class Kept:
    """A folder of names; each goes when the last connection has left it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._users: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def path(self, name: str) -> str:
        """Return the file that stands for a namespace from now on."""
        return str(self.folder / name)

    async def enter(self, namespace: Path | Inode) -> str:
        """Keep the namespace that a file or a number stands for; return its name."""
        known = self._known(namespace)
        if known:
            self.again(known)
            return known
        return await syscalls.in_own_thread(lambda: self._enter(namespace))

    @contextlib.asynccontextmanager
    async def kept(self, namespace: Path | Inode) -> AsyncIterator[str]:
        """Keep a namespace meanwhile."""
        name = await self.enter(namespace)
        try:
            yield name
        finally:
            self.leave(name)

    def again(self, name: str) -> None:
        """Keep a namespace once more that is kept already, or was before a restart."""
        with self._lock:
            self._users[name] += 1

    def leave(self, name: str) -> None:
        """Let go of a namespace once."""
        with self._lock:
            self._users[name] -= 1
            if self._users[name] <= 0:
                del self._users[name]
                self._remove(name)

    async def begin(self, wanted: Iterable[tuple[str, Path | Inode]]) -> None:
        """Remove what nobody wants any more; name anew what has lost its name, and is there."""
        names = dict(wanted)
        await syscalls.in_own_thread(lambda: self._begin(names))

    def _known(self, namespace: Path | Inode) -> str:
        """Return its name if it is kept already, and that can be told at once."""
        if not isinstance(namespace, Inode):
            # Other files may be slow to look at.
            if PROCESS.fullmatch(str(namespace)) is None:
                return ""
            found = identity(str(namespace))
            if found is None:
                return ""
            namespace = Inode(*found)
        name = _written(namespace)
        return name if name in self._users and self._is_there(name) else ""

    def _begin(self, wanted: dict[str, Path | Inode]) -> None:
        self.folder.mkdir(mode=_MODE, parents=True, exist_ok=True)
        for there in self.folder.iterdir():
            if there.name not in wanted:
                self._remove(there.name)
        for name, namespace in wanted.items():
            if self._is_there(name):
                continue
            # The machine was started anew, say; then it most likely means another one.
            with contextlib.suppress(BadMechanism):
                if _name_of(_file(namespace)) == name:
                    self._enter(namespace)
                    with self._lock:
                        del self._users[name]

    def _enter(self, namespace: Path | Inode) -> str:
        name = _written(namespace) if isinstance(namespace, Inode) else ""
        with self._lock:
            if name and self._is_there(name):
                self._users[name] += 1
                return name
        file = _file(namespace)
        try:
            fd = NamespaceFolder.open_path(str(file))
        except (OSError, ValueError) as error:
            raise BadMechanism(f"{file} is no network namespace: {error}") from error
        try:
            there = os.fstat(fd)
            found = _written(Inode(there.st_dev, there.st_ino))
            if name not in {"", found}:
                raise BadMechanism(f"the network namespace {name} has just gone")
            with self._lock:
                if not self._is_there(found):
                    self._name(found, fd)
                self._users[found] += 1
        finally:
            os.close(fd)
        return found

    def _name(self, name: str, fd: int) -> None:
        target = self.folder / name
        target.touch(mode=0o400)
        try:
            # By descriptor: the file may have come to mean another one meanwhile.
            syscalls.bind_mount(f"/proc/self/fd/{fd}", str(target))
        except OSError as error:
            target.unlink(missing_ok=True)
            raise BadMechanism(f"the namespace cannot be kept: {error}") from error

    def _is_there(self, name: str) -> bool:
        return _name_of(self.folder / name) == name

    def _remove(self, name: str) -> None:
        target = self.folder / name
        with contextlib.suppress(OSError):
            syscalls.unmount(str(target))
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("forwarder: %s stays: %s", target, error)


def _name_of(file: Path) -> str:
    """Return the name for the namespace that a file stands for, "" where it stands for none."""
    found = identity(str(file))
    return _written(Inode(*found)) if found is not None else ""


def _written(inode: Inode) -> str:
    return f"{inode.device}-{inode.number}"


def _file(namespace: Path | Inode) -> Path:
    if not isinstance(namespace, Inode):
        return namespace
    found = find(namespace)
    if found is None:
        raise BadMechanism(f"there is no network namespace {_written(namespace)} to be seen here")
    return found
