# SPDX-License-Identifier: Apache-2.0
"""How a journal uses SQLite and the file system: what it asks for, and what it refuses to use."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kvscheduler.codec import NotDecodable, NotEncodable
from kvscheduler.errors import JournalError, describe
from kvscheduler.journal import Journal, Wanted
from kvscheduler.journal_batch import Batch
from kvscheduler.journal_schema import APPLICATION_ID
from kvscheduler.journal_store import _at_rest


def refusal(path: Path) -> str:
    """Return what is said of a file that is refused, less the advice."""
    with pytest.raises(JournalError) as refused:
        Journal(path).open()
    said, _, _ = str(refused.value).partition(". Nothing in it was used. ")
    return said.removeprefix(f"journal {path} is refused: ")


def test_sqlite_is_asked_to_check_much_wait_little_and_keep_its_log_small(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.open()
    assert journal._store is not None
    connection = journal._store._connection

    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in (
            "trusted_schema", "cell_size_check", "busy_timeout", "journal_size_limit",
            "synchronous", "journal_mode",
        )
    }  # fmt: skip
    journal.close()

    assert found == {
        "trusted_schema": 0,
        "cell_size_check": 1,
        "busy_timeout": 2000,
        "journal_size_limit": 4 << 20,
        "synchronous": 1,
        "journal_mode": "wal",
    }


def test_folders_are_made_down_to_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "one" / "two" / "journal")

    journal.open()
    journal.close()

    assert journal.path.exists()
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "script",
    ["PRAGMA application_id = 7", "PRAGMA user_version = 1", "CREATE TABLE batch (a)"],
)
def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path, script: str) -> None:
    path = tmp_path / "journal"
    connection = sqlite3.connect(path)
    connection.execute(script)
    connection.close()
    before = path.read_bytes()

    assert refusal(path) == "it is no journal, or its header is damaged"
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 3, 99])
def test_a_version_that_this_program_does_not_know_is_refused(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "journal"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()

    assert refusal(path) == f"it is of version {version}, and this program knows 1 to 2"


@pytest.mark.parametrize("log", ["-wal", "-journal"])
def test_a_file_with_a_log_of_either_kind_may_still_change(tmp_path: Path, log: str) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"content")
    assert _at_rest(str(path)) is not None

    path.with_name(f"journal{log}").write_bytes(b"more")

    assert _at_rest(str(path)) is None


def test_a_journal_is_opened_once_and_closed_before_it_is_used_no_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")

    with pytest.raises(JournalError) as closed:
        journal.begin({}, {"a": 1})
    journal.open()
    with pytest.raises(JournalError) as opened:
        journal.open()
    journal.close()

    assert str(closed.value) == f"journal {journal.path} is not open"
    assert str(opened.value) == f"journal {journal.path} is open already"


class Strange:
    """A codec that cannot do the one thing, and does the other wrongly."""

    def encode(self, value: object) -> bytes:
        if value == "odd":
            raise ArithmeticError("odd")
        return "text"  # type: ignore[return-value]  # what it must not return

    def decode(self, data: bytes) -> object:
        raise ArithmeticError("never")


def test_what_a_codec_cannot_do_is_said_with_the_key(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", codec=Strange())
    journal.open()

    with pytest.raises(NotEncodable) as refused:
        journal.begin({"a": Wanted(value="odd")}, {})
    with pytest.raises(NotEncodable) as wrong:
        journal.begin({"a": Wanted(value="even")}, {})
    assert journal._store is not None
    journal._store.write(Batch(wanted={"a": ("1", None, None)}))
    journal.close()
    with pytest.raises(NotDecodable) as unread:
        journal.open()

    end = describe(ArithmeticError("odd"))
    assert str(refused.value) == f"journal {journal.path} cannot store the value of 'a': {end}"
    assert str(wrong.value) == f"the codec of journal {journal.path} returned no bytes for a"
    end = describe(ArithmeticError("never"))
    assert str(unread.value) == f"journal {journal.path} cannot read the value of a: {end}"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "folder" / "journal"

    with pytest.raises(JournalError) as refused:
        Journal(path).open()

    assert str(refused.value) == f"journal directory {path.parent} cannot be made: Not a directory"
