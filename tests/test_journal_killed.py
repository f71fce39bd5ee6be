# SPDX-License-Identifier: Apache-2.0
"""A journal whose process is killed around each of its writes holds just what was written."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from kvscheduler.journal import Journal, Records, Wanted
from tests.journal_program import environment, program

# Two writes to create it; one for each begin and flush; one puts a snapshot in place of the first
# batches.
LIFE = """
    journal.open()
    for number in range(3):
        journal.begin({"a": Wanted(value=number)}, {"a": number})
        journal.record("a", Made(value=number, metadata="m" * 2_200_000))
        journal.flush()
    journal.close()
"""
# What is wanted, what was made, and whether that is in doubt: after no write, after one, ...
EXPECTED = [
    *[None] * 3,
    (0, 0, True),
    (0, 0, False),
    (1, 1, True),
    *[(1, 1, False)] * 2,
    (2, 2, True),
    (2, 2, False),
]
WRITES = len(EXPECTED) - 1
MOMENTS = ["kill-before", "kill-after"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def killed(path: Path, wish: str, code: str = LIFE) -> None:
    """Run a program that is killed at a fail point."""
    done = subprocess.run(
        program(code, path),
        env={**environment(), "KVS_FAILPOINT": wish},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def told(records: Records) -> tuple[object, object, bool] | None:
    """Return the value that is wanted, the one that was made, and whether that is in doubt."""
    if not records.wanted:
        assert not records.made
        return None
    made = records.made["a"]
    return records.wanted["a"].value, made.value, made.doubtful


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_killed_around_a_write_it_holds_all_that_was_written_and_works_on(
    path: Path, write: int, moment: str
) -> None:
    killed(path, f"journal.write:{write}={moment}")

    journal = Journal(path)
    seen = journal.peek()
    records = journal.open()
    journal.begin({"b": Wanted(value=1)}, {})
    journal.close()

    done = write - (moment == "kill-before")
    assert told(records) == told(seen) == EXPECTED[done]
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal", "journal.lock"]
    assert journal.peek().wanted == {**records.wanted, "b": Wanted(value=1)}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_is_brought_up_it_is_of_either_version_whole(
    path: Path, moment: str
) -> None:
    old = sqlite3.connect(path)
    old.executescript(Path(__file__).with_name("journal_version_1.sql").read_text("utf-8"))
    old.close()
    untouched = Path(f"{path}.copy")
    untouched.write_bytes(path.read_bytes())

    killed(path, f"journal.write:1={moment}", "journal.open()")

    journal, other = Journal(path), Journal(untouched)
    assert journal.open() == other.open()
    journal.close()
    other.close()


def test_all_its_writes_are_fail_points(path: Path) -> None:
    done = subprocess.run(
        program(LIFE, path),
        env={**environment(), "KVS_FAILPOINT": "count"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, f"journal.write: {WRITES}\n")
