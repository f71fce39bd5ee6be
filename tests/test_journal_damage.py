# SPDX-License-Identifier: Apache-2.0
"""A damaged journal is refused, or it loads exactly what was stored: never anything else."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Records, Wanted
from kvscheduler.journal_batch import State
from kvscheduler.journal_schema import create

HEADER_BYTES = 100
pytestmark = pytest.mark.timeout(600)  # thousands of files, on a machine that may be busy

FILES = ("journal", "journal-wal", "journal.lock")


def fill(journal: Journal) -> Records:
    """Store a few batches and return what they lead to."""
    journal.open()
    journal.begin({"a": Wanted(value="one"), "b": Wanted(value=[2])}, {"a": "one", "b": [2]})
    journal.record("a", Made(value="one", metadata=1))
    journal.record("b", None)
    journal.flush()
    journal.begin({"b": None, "c": Wanted(value=None)}, {"a": "uno"})
    journal.record("c", Made(value=None, adopted=True))
    journal.flush()
    return journal.peek()


def small(folder: Path) -> Path:
    """Make an empty journal with the smallest pages, so that each byte can be tried."""
    path = folder / "journal"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size = 512")
        create(connection, State())
    connection.close()
    return path


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Records]:
    """Return the files of a journal that was closed, and what it holds."""
    path = small(tmp_path_factory.mktemp("closed"))
    journal = Journal(path)
    records = fill(journal)
    journal.close()
    return read(path), records


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Records]:
    """Return the files of a journal whose process was killed, and what it holds."""
    path = small(tmp_path_factory.mktemp("killed"))
    journal = Journal(path)
    records = fill(journal)
    files = read(path)
    journal.close()
    return files, records


def read(path: Path) -> dict[str, bytes]:
    files = {name: path.with_name(name) for name in FILES}
    return {name: file.read_bytes() for name, file in files.items() if file.exists()}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Return a folder in memory, where there is one: thousands of files are written to it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def load(place: Path, files: dict[str, bytes]) -> Records | None:
    """Return what a journal of these files holds, None where it is refused."""
    for name in (*FILES, "journal-shm"):
        place.joinpath(name).unlink(missing_ok=True)
    for name, content in files.items():
        place.joinpath(name).write_bytes(content)
    journal = Journal(place / "journal")
    try:
        records = journal.open()
    except JournalError:
        return None
    with contextlib.closing(journal):
        # What loads must go on working too.
        journal.begin({}, {"later": 1})
    assert journal.peek().made == {**records.made, "later": Made(value=1, doubtful=True)}
    return records


def flipped(content: bytes, position: int, mask: int) -> bytes:
    return content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :]


@pytest.mark.parametrize("name", ["journal", "journal-wal"])
def test_each_flipped_byte_is_refused_or_harmless(
    place: Path, killed: tuple[dict[str, bytes], Records], name: str
) -> None:
    files, records = killed
    refused = 0

    for position in range(len(files[name])):
        mask = 1 << position % 8
        found = load(place, files | {name: flipped(files[name], position, mask)})
        assert found is None or found == records, (position, mask)
        refused += found is None

    assert refused


@pytest.mark.parametrize("name", ["journal", "journal-wal"])
def test_each_truncation_is_refused_or_harmless(
    place: Path, killed: tuple[dict[str, bytes], Records], name: str
) -> None:
    files, records = killed

    for size in range(len(files[name])):
        found = load(place, files | {name: files[name][:size]})
        assert found is None or found == records, size


def test_each_flip_and_truncation_of_a_closed_journal_is_refused_or_harmless(
    place: Path, closed: tuple[dict[str, bytes], Records]
) -> None:
    files, records = closed
    content = files["journal"]

    for position in range(len(content)):
        mask = 0x80 >> position % 8
        damaged = flipped(content, position, mask)
        assert load(place, files | {"journal": damaged}) in (None, records), (position, mask)
        assert load(place, files | {"journal": content[:position]}) in (None, records), position


@settings(deadline=None)
@given(data=st.data())
def test_any_change_of_the_header_is_refused_or_harmless(
    place: Path, closed: tuple[dict[str, bytes], Records], data: st.DataObject
) -> None:
    files, records = closed
    position = data.draw(st.integers(0, HEADER_BYTES - 1))
    mask = data.draw(st.integers(1, 255))

    damaged = flipped(files["journal"], position, mask)

    assert load(place, files | {"journal": damaged}) in (None, records)


@pytest.mark.parametrize("name", FILES)
def test_a_lost_file_is_refused_or_harmless(
    place: Path, killed: tuple[dict[str, bytes], Records], name: str
) -> None:
    files, records = killed

    found = load(place, {other: content for other, content in files.items() if other != name})

    assert found == (records if name == "journal.lock" else None)


def test_an_older_copy_is_refused_until_the_mark_is_removed_with_it(
    place: Path, closed: tuple[dict[str, bytes], Records], killed: tuple[dict[str, bytes], Records]
) -> None:
    older = {"journal": killed[0]["journal"]}  # without its log: nothing but the first batch
    lock = {"journal.lock": closed[0]["journal.lock"]}

    assert load(place, older | lock) is None
    assert load(place, older) == Records({}, {})


def test_after_another_boot_a_shorter_log_is_no_damage(
    place: Path, killed: tuple[dict[str, bytes], Records]
) -> None:
    files, _ = killed
    lock = f"{1:10d} {4:20d} 00000000-0000-0000-0000-000000000000\n".encode()
    shorter = files["journal-wal"][: len(files["journal-wal"]) // 2]

    found = load(place, files | {"journal.lock": lock, "journal-wal": shorter})

    assert found is not None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM batch WHERE number = 0",
        "DELETE FROM batch WHERE number = 2",
        "DELETE FROM batch WHERE number = 4",
        "DELETE FROM batch",
        "DELETE FROM seal",
        "INSERT INTO seal SELECT * FROM seal",
        "UPDATE batch SET body = body || ' ' WHERE number = 1",
        "UPDATE batch SET body = CAST(body AS BLOB) WHERE number = 1",
        "UPDATE batch SET digest = NULL WHERE number = 1",
        "UPDATE batch SET number = 9 WHERE number = 4",
        "UPDATE seal SET first = 1",
        "CREATE TRIGGER t AFTER INSERT ON batch BEGIN DELETE FROM batch; END",
        "CREATE TABLE stranger (x)",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 3",
        "PRAGMA application_id = 0",
        "PRAGMA application_id = 7",
    ],
)
def test_a_row_lost_or_changed_by_hand_is_refused(
    place: Path, closed: tuple[dict[str, bytes], Records], statement: str
) -> None:
    load(place, closed[0])
    place.joinpath("journal").write_bytes(closed[0]["journal"])
    with contextlib.closing(sqlite3.connect(place / "journal")) as connection, connection:
        connection.execute(statement)

    with pytest.raises(JournalError, match=r"journal is refused: .*Restore a copy or move it"):
        Journal(place / "journal").open()


def test_what_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"not a database, but longer than a header of one hundred bytes" * 9)
    database = tmp_path / "database"
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = [(file.read_bytes(), file.stat().st_mode) for file in (text, database)]

    for file in (text, database, tmp_path / "missing"):
        with pytest.raises(JournalError):
            Journal(file).peek()
    for file in (text, database):
        with pytest.raises(JournalError, match=str(file)):
            Journal(file).open()

    assert [(file.read_bytes(), file.stat().st_mode) for file in (text, database)] == before
