# SPDX-License-Identifier: Apache-2.0
"""What was done, kept beside the journal for people: finished transactions, in SQLite."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kvscheduler import SchedulerError
from kvscheduler.errors import describe
from kvscheduler.jsonable import Json, jsonable

if TYPE_CHECKING:
    from kvscheduler import Executed, TransactionResult

__all__ = ["Past", "PastError", "Step", "Transaction", "told_of"]

VERSION = 1
# The oldest go when there are more.
KEPT = 1000
_NO_END = 2**63 - 1

_SCHEMA = """
CREATE TABLE transactions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    started REAL NOT NULL,
    duration_s REAL NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    reverted INTEGER NOT NULL,
    errors TEXT NOT NULL
) STRICT;
CREATE TABLE steps (
    number INTEGER NOT NULL REFERENCES transactions ON DELETE CASCADE,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    reason TEXT NOT NULL,
    error TEXT NOT NULL,
    recreate INTEGER NOT NULL,
    reverts INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_by_key ON steps (key);
CREATE INDEX steps_by_number ON steps (number);
"""


class PastError(SchedulerError):
    """The history cannot be read, or be added to."""


@dataclasses.dataclass(frozen=True, slots=True)
class Transaction:
    """A finished transaction; ``started`` in seconds of the epoch, ``errors`` by key."""

    number: int
    started: float
    duration_s: float
    kind: str
    description: str
    reverted: bool
    errors: dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One operation of a transaction; the values are as ``jsonable`` shows them.

    ``reverts``: it undid another one.
    """

    number: int
    key: str
    kind: str
    old: Json
    new: Json
    reason: str
    error: str
    recreate: bool
    reverts: bool

    @property
    def fault(self) -> str:
        """The error, less what was tried and on which key."""
        return self.error.removeprefix(f"{self.kind} {self.key}: ").removeprefix(f"{self.key}: ")


class Past:
    """The finished transactions of one state file; kept apart from the journal.

    Losing the last one to a crash costs nothing else, so no write is waited for. No secret gets
    into it.
    """

    def __init__(self, state: pathlib.Path) -> None:
        self.path = state.with_name(f"{state.name}.history")

    def add(self, *results: TransactionResult) -> None:
        """Add transactions that did something, or failed to; forget those too long ago."""
        told = [one for one in results if one.operations or one.errors]
        if not told:
            return
        with self._opened() as database, database:
            number = 0
            for result in told:
                number = _insert(database, result)
            database.execute("DELETE FROM transactions WHERE number <= ?", (number - KEPT,))

    def transactions(self, most: int, before: int = 0) -> list[Transaction]:
        """Return the newest transactions before a number, oldest of these first; 0: of all."""
        query = "SELECT * FROM transactions WHERE number < ? ORDER BY number DESC LIMIT ?"
        rows = self._read(query, before or _NO_END, most)
        return [_transaction(row) for row in reversed(rows)]

    def transaction(self, number: int) -> Transaction | None:
        """Return one transaction."""
        rows = self._read("SELECT * FROM transactions WHERE number = ?", number)
        return _transaction(rows[0]) if rows else None

    def steps(self, number: int) -> list[Step]:
        """Return the operations of a transaction, in the order of completion."""
        rows = self._read("SELECT * FROM steps WHERE number = ? ORDER BY rowid", number)
        return [_step(row) for row in rows]

    def of_key(self, key: str) -> list[Step]:
        """Return what was done to a key, oldest first."""
        rows = self._read("SELECT * FROM steps WHERE key = ? ORDER BY rowid", key)
        return [_step(row) for row in rows]

    def keys(self) -> list[str]:
        """Return all keys to which something was done."""
        return [row[0] for row in self._read("SELECT DISTINCT key FROM steps ORDER BY key")]

    def _read(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with self._opened() as database:
            return database.execute(query, parameters).fetchall()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file, made for its owner alone where it is not there."""
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with contextlib.closing(sqlite3.connect(self.path)) as database:
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA synchronous = OFF")
                self._prepare(database)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise PastError(f"{self.path}: the history cannot be used: {error}") from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version:
            raise PastError(f"{self.path}: a newer kvsctl has written it (version {version})")
        database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def told_of(number: int, result: TransactionResult) -> tuple[Transaction, list[Step]]:
    """Return what would be read of a transaction, were it written under a number."""
    errors = {key: describe(error) for key, error in result.errors.items()}
    told = (result.started, result.duration_s, result.kind, result.description)
    steps = [_step((*_row(number, one),)) for one in result.operations]
    return Transaction(number, *told, result.reverted, errors), steps


def _insert(database: sqlite3.Connection, result: TransactionResult) -> int:
    errors = {key: describe(error) for key, error in result.errors.items()}
    row = (result.started, result.duration_s, result.kind, result.description)
    number = database.execute(
        "INSERT INTO transactions VALUES (NULL, ?, ?, ?, ?, ?, ?)",
        (*row, result.reverted, json.dumps(errors)),
    ).lastrowid
    database.executemany(
        "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_row(number, one) for one in result.operations),
    )
    return number or 0


def _row(number: int | None, one: Executed) -> Sequence[object]:
    operation = one.operation
    error = describe(one.error) if one.error is not None else ""
    old, new = (json.dumps(jsonable(value)) for value in (operation.old, operation.new))
    kind, reason = operation.kind, operation.reason
    return (number, operation.key, kind, old, new, reason, error, operation.recreate, one.revert)


def _transaction(row: tuple[Any, ...]) -> Transaction:
    number, started, duration_s, kind, description, reverted, errors = row
    told = json.loads(errors)
    return Transaction(number, started, duration_s, kind, description, bool(reverted), told)


def _step(row: tuple[Any, ...]) -> Step:
    number, key, kind, old, new, reason, error, recreate, reverts = row
    values = json.loads(old), json.loads(new)
    return Step(number, key, kind, *values, reason, error, bool(recreate), bool(reverts))
