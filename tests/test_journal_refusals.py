# SPDX-License-Identifier: Apache-2.0
"""What a refused journal says of itself, and that files of version 1 are looked at closely."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Wanted
from kvscheduler.journal_schema import row_digest_1

SCRIPT = Path(__file__).with_name("journal_version_1.sql").read_text("utf-8")


def change(path: Path, *scripts: str) -> None:
    connection = sqlite3.connect(path)
    for script in scripts:
        connection.executescript(script)
    connection.close()


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute(question).fetchall()
    connection.close()
    return found


def refusal(path: Path) -> str:
    """Return what is said of a journal that is refused, less the advice."""
    with pytest.raises(JournalError) as refused:
        Journal(path).open()
    said, _, advice = str(refused.value).partition(". Nothing in it was used. ")
    assert advice
    return said.removeprefix(f"journal {path} is refused: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal with two batches after the first, empty one."""
    journal = Journal(tmp_path / "journal")
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {"a": 1})
    journal.begin({"b": Wanted(value=2)}, {"b": 2})
    journal.close()
    (tmp_path / "journal.lock").unlink()
    return journal.path


def test_what_is_strange_in_a_file_is_named_in_the_order_of_names(path: Path) -> None:
    change(
        path,
        "CREATE TABLE zoo (a); CREATE TABLE ant (a); ALTER TABLE seal ADD COLUMN more;"
        "CREATE TRIGGER bee AFTER INSERT ON batch BEGIN DELETE FROM seal; END",
    )

    assert refusal(path) == "its schema is not that of its version: ant, bee, seal, zoo"


def test_a_batch_with_a_number_below_zero_is_refused(path: Path) -> None:
    change(path, "UPDATE batch SET number = -1 WHERE number = 0")

    assert refusal(path) == "batch -1 does not match its checksum, or one before is missing"


def test_an_older_file_with_something_strange_in_it_is_refused_and_left_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    change(path, SCRIPT, "CREATE TABLE zoo (a)")

    assert refusal(path) == "its schema is not that of its version: zoo"
    assert ask(path, "PRAGMA user_version") == [(1,)]


def test_a_damaged_row_of_an_older_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    change(path, SCRIPT, "UPDATE made SET adopted = 0 WHERE adopted")

    said = "the row of 'linux/interface/eth0' in made does not match its checksum"
    assert refusal(path) == said


@pytest.mark.parametrize(("adopted", "doubtful"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_what_an_older_file_says_of_a_value_is_taken_over_as_it_is(
    tmp_path: Path, adopted: int, doubtful: int
) -> None:
    path = tmp_path / "journal"
    cells = (b"5", None, adopted, doubtful)
    change(path, SCRIPT, "DELETE FROM made")
    connection = sqlite3.connect(path)
    row = ("k", *cells, row_digest_1("made", "k", cells))
    connection.execute("INSERT INTO made VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    journal = Journal(path)

    made = journal.open().made
    journal.close()

    assert made == {"k": Made(value=5, adopted=bool(adopted), doubtful=bool(doubtful))}
