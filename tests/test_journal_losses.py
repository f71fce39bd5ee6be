# SPDX-License-Identifier: Apache-2.0
"""What is said when part of a journal is missing, damaged, or out of reach, in full."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Wanted
from kvscheduler.journal_schema import link

ADVICE = (
    ". Nothing in it was used. Restore a copy or move it away to start without one;"
    " either way remove its -wal and .lock as well"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed journal with two batches after the first, empty one."""
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    journal.begin({"b": Wanted(value=2)}, {})
    journal.close()
    return journal.path


def refusal(path: Path) -> str:
    """Return what is said of a file that is refused, between its name and the advice."""
    with pytest.raises(JournalError) as refused:
        Journal(path).open()
    said, begin = str(refused.value), f"journal {path} is refused: "
    assert said.startswith(begin)
    assert said.endswith(ADVICE)
    return said.removeprefix(begin).removesuffix(ADVICE)


def change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


def test_a_file_that_is_gone_is_missed(path: Path) -> None:
    path.unlink()

    assert refusal(path) == "it is gone, after 2 batches"


def test_a_file_that_has_become_empty_is_missed(path: Path) -> None:
    path.write_bytes(b"")

    assert refusal(path) == "it is empty, after 2 batches"


def test_a_file_that_is_gone_is_missed_by_its_log_alone(tmp_path: Path, path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({"c": Wanted(value=3)}, {})
    other = tmp_path / "other"
    shutil.copy(f"{path}-wal", f"{other}-wal")
    journal.close()

    assert refusal(other) == "it is gone, after some batches"


def test_batches_after_the_last_one_that_is_there_are_counted(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal._lock.mark(9)
    journal.close()

    assert refusal(path) == "the last 7 of 9 batches are missing"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE seal SET last = 7", "UPDATE seal SET first = 1", "DELETE FROM seal",
     "DELETE FROM batch", "DELETE FROM batch WHERE number = 2"],
)  # fmt: skip
def test_a_seal_that_does_not_fit_is_named(path: Path, statement: str) -> None:
    change(path, statement)

    assert refusal(path) == "batches are missing, or its seal is damaged"


def test_a_batch_that_another_program_wrote_makes_no_sense(path: Path) -> None:
    before = sqlite3.connect(path)
    (digest,) = before.execute("SELECT digest FROM batch WHERE number = 2").fetchone()
    before.close()
    body = '{"made":{},"wanted":{}}'

    digest = link(digest, 3, body)
    change(path, "INSERT INTO batch VALUES (3, ?, ?)", body, digest)
    change(path, "UPDATE seal SET last = 3, digest = ?", digest)

    assert refusal(path) == "batch 3 makes no sense: KeyError: 'intents'"


def test_damaged_pages_are_named(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[39] += 1  # how many pages are free
    path.write_bytes(content)

    said = refusal(path)

    assert said.startswith("its pages are damaged (")
    assert said.endswith(")")
    assert "reelist" in said


def test_a_file_that_was_replaced_while_in_use_is_written_to_no_more(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)

    with pytest.raises(JournalError) as refused:
        journal.begin({"c": Wanted(value=3)}, {})

    assert str(refused.value) == (
        f"journal {path} was removed or replaced while in use;"
        " nothing more is written. Put it back and start again"
    )
    journal.close()


def test_a_file_that_another_program_holds_is_not_called_damaged(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    assert journal._store is not None
    journal._store._connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(JournalError) as refused:
        journal.begin({"c": Wanted(value=3)}, {})
    other.close()
    journal.begin({"d": Wanted(value=4)}, {})
    journal.close()

    assert str(refused.value) == (
        f"journal {path} cannot be read or written: database is locked."
        " What it holds is intact; what was to be written is not in it yet"
    )
    assert set(Journal(path).peek().wanted) == {"a", "b", "d"}
