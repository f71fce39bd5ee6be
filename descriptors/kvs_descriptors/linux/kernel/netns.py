# SPDX-License-Identifier: Apache-2.0
"""The folder of named network namespaces, as `ip netns` has it: look up, make, mark, remove."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import pathlib
import socket
import stat
import threading
from collections.abc import Iterator

from kvscheduler import InvalidValue

from .. import names, syscalls
from ..netlink import channel, codec
from ..netlink.ear import subscribe

__all__ = ["FOLDER", "NamespaceFolder", "identity"]

FOLDER = "/var/run/netns"

NO_NAMESPACE = "not a network namespace"
IN_THE_WAY = "what is there is no network namespace: remove it"

NS_GET_NSTYPE = 0xB703
NETLINK_ROUTE = 0
LOOPBACK_INDEX = 1


class NamespaceFolder:
    """Names of network namespaces, kept beneath one folder.

    A namespace of ours is marked by an alternative name of its ``lo``: the mark is set before the
    namespace gets its name, so there is no moment at which one of ours is unmarked, and it cannot
    be left behind by a namespace that others replaced.
    """

    def __init__(self, folder: str, owner: str) -> None:
        self._folder = folder
        self._fd = -1
        self._covered: list[int] = []
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._is_prepared = False
        # Whether to subscribe to a namespace's notifications when it is entered.
        self.listens = False
        self.mark = f"{owner}.netns"

    def close(self) -> None:
        """Close the folder; it is opened again when needed."""
        with self._lock:
            opened, self._fd = [fd for fd in (self._fd, *self._covered) if fd >= 0], -1
            self._covered.clear()
        for fd in opened:
            os.close(fd)

    def names(self) -> list[str]:
        """Return the names in the folder that could be ours, sorted."""
        try:
            found = os.listdir(self._directory())  # noqa: PTH208 - pathlib takes no descriptor
        except FileNotFoundError:
            return []
        return sorted(name for name in found if _is_allowed(name))

    def identity(self, name: str) -> tuple[int, int] | None:
        """Return device and inode of the namespace with a name; None where there is none."""
        try:
            there = os.stat(name, dir_fd=self._directory(), follow_symlinks=False)
            if there.st_dev != _namespace_device() and self._was_covered():
                there = os.stat(name, dir_fd=self._directory(), follow_symlinks=False)
        except FileNotFoundError:
            return None
        # What a crash, or anyone, has left is a file on another device.
        return (there.st_dev, there.st_ino) if there.st_dev == _namespace_device() else None

    def open(self, name: str) -> int:
        """Return a descriptor of a namespace; FileNotFoundError where there is none."""
        names.check_namespace(name)
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            fd = os.open(name, flags, dir_fd=self._directory())
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            # Somebody's symbolic link: whatever is behind it, the name stands for nothing of ours.
            raise FileNotFoundError(errno.ENOENT, NO_NAMESPACE, name) from None
        if _is_namespace(fd):
            return fd
        os.close(fd)
        if self._was_covered():
            return self.open(name)
        raise FileNotFoundError(errno.ENOENT, NO_NAMESPACE, name)

    def enter(self, name: str) -> channel.Opened:
        """Open a namespace and look whether it is ours: only in a thread of one's own."""
        return self._entered(self.open(name))

    def enter_path(self, path: str) -> channel.Opened:
        """Open the namespace that a file anywhere stands for, likewise."""
        return self._entered(self.open_path(path))

    @staticmethod
    def open_path(path: str) -> int:
        """Return a descriptor of that namespace; FileNotFoundError where there is none."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        if _is_namespace(fd):
            return fd
        os.close(fd)
        raise FileNotFoundError(errno.ENOENT, NO_NAMESPACE, path)

    def _entered(self, netns_fd: int) -> channel.Opened:
        try:
            syscalls.enter(netns_fd)
            opened = _netlink_socket()
        except BaseException:
            os.close(netns_fd)
            raise
        return self._opened(opened, netns_fd, is_ours=self.is_marked_here())

    def _opened(self, opened: socket.socket, netns_fd: int, *, is_ours: bool) -> channel.Opened:
        ear_fd = subscribe() if self.listens else -1
        return channel.Opened(opened.detach(), netns_fd, is_ours, ear_fd)

    def is_marked_here(self) -> bool:
        """Tell whether the calling thread is in a namespace that bears our mark."""
        body = codec.link_body([codec.text(codec.IFLA_ALT_IFNAME, self.mark)])
        with _netlink_socket() as sock:
            try:
                channel.exchange_now(sock, channel.RTM_GETLINK, 0, body, "lo")
            except channel.Refused:
                return False
        return True

    def ours(self) -> frozenset[str]:
        """Return the names of all namespaces that bear our mark: only in a thread of one's own.

        Enters each namespace of the folder, some 50 us for each, and keeps none of them. Removes
        the files that interrupted calls have left.
        """
        found = self.names()
        for name in found:
            # Nothing stands for the file that a crash has left, so nobody else would remove it.
            if name not in self._busy:
                self.sweep(name)
        return frozenset(name for name in found if self._is_ours(name))

    def _is_ours(self, name: str) -> bool:
        # One that vanishes, or that we may not enter, is not reported: so it is not ours.
        with contextlib.suppress(OSError):
            netns_fd = self.open(name)
            try:
                syscalls.enter(netns_fd)
                return self.is_marked_here()
            finally:
                os.close(netns_fd)
        return False

    def make(self, name: str) -> channel.Opened:
        """Make and mark a namespace, or enter what is there: only in a thread of one's own.

        Nothing that a crash interrupts stays behind but a file that ``sweep`` knows for ours.
        """
        names.check_namespace(name)
        self._prepare()
        with self._at(name):
            try:
                return self.enter(name)
            except FileNotFoundError:
                self.sweep(name)
            return self._make(name)

    @contextlib.contextmanager
    def _at(self, name: str) -> Iterator[None]:
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)

    def _make(self, name: str) -> channel.Opened:
        syscalls.unshare_network()
        # Until it is mounted nothing but this thread keeps the namespace alive, mark and all.
        opened = _netlink_socket()
        netns_fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._mark(opened)
            self._publish(name)
        except BaseException:
            opened.close()
            os.close(netns_fd)
            raise
        return self._opened(opened, netns_fd, is_ours=True)

    def _mark(self, opened: socket.socket) -> None:
        alternative = codec.nested(
            codec.IFLA_PROP_LIST, codec.text(codec.IFLA_ALT_IFNAME, self.mark)
        )
        flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL | channel.NLM_F_APPEND
        body = codec.link_body([alternative], index=LOOPBACK_INDEX)
        channel.exchange_now(opened, channel.RTM_NEWLINKPROP, flags, body, "mark the namespace")
        # Whoever asks for a namespace expects to reach its own addresses, which takes lo.
        body = codec.link_body(index=LOOPBACK_INDEX, up=True)
        channel.exchange_now(opened, channel.RTM_NEWLINK, 0, body, "set lo up")

    def _publish(self, name: str) -> None:
        directory = self._directory()
        self._leave_file(name, directory)
        try:
            syscalls.bind_mount("/proc/thread-self/ns/net", self._path(name))
        except OSError:
            os.unlink(name, dir_fd=directory)
            raise

    def _leave_file(self, name: str, directory: int) -> None:
        # The mount covers what the file says, which is who made it. A crash before the mount, or
        # after the unmount, uncovers it. It appears whole or not at all: it is made nameless.
        fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o444, dir_fd=directory)
        try:
            os.write(fd, self.mark.encode())
            os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=directory, follow_symlinks=True)
        except FileExistsError:
            raise channel.Refused(errno.EEXIST, IN_THE_WAY, self._path(name)) from None
        finally:
            os.close(fd)

    def remove(self, name: str) -> None:
        """Take the name from a namespace; one that is gone is a success."""
        names.check_namespace(name)
        with self._at(name):
            with contextlib.suppress(FileNotFoundError):
                os.close(self.open(name))
                syscalls.unmount(self._path(name))
            # A crash here leaves the file.
            self.sweep(name)

    def sweep(self, name: str) -> None:
        """Remove the file that an interrupted make or remove has left; touch nothing else."""
        directory = self._directory()
        try:
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=directory)
        except OSError:
            return
        try:
            is_left = stat.S_ISREG(os.fstat(fd).st_mode) and not _is_namespace(fd)
            if is_left and os.read(fd, 256) == self.mark.encode():
                os.unlink(name, dir_fd=directory)
        finally:
            os.close(fd)

    def _prepare(self) -> None:
        """Make the folder a mount that is shared, as iproute2 does; then it can be either's."""
        with self._lock:
            if self._is_prepared:
                return
            pathlib.Path(self._folder).mkdir(mode=0o755, parents=True, exist_ok=True)
            path = os.path.realpath(self._folder)
            try:
                syscalls.make_shared(path)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                syscalls.bind_mount(path, path, recursive=True)
                syscalls.make_shared(path)
                # What was opened before is beneath the mount now; other threads may yet use it.
                self._covered.append(self._fd)
                self._fd = -1
            self._is_prepared = True
        self._was_covered()

    def _was_covered(self) -> bool:
        """Tell whether others have mounted over the folder since it was opened; it is anew then.

        iproute2 does, the first time that it makes a namespace on a machine.
        """
        with self._lock:
            if self._fd < 0:
                return False
            fd = self._open()
            if _mount_of(fd) == _mount_of(self._fd):
                os.close(fd)
                return False
            self._covered.append(self._fd)  # other threads may yet use it
            self._fd = fd
            return True

    def _path(self, name: str) -> str:
        return f"{os.path.realpath(self._folder)}/{name}"

    def _directory(self) -> int:
        with self._lock:
            if self._fd < 0:
                self._fd = self._open()
            return self._fd

    def _open(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(os.path.realpath(self._folder), flags)


def _mount_of(fd: int) -> str:
    """Return the number of the mount that a descriptor was opened on (proc(5), fdinfo)."""
    told = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii")
    return told.partition("mnt_id:")[2].split()[0]


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of the namespace that a file stands for, if it does."""
    try:
        there = pathlib.Path(path).stat()
    except OSError:
        return None
    return (there.st_dev, there.st_ino) if there.st_dev == _namespace_device() else None


def _is_allowed(name: str) -> bool:
    try:
        names.check_namespace(name)
    except InvalidValue:
        return False
    return True


@functools.cache
def _namespace_device() -> int:
    return pathlib.Path("/proc/self/ns/net").stat().st_dev


def _is_namespace(fd: int) -> bool:
    try:
        return fcntl.ioctl(fd, NS_GET_NSTYPE) == syscalls.CLONE_NEWNET
    except OSError:
        return False


def _netlink_socket() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
