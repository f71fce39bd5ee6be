# SPDX-License-Identifier: Apache-2.0
"""The file beside a journal that keeps a second engine out, and remembers how far it got."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pathlib
from typing import Final

from .errors import JournalError, JournalLocked

__all__ = ["LockFile"]

LINE_BYTES: Final = 200

_BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id")


class LockFile:
    """An exclusive lock on ``path``, whose one line holds the holder's pid and a mark.

    The mark is the number of the last commit, written after it. SQLite drops the tail of a
    damaged write-ahead log without a word; a journal that is behind its mark shows it. After
    a power cut that tail may be missing by right, so a mark counts only within one boot.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self._boot = _boot_id()

    def acquire(self) -> None:
        """Take the lock at once, or raise ``JournalLocked`` with the pid of the holder."""
        try:
            # Never removed again: whoever opened it before would lock a file that is gone.
            descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            message = f"journal lock {self._path} cannot be opened: {error.strerror}"
            raise JournalError(message) from error
        file = io.FileIO(descriptor, "r+")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = _parse(file.read(LINE_BYTES))[0]
            file.close()
            if not isinstance(error, BlockingIOError):
                message = f"journal lock {self._path} cannot be taken: {error.strerror}"
                raise JournalError(message) from error
            message = (
                f"journal lock {self._path} is held by another engine"
                f" (pid {pid or 'unknown'}); stop that one, or use another journal"
            )
            raise JournalLocked(message) from error
        self._file = file
        os.fchmod(descriptor, 0o600)
        self.mark(self.read_mark())

    def release(self) -> None:
        """Let the lock go; harmless where it is not held."""
        if self._file is not None:
            # Said outright: a forked child shares the lock and would keep it.
            with contextlib.suppress(OSError):
                fcntl.flock(self._file, fcntl.LOCK_UN)
            self._file.close()
            self._file = None

    def mark(self, number: int) -> None:
        """Remember the number of a commit that is done."""
        line = f"{os.getpid():10d} {number:20d} {self._boot or '-'}\n"
        # A mark that cannot be written only checks less: the commit itself is done.
        with contextlib.suppress(OSError):
            if self._file is not None:
                os.pwrite(self._file.fileno(), line.encode(), 0)

    def read_mark(self) -> int:
        """Return the number of the last commit marked since this boot, 0 where none was."""
        try:
            line = pathlib.Path(self._path).read_bytes()
        except OSError:
            return 0
        _, boot, number = _parse(line)
        return number if boot and boot == self._boot else 0


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def _parse(line: bytes) -> tuple[int, str, int]:
    """Read pid, boot and mark; a line that is not ours says nothing."""
    try:
        pid, number, boot = line.decode("ascii").split()
        return int(pid), "" if boot == "-" else boot, int(number)
    except ValueError:
        return 0, "", 0
