# SPDX-License-Identifier: Apache-2.0
"""The journal among processes: killed ones, rival ones, and what the system denies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import signal
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvscheduler import journal_lock, journal_store
from kvscheduler.errors import JournalError, JournalLocked
from kvscheduler.journal import Journal, Made, Wanted
from tests.journal_program import environment, program, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


def test_what_begin_and_flush_returned_from_outlives_a_kill(path: Path) -> None:
    code = """
        journal.open()
        journal.begin({"a": Wanted(value=1), "b": Wanted(value=2)}, {"a": 1, "b": 2})
        journal.record("a", Made(value=1, metadata="index"))
        journal.flush()
        journal.begin({"a": None}, {"a": 1})
        journal.record("a", None)
        print("ready", flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        program(code, path), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)

    journal = Journal(path)
    records = journal.open()
    journal.close()

    assert records.wanted == {"b": Wanted(value=2)}
    assert records.made == {
        "a": Made(value=1, metadata="index", doubtful=True),
        "b": Made(value=2, doubtful=True),
    }


@pytest.mark.parametrize("delay_s", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
def test_a_kill_at_any_moment_leaves_a_journal_of_whole_batches(
    path: Path, delay_s: float
) -> None:
    code = """
        journal.open()
        print("ready", flush=True)
        for number in range(1_000_000):
            batch = {f"key/{index}": Wanted(value=number) for index in range(20)}
            journal.begin(batch, {key: number for key in batch})
            for key in batch:
                journal.record(key, Made(value=number, metadata=number))
            journal.flush()
    """
    with subprocess.Popen(
        program(code, path), env=environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay_s)
        process.kill()

    journal = Journal(path)
    records = journal.open()
    journal.close()

    wanted = {want.value for want in records.wanted.values()}
    made = {(entry.value, entry.doubtful) for entry in records.made.values()}
    assert len(wanted) <= 1
    assert len(made) <= 1
    assert len(records.wanted) in (0, 20)
    assert {value for value, _ in made} == wanted


def test_a_second_engine_is_refused_and_told_who_holds_the_journal(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    code = """
        try:
            journal.open()
        except JournalError as error:
            print(type(error).__name__, error)
        print(journal.peek().wanted)
    """

    journal.begin({"a": Wanted(value=1)}, {})
    output = run(program(code, path))

    assert re.match(rf"JournalLocked .*pid {os.getpid()}\b", output)
    assert "'a': Wanted(value=1" in output
    with pytest.raises(JournalLocked):  # from the same process as well
        Journal(path).open()
    journal.close()
    assert "{'a'" in run(program("print(journal.open().wanted); journal.close()", path))


def test_a_lock_that_says_nothing_still_holds(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    Path(f"{path}.lock").write_bytes(b"\xff")

    with pytest.raises(JournalLocked, match="pid unknown"):
        Journal(path).open()
    journal.close()


def test_a_child_that_outlives_the_engine_does_not_keep_the_lock(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)

    try:
        journal.close()
        journal.open()
        journal.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_an_interrupt_right_after_a_commit_leaves_a_journal_that_works(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = journal_store._transaction

    @contextlib.contextmanager
    def interrupted(connection: sqlite3.Connection) -> Iterator[None]:
        with commit(connection):
            yield
        raise KeyboardInterrupt

    journal = Journal(path)
    journal.open()
    value = ["intended"]
    journal.begin({}, {"a": value})
    journal.record("a", None)
    with monkeypatch.context() as patch:
        patch.setattr(journal_store, "_transaction", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.begin({}, {"b": 2})

    journal.record("a", Made(value=value))
    journal.record("b", None)
    journal.close()

    assert journal.open().made == {"a": Made(value=value)}
    journal.close()


def test_a_lock_that_is_not_held_is_released_and_marked_in_vain(path: Path) -> None:
    lock = journal_lock.LockFile(f"{path}.lock")

    lock.mark(1)
    lock.release()

    assert lock.read_mark() == 0
    assert not path.parent.exists()


def test_a_lock_that_is_a_link_is_not_followed(path: Path) -> None:
    path.parent.mkdir()
    target = path.with_name("target")
    Path(f"{path}.lock").symlink_to(target)

    with pytest.raises(JournalError, match="lock"):
        Journal(path).open()

    assert not target.exists()


def test_only_the_owner_can_read_any_of_its_files(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(path)
        journal.open()
        journal.begin({"a": Wanted(value=1)}, {"a": 1})
    finally:
        os.umask(before)

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    journal.close()
    assert modes == dict.fromkeys(["journal", "journal-wal", "journal-shm", "journal.lock"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_can_read_is_closed_to_them(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.close()
    for file in path.parent.iterdir():
        file.chmod(0o666)

    journal.open()

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    journal.close()


def test_another_thread_is_told_that_it_is_the_wrong_one(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    errors: list[Exception] = []

    def begin() -> None:
        try:
            journal.begin({"a": Wanted(value=1)}, {})
        except JournalError as error:
            errors.append(error)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()

    assert "thread" in str(errors)
    journal.close()


def test_a_file_system_without_shared_memory_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(name: str) -> sqlite3.Connection:
        uri = f"{Path(name).as_uri()}?vfs=unix-none"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    monkeypatch.setattr(journal_store, "_connect", connect)

    with pytest.raises(JournalError, match="lacks what write-ahead logging needs"):
        Journal(path).open()


def test_a_system_that_gives_no_locks_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(JournalError, match="cannot be taken: No locks available"):
        Journal(path).open()


def test_where_boots_cannot_be_told_apart_the_mark_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_lock, "_BOOT_ID", path / "missing")
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    journal.close()
    path.unlink()

    assert journal.open().wanted == {}
    journal.close()
