# SPDX-License-Identifier: Apache-2.0
"""What a journal file looks like inside: its tables, its checksums and its older versions."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Final

from .journal_batch import ADOPTED, DOUBTFUL, State

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "TABLES",
    "VERSION",
    "Damage",
    "check_tables",
    "create",
    "link",
    "row_digest_1",
]

APPLICATION_ID: Final = 0x6B76736A  # "kvsj", so that no other program's database is touched
VERSION: Final = 2
DIGEST_BYTES: Final = 16
NO_LINK: Final = bytes(DIGEST_BYTES)

TABLES: Final = {
    # One row for each batch: a row for each key took three times as long to write.
    "batch": "CREATE TABLE batch (number INTEGER PRIMARY KEY, body TEXT NOT NULL, digest BLOB)",
    "seal": "CREATE TABLE seal (first INTEGER, last INTEGER, digest BLOB)",
}

TABLES_1: Final = {
    "made": (
        "CREATE TABLE made (key TEXT PRIMARY KEY, value BLOB NOT NULL, metadata BLOB,"
        " adopted INTEGER NOT NULL, doubtful INTEGER NOT NULL, digest BLOB NOT NULL)"
        " WITHOUT ROWID"
    ),
    "wanted": (
        "CREATE TABLE wanted (key TEXT PRIMARY KEY, value BLOB NOT NULL,"
        " digest BLOB NOT NULL) WITHOUT ROWID"
    ),
}


class Damage(Exception):
    """The content contradicts itself; becomes a ``JournalError`` with the file's name in it."""


def link(before: bytes, number: int, body: str) -> bytes:
    """Return the checksum of a batch and, through that of the one before, of all before it."""
    head = before + number.to_bytes(8, "big", signed=True)
    return hashlib.blake2b(head + body.encode(), digest_size=DIGEST_BYTES).digest()


def create(connection: sqlite3.Connection, state: State) -> None:
    """Make the tables of the current version, holding a state, within a transaction."""
    for statement in TABLES.values():
        connection.execute(statement)
    body = state.snapshot().text()
    digest = link(NO_LINK, 0, body)
    connection.execute("INSERT INTO batch VALUES (0, ?, ?)", (body, digest))
    connection.execute("INSERT INTO seal VALUES (0, 0, ?)", (digest,))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def check_tables(connection: sqlite3.Connection, tables: dict[str, str] = TABLES) -> None:
    """Raise ``Damage`` unless these tables and nothing else, no trigger say, are there."""
    found = dict(connection.execute("SELECT name, sql FROM sqlite_schema"))
    if found != tables:
        differing = sorted(
            str(name) for name in found | tables if found.get(name) != tables.get(name)
        )
        message = f"its schema is not that of its version: {', '.join(differing)}"
        raise Damage(message)


def row_digest_1(table: str, key: str, cells: tuple[object, ...]) -> bytes:
    """Return the checksum of a row of version 1."""
    text = ascii((table, key, cells)).encode("ascii")
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()


def _rows_1(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, Any]]:
    for key, *rest, digest in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our names
        cells = tuple(rest)
        if row_digest_1(table, key, cells) != digest:
            message = f"the row of {key!r} in {table} does not match its checksum"
            raise Damage(message)
        yield key, cells


def _rows_to_batches(connection: sqlite3.Connection) -> None:
    """From 1 to 2: batches for rows; values keep their retry policy, a seal tells of losses."""
    check_tables(connection, TABLES_1)
    state = State()
    for key, (value,) in _rows_1(connection, "wanted"):
        state.wanted[key] = (value.decode("latin-1"), None, None)
    for key, (value, metadata, adopted, doubtful) in _rows_1(connection, "made"):
        flags = (ADOPTED if adopted else 0) | (DOUBTFUL if doubtful else 0)
        known = None if metadata is None else metadata.decode("latin-1")
        state.made[key] = (value.decode("latin-1"), known, flags)
    connection.execute("DROP TABLE wanted")
    connection.execute("DROP TABLE made")
    create(connection, state)


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_rows_to_batches,)
"""Each takes a file from version (its position + 1) to the next, within a transaction."""
