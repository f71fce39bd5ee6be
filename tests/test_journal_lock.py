# SPDX-License-Identifier: Apache-2.0
"""The lock beside a journal: one holder at a time, and a mark that counts within one boot."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kvscheduler import journal_lock
from kvscheduler.errors import JournalError, JournalLocked
from kvscheduler.journal_lock import LockFile

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.lock"


def held(path: Path) -> LockFile:
    lock = LockFile(str(path))
    lock.acquire()
    return lock


def test_a_second_holder_is_told_the_first_ones_pid(path: Path) -> None:
    first = held(path)

    with pytest.raises(JournalLocked) as refused:
        LockFile(str(path)).acquire()

    assert str(refused.value) == (
        f"journal lock {path} is held by another engine (pid {os.getpid()});"
        " stop that one, or use another journal"
    )
    first.release()


def test_a_holder_that_has_not_said_its_pid_is_unknown(path: Path) -> None:
    first = held(path)
    path.write_bytes(b"what is this?\n")

    with pytest.raises(JournalLocked, match=r"\(pid unknown\)"):
        LockFile(str(path)).acquire()

    first.release()


def test_a_lock_that_was_let_go_is_free_at_once_and_may_be_let_go_again(path: Path) -> None:
    first = held(path)
    first.release()
    first.release()

    second = held(path)

    second.release()


def test_a_forked_child_does_not_keep_the_lock(path: Path) -> None:
    first = held(path)
    assert first._file is not None
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=[first._file.fileno()],
    )

    first.release()

    held(path).release()
    child.communicate()


def test_the_mark_is_what_was_marked_last_whoever_asks(path: Path) -> None:
    first = held(path)
    assert first.read_mark() == 0
    first.mark(41)
    first.mark(7)
    assert LockFile(str(path)).read_mark() == 7
    first.release()

    second = held(path)

    assert second.read_mark() == 7
    second.release()


def test_the_line_holds_pid_mark_and_boot(path: Path) -> None:
    first = held(path)
    first.mark(41)
    first.release()

    line = path.read_text()

    assert line == f"{os.getpid():10d} {41:20d} {BOOT}\n"
    assert len(line) < journal_lock.LINE_BYTES


def test_nothing_is_marked_once_the_lock_was_let_go(path: Path) -> None:
    first = held(path)
    first.mark(41)
    first.release()

    first.mark(42)

    assert first.read_mark() == 41


@pytest.mark.parametrize(
    "line",
    ["1 41 another-boot\n", "1 41 -\n", "1 41\n", "", "one 41 {boot}\n", "1 x {boot}\n"],
)
def test_a_mark_of_another_boot_or_of_no_meaning_counts_for_nothing(path: Path, line: str) -> None:
    path.write_text(line.format(boot=BOOT))

    assert LockFile(str(path)).read_mark() == 0


def test_where_the_boot_is_not_known_no_mark_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_lock, "_BOOT_ID", path.with_name("nowhere"))
    first = held(path)

    first.mark(41)

    assert first.read_mark() == 0
    assert path.read_text().split() == [str(os.getpid()), "41", "-"]
    first.release()


def test_no_lock_file_means_no_mark(path: Path) -> None:
    assert LockFile(str(path)).read_mark() == 0


def test_the_file_is_the_owners_alone_and_stays(path: Path) -> None:
    path.touch()
    path.chmod(0o666)

    held(path).release()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_that_cannot_be_opened_says_why(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(JournalError) as linked:
        LockFile(str(path)).acquire()
    with pytest.raises(JournalError) as missing:
        LockFile(str(tmp_path / "none" / "lock")).acquire()

    assert str(linked.value).startswith(f"journal lock {path} cannot be opened: ")
    assert str(missing.value).endswith("cannot be opened: No such file or directory")
    assert not (tmp_path / "elsewhere").exists()
