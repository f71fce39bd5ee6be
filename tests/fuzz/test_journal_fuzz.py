# SPDX-License-Identifier: Apache-2.0
"""Journals of random content, damaged, mixed and forged: what loads was once stored, as a whole.

tests/test_journal_damage.py tries each byte of one journal; here it is many journals, many changes
at once, and files of several moments put together.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvscheduler import RetryPolicy
from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Made, Records, Wanted
from kvscheduler.journal_batch import Batch, State
from kvscheduler.journal_schema import create, link
from tests.fuzz.rounds import PATIENCE_S, mutated, rounds

pytestmark = pytest.mark.timeout(PATIENCE_S)

Files = dict[str, bytes]
NAMES = ("journal", "journal-wal", "journal.lock")
KEYS = ("a", "b/ä", "c\0", "linux/interface/tap0", "x" * 300, "1", "\U0010ffff")
DAMAGES = 12
JSON = tuple(
    piece.encode()
    for piece in (
        *("null", "[]", "{}", '"a"', "1", "-1", "1e999", '{"a":1}', ",", ":", "true", "NaN"),
        *('["1",null]', "[null,null,0]", '["1",null,4]', '["1",null,"x"]', '"\\ud800"'),
    )
)

BODY = Batch(
    made={"a": ("1", None, 0), "b": None},
    wanted={
        "a": ("1", dataclasses.asdict(RetryPolicy()), None),
        "c": ('{"bytes":""}', None, None),
    },
    intents={"a": None, "d": "[1]"},
    rejected={"z": ("2", None, None), "y": ("2", None, "a")},
).text()


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """The files of a journal as a kill at one moment would leave them, and what they hold."""

    files: Files
    records: Records


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Return a folder in memory, where there is one: thousands of files are written to it."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


def lived(place: Path, draw: random.Random) -> list[Moment]:
    """Return the moments of a random life, the empty beginning first."""
    clear(place)
    path = place / "journal"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA page_size = {draw.choice((512, 4096))}")
        create(connection, State())
    journal = Journal(path)
    journal.open()
    moments = [moment(journal)]
    for _ in range(draw.randrange(2, 9)):
        moments.extend(moment(journal) for _ in steps(journal, draw))
    journal.close()
    return moments


def steps(journal: Journal, draw: random.Random) -> Iterator[None]:
    """Do what changes a journal, or its files; yield after each batch."""
    if draw.random() < 0.2:  # the log is worked into the file, and begins anew
        journal.close()
        journal.open()
    if draw.random() < 0.5:
        wanted = {key: wish(draw) for key in draw.sample(KEYS, draw.randrange(4))}
        intents = {key: value(draw) for key in draw.sample(KEYS, draw.randrange(3))}
        journal.begin(wanted, intents, {"bad": Wanted(value=value(draw))})
        yield
    for key in draw.sample(KEYS, draw.randrange(4)):
        gone = draw.random() < 0.3
        journal.record(key, None if gone else Made(value=value(draw), metadata=value(draw)))
    journal.flush()
    yield


def wish(draw: random.Random) -> Wanted | None:
    retry = draw.choice((None, RetryPolicy(max_attempts=draw.randrange(9))))
    return draw.choice((None, Wanted(value=value(draw), retry=retry)))


def value(draw: random.Random) -> object:
    return draw.choice((None, draw.random(), draw.randbytes(draw.choice((0, 9, 2000))).hex(), [1]))


def moment(journal: Journal) -> Moment:
    files = {name: journal.path.with_name(name) for name in NAMES}
    content = {name: file.read_bytes() for name, file in files.items() if file.exists()}
    return Moment(content, journal.peek())


def clear(place: Path) -> None:
    for name in (*NAMES, "journal-shm"):
        place.joinpath(name).unlink(missing_ok=True)


def load(place: Path, files: Files) -> Records | None:
    """Return what a journal of these files holds, None where it is refused; look first."""
    clear(place)
    for name, content in files.items():
        place.joinpath(name).write_bytes(content)
    journal = Journal(place / "journal")
    seen = found = None
    with contextlib.suppress(JournalError):
        seen = journal.peek()
    with contextlib.suppress(JournalError):
        found = journal.open()
        journal.close()
    assert found is None or seen in (None, found)
    return found


def damaged(files: Files, draw: random.Random) -> Files:
    """Bend the journal, its log, or both."""
    names = draw.choice((["journal"], ["journal-wal"], ["journal", "journal-wal"]))
    return files | {name: mutated(files[name], draw) for name in names if name in files}


def test_bent_journals_are_refused_or_hold_what_they_held(place: Path) -> None:
    refused = 0
    for seed in rounds(60):
        draw = random.Random(seed)
        last = lived(place, draw)[-1]

        for _ in range(DAMAGES):
            found = load(place, damaged(last.files, draw))
            assert found in (None, last.records), f"FUZZ_SEED={seed}"
            refused += found is None

    assert refused


def test_bent_journals_without_their_mark_hold_what_they_once_held(place: Path) -> None:
    for seed in rounds(40):
        draw = random.Random(seed)
        moments = lived(place, draw)
        held = [one.records for one in moments]

        for _ in range(DAMAGES):
            files = damaged(moments[-1].files, draw)
            mark = draw.choice((b"", mutated(files.pop("journal.lock"), draw)))
            found = load(place, files | ({"journal.lock": mark} if mark else {}))
            assert found in (None, *held), f"FUZZ_SEED={seed}"


def test_files_of_several_moments_are_refused_or_hold_one_of_them(place: Path) -> None:
    for seed in rounds(60):
        draw = random.Random(seed)
        moments = lived(place, draw)

        for _ in range(DAMAGES):
            chosen = {name: draw.randrange(len(moments)) for name in NAMES}
            files = {
                name: moments[which].files[name]
                for name, which in chosen.items()
                if name in moments[which].files
            }
            found = load(place, files)
            # Nothing from before the mark: it tells how far the journal had come.
            held = [one.records for one in moments[chosen["journal.lock"] :]]
            assert found in (None, *held), f"FUZZ_SEED={seed} {chosen}"


def test_batches_that_make_no_sense_are_refused_though_their_checksum_is_right(
    place: Path,
) -> None:
    for seed in rounds(300):
        forge(place, mutated(BODY.encode(), random.Random(seed), JSON).decode(errors="replace"))

        journal = Journal(place / "journal")
        with contextlib.suppress(JournalError):
            journal.open()  # nothing but this error, or none
            journal.close()


def forge(place: Path, body: str) -> None:
    """Write a journal whose one batch is this, with the right checksum."""
    clear(place)
    with contextlib.closing(sqlite3.connect(place / "journal")) as connection, connection:
        create(connection, State())
        (first,) = connection.execute("SELECT digest FROM batch").fetchone()
        digest = link(first, 1, body)
        connection.execute("INSERT INTO batch VALUES (1, ?, ?)", (body, digest))
        connection.execute("UPDATE seal SET last = 1, digest = ?", (digest,))


def test_a_row_that_claims_to_be_larger_than_memory_is_refused(place: Path) -> None:
    clear(place)
    journal = Journal(place / "journal")
    with contextlib.closing(sqlite3.connect(journal.path)) as connection, connection:
        connection.execute("PRAGMA page_size = 512")
        create(connection, State())
    before = journal.path.read_bytes()
    row = before.index(b"tablesealseal")
    journal.path.write_bytes(before[: row - 9] + b"\xff" * 9 + before[row:])

    for use in (journal.peek, journal.open):
        with pytest.raises(JournalError, match="asks for more memory than there is"):
            use()
