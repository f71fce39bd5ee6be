# SPDX-License-Identifier: Apache-2.0
"""The SQLite file of a journal: checked when opened, and written in all-or-nothing batches."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from . import failpoints
from .errors import JournalError
from .journal_batch import Batch, State
from .journal_schema import (
    APPLICATION_ID,
    MIGRATIONS,
    NO_LINK,
    VERSION,
    Damage,
    check_tables,
    create,
    link,
)

__all__ = ["Store"]

BUSY_TIMEOUT_S: Final = 2.0
SLACK_BYTES: Final = 4 << 20
WAL_KEPT_BYTES: Final = 4 << 20
FILE_MODE: Final = 0o600
MODE_OF_OTHERS: Final = 0o077

# What a batch that makes no sense may raise while it is brought in.
_NONSENSE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
# What SQLite says of the machine rather than of the file's content.
_NOT_DAMAGE: Final = ("FULL", "READONLY", "IOERR", "BUSY", "LOCKED", "CANTOPEN", "PERM", "NOMEM")


class Store:
    """One open journal file. Writes are atomic; what is read has passed its checksums."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._digest = NO_LINK
        self._snapshot_bytes = 0
        self._later_bytes = 0
        self._is_unsure = False
        self._place = _place(path)
        self.number = 0

    @classmethod
    def open(cls, path: str, *, mark: int, power_safe: bool) -> tuple[Store, State]:
        """Open or create the file, bring it to the current version, and load it."""
        with _explained(path), contextlib.ExitStack() as undo:
            _check_presence(path, mark)
            # Made here since SQLite would go by the umask; its other files take the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            connection = _connect(path)
            undo.callback(connection.close)
            blank = _is_blank(connection)
            # Only now that the file is known to be ours: this writes to it.
            _hide(path)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                message = "its file system lacks what write-ahead logging needs"
                raise Damage(message)
            connection.execute(f"PRAGMA synchronous = {'FULL' if power_safe else 'NORMAL'}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
            _bring_up(connection, blank=blank)
            store = cls(path, connection)
            state = store.load(mark)
            with _transaction(connection):
                # What cannot be written shall fail now, not with the first change.
                connection.execute("UPDATE seal SET last = last")
            undo.pop_all()
            return store, state

    @classmethod
    def peek(cls, path: str, *, mark: int) -> State:
        """Return the content, without a lock and without a change to it.

        Even a connection that only reads leaves the files of a log behind. So where there is no
        log, the file is read as one that nobody writes to; if somebody did meanwhile, what was
        read, or found wrong with it, does not count.
        """
        with _explained(path):
            before = _at_rest(path)
            if before is not None:
                seen: State | Exception
                try:
                    seen = cls._read(path, mark, "mode=ro&immutable=1")
                except (Damage, sqlite3.Error, UnicodeError, MemoryError) as error:
                    seen = error
                if _at_rest(path) == before:
                    if isinstance(seen, State):
                        return seen
                    raise seen
            return cls._read(path, mark, "mode=ro")

    @classmethod
    def _read(cls, path: str, mark: int, how: str) -> State:
        uri = f"{pathlib.Path(path).as_uri()}?{how}"
        with contextlib.closing(_connect(uri)) as connection:
            connection.execute("BEGIN")  # one snapshot, whatever an engine writes meanwhile
            if _is_blank(connection):
                return State()
            if (version := _version(connection)) < VERSION:
                message = f"it is of version {version}; start an engine on it to bring it up"
                raise Damage(message)
            return cls(path, connection).load(mark)

    def write(self, batch: Batch) -> None:
        """Add a batch as a whole or not at all; on return it outlives the process."""
        connection = self._connection
        self._check_place()
        if self._is_unsure:
            with _explained(self._path):
                self.load(self.number)
        body = batch.text()
        number = self.number + 1
        digest = link(self._digest, number, body)
        # An interrupt, or an error of the disk, may come when the commit is done already.
        self._is_unsure = True
        with _explained(self._path), _transaction(connection):
            connection.execute("INSERT INTO batch VALUES (?, ?, ?)", (number, body, digest))
            connection.execute("UPDATE seal SET last = ?, digest = ?", (number, digest))
        self.number, self._digest, self._is_unsure = number, digest, False
        self._later_bytes += len(body)

    def _check_place(self) -> None:
        """Refuse to write to a file that nobody will find: SQLite would not notice."""
        if _place(self._path) != self._place:
            message = f"journal {self._path} was removed or replaced while in use"
            raise JournalError(f"{message}; nothing more is written. Put it back and start again")

    def compact(self) -> None:
        """Put one snapshot in the place of all batches, where they have outgrown it.

        Costs as much as was written since the last time, so a constant part of each write.
        """
        if self._later_bytes <= 2 * self._snapshot_bytes + SLACK_BYTES:
            return
        connection = self._connection
        try:
            with _explained(self._path), _transaction(connection):
                body = self.load(self.number).snapshot().text()
                self._is_unsure = True
                number = self.number + 1
                digest = link(NO_LINK, number, body)
                connection.execute("DELETE FROM batch")
                connection.execute("INSERT INTO batch VALUES (?, ?, ?)", (number, body, digest))
                connection.execute(
                    "UPDATE seal SET first = ?, last = ?, digest = ?", (number, number, digest)
                )
        finally:
            # After a failure too: the next attempt waits until as much again has been written.
            self._later_bytes = 0
        self.number, self._digest, self._snapshot_bytes = number, digest, len(body)
        self._is_unsure = False

    def close(self) -> None:
        """Close the file; harmless where it is closed."""
        with _explained(self._path):
            self._connection.close()

    def load(self, mark: int) -> State:
        """Return the content, once it has passed every check there is."""
        connection = self._connection
        _check_pages(connection)
        check_tables(connection)
        state = State()
        numbers: list[int] = []
        sizes: list[int] = []
        digest = NO_LINK
        rows = connection.execute("SELECT number, body, digest FROM batch ORDER BY number")
        for number, body, stored in rows:
            # Before anything is parsed: SQLite may return any type from a damaged row.
            digest = link(digest, number, body) if type(body) is str else NO_LINK
            if digest != stored:
                message = f"batch {number} does not match its checksum, or one before is missing"
                raise Damage(message)
            try:
                state.apply(body)
            except _NONSENSE as error:
                # Its checksum is right, so another program, or a later version, wrote it so.
                message = f"batch {number} makes no sense: {type(error).__name__}: {error}"
                raise Damage(message) from error
            numbers.append(number)
            sizes.append(len(body))
        seals = connection.execute("SELECT first, last, digest FROM seal").fetchall()
        if not numbers or seals != [(numbers[0], numbers[-1], digest)]:
            message = "batches are missing, or its seal is damaged"
            raise Damage(message)
        if numbers[-1] < mark:
            message = f"the last {mark - numbers[-1]} of {mark} batches are missing"
            raise Damage(message)
        self.number, self._digest = numbers[-1], digest
        self._snapshot_bytes, self._later_bytes = sizes[0], sum(sizes[1:])
        self._is_unsure = False
        return state


@contextlib.contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn what SQLite and the system say into errors that name the file and the way out."""
    try:
        yield
    except OSError as error:
        raise JournalError(f"journal {path} cannot be used: {error.strerror}") from error
    except MemoryError as error:
        # SQLite says so of a damaged row that claims to be of any size, too.
        message = (
            f"journal {path} is refused: it asks for more memory than there is. Nothing in it was"
            " used. If the machine has memory to spare, it is damaged: restore a copy or move it"
            " away, with its -wal and .lock"
        )
        raise JournalError(message) from error
    except (Damage, sqlite3.Error, UnicodeError) as error:
        # UnicodeError: SQLite quotes the damaged schema, and Python cannot read it.
        if _is_damage(error):
            message = (
                f"journal {path} is refused: {error}. Nothing in it was used. Restore a copy or"
                " move it away to start without one; either way remove its -wal and .lock as well"
            )
        else:
            message = (
                f"journal {path} cannot be read or written: {_said(error)}."
                " What it holds is intact; what was to be written is not in it yet"
            )
        raise JournalError(message) from error


def _said(error: Exception) -> str:
    """Return what SQLite said; of a "disk I/O error" the kind as well, since it has thirty."""
    name = getattr(error, "sqlite_errorname", "")
    return f"{error} ({name})" if name.startswith("SQLITE_IOERR") else str(error)


def _is_damage(error: Exception) -> bool:
    name = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
    return not (name.startswith(_NOT_DAMAGE) or isinstance(error, sqlite3.ProgrammingError))


def _check_presence(path: str, mark: int) -> None:
    """Refuse a file that is gone or empty but was not: SQLite would begin a new one."""
    size = _size(path)
    if not size and (mark or _size(f"{path}-wal")):
        state = "gone" if size is None else "empty"
        message = f"it is {state}, after {mark or 'some'} batches"
        raise Damage(message)


def _hide(path: str) -> None:
    for name in (path, f"{path}-wal", f"{path}-shm"):
        with contextlib.suppress(FileNotFoundError):
            if pathlib.Path(name).stat().st_mode & MODE_OF_OTHERS:
                pathlib.Path(name).chmod(FILE_MODE)


def _connect(name: str) -> sqlite3.Connection:
    # A name that is no URI is a plain path to SQLite, but "file:..." as a path would not be.
    connection = sqlite3.connect(
        name, timeout=BUSY_TIMEOUT_S, isolation_level=None, uri=name.startswith("file:///")
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Tell a fresh file from a journal, and refuse any other."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application == APPLICATION_ID:
        return False
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application or objects or _version(connection):
        message = "it is no journal, or its header is damaged"
        raise Damage(message)
    return True


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _bring_up(connection: sqlite3.Connection, *, blank: bool) -> None:
    if blank:
        with _transaction(connection):
            create(connection, State())
        return
    version = _version(connection)
    if not 1 <= version <= VERSION:
        message = f"it is of version {version}, and this program knows 1 to {VERSION}"
        raise Damage(message)
    for step in range(version, VERSION):
        with _transaction(connection):
            _check_pages(connection)
            MIGRATIONS[step - 1](connection)
            connection.execute(f"PRAGMA user_version = {step + 1}")


def _check_pages(connection: sqlite3.Connection) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        message = f"its pages are damaged ({'; '.join(map(str, found))})"
        raise Damage(message)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        with failpoints.at("journal.write"):
            connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, and then refuses to do it again.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _place(path: str) -> tuple[int, int] | None:
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _at_rest(path: str) -> tuple[int, ...] | None:
    """Return what changes with each write to a file that has no log, None where it has one."""
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return None
    if _size(f"{path}-wal") or _size(f"{path}-journal"):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _size(path: str) -> int | None:
    try:
        return pathlib.Path(path).stat().st_size
    except FileNotFoundError:
        return None
