# SPDX-License-Identifier: Apache-2.0
"""What stands in a journal's file: each thing once, marked as written, gone when it is gone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvscheduler.codec import NotDecodable, NotEncodable
from kvscheduler.journal import Journal, Made, Wanted
from kvscheduler.journal_batch import Batch
from kvscheduler.journal_lock import LockFile

BIG = "x" * (5 << 20)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Return an open journal, that is looked at from outside."""
    made = Journal(tmp_path / "journal")
    made.open()
    yield made
    made.close()


def batches(journal: Journal) -> list[Any]:
    connection = sqlite3.connect(journal.path)
    found = connection.execute("SELECT body FROM batch ORDER BY number").fetchall()
    connection.close()
    return [json.loads(body) for (body,) in found]


def mark(journal: Journal) -> int:
    return LockFile(f"{journal.path}.lock").read_mark()


def test_a_value_is_written_once_for_the_wish_the_intent_and_the_outcome(journal: Journal) -> None:
    value = [1]

    journal.begin({"a": Wanted(value=value)}, {"a": value})
    journal.record("a", Made(value=value))
    journal.flush()

    _, begun, done = batches(journal)
    assert begun == {"made": {}, "wanted": {"a": ["[1]", None, None]}, "intents": {"a": None}}
    assert done == {"made": {"a": [None, None, 0]}, "wanted": {}, "intents": {}}


def test_an_intent_that_is_not_the_wish_is_written_too(journal: Journal) -> None:
    journal.begin({"a": Wanted(value=[1])}, {"a": [2]})

    assert batches(journal)[-1]["intents"] == {"a": "[2]"}
    assert journal.peek().made == {"a": Made(value=[2], doubtful=True)}


def test_what_was_intended_once_is_written_anew_after_something_else(journal: Journal) -> None:
    once, other = ["once"], ["other"]

    journal.begin({}, {"a": once})
    for value in (once, other, once):
        journal.record("a", Made(value=value))
        journal.flush()

    assert journal.peek().made == {"a": Made(value=once)}


@pytest.mark.parametrize("intended", [True, False])
def test_what_is_gone_is_gone_from_the_file_and_said_once(
    journal: Journal, intended: bool
) -> None:
    if intended:
        journal.begin({}, {"a": 1})
    else:
        journal.record("a", Made(value=1))
        journal.flush()

    for _ in range(2):
        journal.record("a", None)
        journal.flush()

    assert journal.peek().made == {}
    assert len(batches(journal)) == 3


def test_what_others_removed_does_not_hide_what_we_made(journal: Journal) -> None:
    journal.record("theirs", None)
    journal.record("ours", Made(value=1))
    journal.flush()

    assert journal.peek().made == {"ours": Made(value=1)}


def test_each_write_is_marked_so_that_its_loss_would_be_seen(journal: Journal) -> None:
    marks = [mark(journal)]
    journal.begin({"a": Wanted(value=1)}, {})
    marks.append(mark(journal))
    journal.record("a", Made(value=1))
    journal.flush()
    marks.append(mark(journal))
    for _ in range(2):
        journal.record("a", Made(value=BIG))
        journal.flush()
    marks.append(mark(journal))

    assert marks == [0, 1, 2, batches_end(journal)]
    assert len(batches(journal)) < 3  # a snapshot was made on the way, which is a write as well


def batches_end(journal: Journal) -> int:
    connection = sqlite3.connect(journal.path)
    (last,) = connection.execute("SELECT last FROM seal").fetchone()
    connection.close()
    return int(last)


def test_of_several_values_without_a_form_the_first_is_named_when_it_closes(
    journal: Journal,
) -> None:
    for key in ("a", "b"):
        journal.record(key, Made(value=object()))

    with pytest.raises(NotEncodable) as refused:
        journal.close()

    begin = f"journal {journal.path} cannot store the value of 'a': "
    assert str(refused.value).startswith(begin)


def test_a_retry_policy_that_makes_no_sense_is_an_error_and_no_file_stays_open(
    journal: Journal,
) -> None:
    assert journal._store is not None
    journal._store.write(Batch(wanted={"a": ("1", {"patience": 1}, None)}))
    journal.close()

    with pytest.raises(NotDecodable) as refused:
        journal.open()

    begin = f"journal {journal.path} cannot read the retry policy of a: "
    assert str(refused.value).startswith(begin)
    open_files = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert not [file for file in open_files if file.is_relative_to(journal.path.parent)]
