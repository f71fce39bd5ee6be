# SPDX-License-Identifier: Apache-2.0
"""What a journal says when the machine, or its file, lets it down; and the marks it leaves."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from kvscheduler import journal_store
from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Wanted
from kvscheduler.journal_lock import LockFile

INTACT = "What it holds is intact; what was to be written is not in it yet"


def said(error: BaseException) -> str:
    """Return what is said of an error."""
    with pytest.raises(JournalError) as told, journal_store._explained("/j"):
        raise error
    assert told.value.__cause__ is error
    return str(told.value)


def sqlite_error(name: str, text: str = "so it is") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    "name", ["FULL", "READONLY", "BUSY", "LOCKED", "CANTOPEN", "PERM", "NOMEM", "BUSY_SNAPSHOT"]
)
def test_what_is_wrong_with_the_machine_leaves_the_journal_intact(name: str) -> None:
    told = said(sqlite_error(f"SQLITE_{name}"))

    assert told == f"journal /j cannot be read or written: so it is. {INTACT}"


def test_an_error_of_the_disk_is_told_with_its_kind() -> None:
    told = said(sqlite_error("SQLITE_IOERR_FSYNC", "disk I/O error"))

    assert told == (
        f"journal /j cannot be read or written: disk I/O error (SQLITE_IOERR_FSYNC). {INTACT}"
    )


@pytest.mark.parametrize("name", ["SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR"])
def test_what_is_wrong_with_the_file_has_it_refused(name: str) -> None:
    assert said(sqlite_error(name)) == (
        "journal /j is refused: so it is. Nothing in it was used. Restore a copy or"
        " move it away to start without one; either way remove its -wal and .lock as well"
    )


def test_an_error_without_a_name_is_one_of_the_file_a_wrong_call_is_not() -> None:
    assert said(sqlite3.DatabaseError("what?")).startswith("journal /j is refused: what?. ")
    assert said(sqlite3.ProgrammingError("closed")).endswith(f": closed. {INTACT}")


def test_a_row_of_any_size_and_a_lack_of_memory_look_alike() -> None:
    assert said(MemoryError()) == (
        "journal /j is refused: it asks for more memory than there is. Nothing in it was"
        " used. If the machine has memory to spare, it is damaged: restore a copy or move it"
        " away, with its -wal and .lock"
    )


def test_an_error_of_the_system_is_told_in_its_own_words() -> None:
    assert said(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == (
        "journal /j cannot be used: No space left on device"
    )


@pytest.mark.parametrize("slack", [0, journal_store.SLACK_BYTES], ids=["compacted", "whole"])
def test_the_mark_rises_with_each_step_however_it_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slack: int
) -> None:
    monkeypatch.setattr(journal_store, "SLACK_BYTES", slack)
    journal = Journal(tmp_path / "journal")
    journal.open()
    marks = []
    for number in range(8):
        journal.begin({"a": Wanted(value=number)}, {"a": number})
        marks.append(LockFile(f"{journal.path}.lock").read_mark())
        journal.record("a", Made(value=number))
        journal.flush()
        marks.append(LockFile(f"{journal.path}.lock").read_mark())
    journal.close()

    assert marks == sorted(set(marks))
    again = Journal(journal.path)
    assert again.open().made == {"a": Made(value=7)}
    again.close()
