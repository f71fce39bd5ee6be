# SPDX-License-Identifier: Apache-2.0
"""The embedded store: what each source holds, in SQLite, so that it outlives the agent."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from kvscheduler import SchedulerError, Unreadable
from kvscheduler.codec import JsonCodec, NotDecodable, NotEncodable

from .holdings import Proposal
from .sink import Item

__all__ = ["Store", "StoreError"]

logger = logging.getLogger(__name__)

VERSION: Final = 1
BUSY_S: Final = 5.0

_SCHEMA: Final = """
CREATE TABLE held (
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    item BLOB NOT NULL,
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
"""
_PUT: Final = "INSERT OR REPLACE INTO held VALUES (?, ?, ?)"
_REMOVE: Final = "DELETE FROM held WHERE source = ? AND key = ?"


class StoreError(SchedulerError):
    """The store cannot be used, or did not take a change; the message names the file."""


class Store:
    """What sources hold. Where there is no path it is kept in memory alone.

    ``write`` returns when the change is on the disk, if ``durable``: it then outlives a loss of
    power, else the death of the process. The file is its owner's alone.
    """

    def __init__(self, path: pathlib.Path | None) -> None:
        self._path = path
        self._codec = JsonCodec()
        self._is_durable: bool | None = None
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, isolation_level=None, timeout=BUSY_S
            )
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error
        with self._told():
            self._prepare()

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            self._database.close()
            raise StoreError(f"{self._path}: a newer agent has written it (version {version})")
        if not version:
            self._database.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
            )

    def load(self) -> dict[str, dict[str, Item]]:
        """Return what each source holds.

        A value that cannot be read is ``Unreadable``, and costs nothing but itself.
        """
        found: dict[str, dict[str, Item]] = {}
        with self._told():
            for source, key, data in self._database.execute("SELECT * FROM held"):
                found.setdefault(source, {})[key] = self._item(key, data)
        return found

    def write(self, proposal: Proposal, *, durable: bool) -> None:
        """Keep what a source holds now; all of it, or nothing and ``StoreError``."""
        source = proposal.source
        try:
            puts = [
                (source, key, self._codec.encode(item))
                for key, item in proposal.changes.items()
                if item is not None
            ]
        except NotEncodable as error:
            raise StoreError(str(error)) from error
        removes = [(source, key) for key, item in proposal.changes.items() if item is None]
        with self._told():
            self._settle_for(durable=durable)
            with self._transaction():
                self._database.executemany(_PUT, puts)
                self._database.executemany(_REMOVE, removes)

    def forget(self, sources: Iterable[str]) -> None:
        """Drop all that these sources hold."""
        with self._told(), self._transaction():
            rows = [(source,) for source in sources]
            self._database.executemany("DELETE FROM held WHERE source = ?", rows)

    def close(self) -> None:
        """Let go of the file; it holds all that was written."""
        self._database.close()

    def _settle_for(self, *, durable: bool) -> None:
        if durable is not self._is_durable:
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"{self._path or 'memory'}: the store cannot be used: {error}")

    def _item(self, key: str, data: bytes) -> Item:
        try:
            item = self._codec.decode(bytes(data))
        except NotDecodable as error:
            logger.warning("the store holds what cannot be read under %s: %s", key, error)
            return Item(Unreadable(f"the store holds what cannot be read: {error}"))
        return item if isinstance(item, Item) else Item(Unreadable("the store holds no item"))
