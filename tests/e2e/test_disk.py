# SPDX-License-Identifier: Apache-2.0
"""kvsctl with its state on a disk that is full, read-only or gone: it says so, nothing is lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.crash_story import EMPTY, FIRST, SECOND, Stage, seen, settle_strangers
from tests.e2e.trial import PHASES, trials
from tests.machine import Machine, why_no_machine

pytestmark = [
    pytest.mark.skipif(bool(why_no_machine()), reason=why_no_machine() or "there are some"),
    pytest.mark.timeout(240),
]

CHANGES = [("apply", "second.yaml"), ("destroy", "--yes")]
# On a full disk SQLite says either, depending on the file for which there is no room.
NO_ROOM = re.compile(
    r"error: journal /\S+/state\.db cannot be read or written:"
    r" (database or disk is full|disk I/O error \(SQLITE_IOERR_\w+\))\."
    r" What it holds is intact; what was to be written is not in it yet\n"
)
# A page of SQLite's, and what its log adds to one.
PAGE_BYTES = 4096 + 24


@pytest.fixture
def disk(folder: Path) -> Iterator[Machine]:
    """Give a machine with strangers' things in it, and its state on a disk of few pages."""
    place = folder / "disk"
    place.mkdir()
    with Machine(state=place / "state.db") as machine:
        settle_strangers(machine)
        mount(machine, "-t", "tmpfs", "-o", "size=256k", "none", str(place))
        yield machine


def mount(machine: Machine, *arguments: str) -> None:
    """Mount something in the machine, which takes its mounts along when it vanishes."""
    assert machine.run("mount", *arguments).returncode == 0


def fill(machine: Machine) -> None:
    """Fill the disk up to the last byte."""
    machine.run("sh", "-c", f"cat /dev/zero > {machine.state.parent}/filler")


def make_room(machine: Machine) -> None:
    """Take away again what fills the disk."""
    assert machine.run("rm", f"{machine.state.parent}/filler").returncode == 0


def assert_done(machine: Machine, *command: str, leads_to: Stage) -> None:
    """Check that a command goes well, and what stands then."""
    done = machine.kvsctl(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert seen(machine) == leads_to.stands


def assert_refused(machine: Machine, *command: str, told: str | re.Pattern[str]) -> None:
    """Check that a command ends with one line, and has touched nothing."""
    before = seen(machine)
    done = machine.kvsctl(*command)
    assert done.returncode == 1
    assert done.stderr == told if isinstance(told, str) else told.fullmatch(done.stderr)
    assert seen(machine) == before


def test_where_there_is_no_room_for_a_state_nothing_is_begun(disk: Machine) -> None:
    fill(disk)

    assert_refused(disk, "apply", "first.yaml", told=NO_ROOM)

    make_room(disk)
    assert_done(disk, "apply", "first.yaml", leads_to=FIRST)
    assert_done(disk, "destroy", "--yes", leads_to=EMPTY)


def test_on_a_full_disk_nothing_is_changed_that_could_not_be_noted(disk: Machine) -> None:
    assert_done(disk, "apply", "first.yaml", leads_to=FIRST)
    fill(disk)

    for command in CHANGES:
        assert_refused(disk, *command, told=NO_ROOM)

    make_room(disk)
    assert_done(disk, "repair", leads_to=FIRST)
    assert_done(disk, "apply", "second.yaml", leads_to=SECOND)
    assert_done(disk, "destroy", "--yes", leads_to=EMPTY)


def test_on_a_read_only_disk_nothing_is_changed(disk: Machine) -> None:
    assert_done(disk, "apply", "first.yaml", leads_to=FIRST)
    mount(disk, "-o", "remount,ro", str(disk.state.parent))
    told = f"error: journal lock {disk.state}.lock cannot be opened: Read-only file system\n"

    for command in [*CHANGES, ("repair",), ("get",)]:
        assert_refused(disk, *command, told=told)

    mount(disk, "-o", "remount,rw", str(disk.state.parent))
    assert_done(disk, "apply", "second.yaml", leads_to=SECOND)
    assert_done(disk, "destroy", "--yes", leads_to=EMPTY)


def test_with_a_read_only_file_nothing_is_changed(disk: Machine) -> None:
    assert_done(disk, "apply", "first.yaml", leads_to=FIRST)
    mount(disk, "--bind", str(disk.state), str(disk.state))
    mount(disk, "-o", "remount,bind,ro", str(disk.state))
    told = f"error: journal {disk.state} cannot be used: Read-only file system\n"

    for command in [*CHANGES, ("repair",), ("get",)]:
        assert_refused(disk, *command, told=told)

    assert disk.run("umount", disk.state).returncode == 0
    assert_done(disk, "apply", "second.yaml", leads_to=SECOND)
    assert_done(disk, "destroy", "--yes", leads_to=EMPTY)


def test_a_state_that_is_gone_is_missed_and_what_the_message_advises_ends_right(
    disk: Machine,
) -> None:
    assert_done(disk, "apply", "first.yaml", leads_to=FIRST)
    disk.run("rm", disk.state)
    told = (
        f"error: journal {disk.state} is refused: it is gone, after 2 batches."
        " Nothing in it was used. Restore a copy or move it away to start without one;"
        " either way remove its -wal and .lock as well\n"
    )

    for command in [*CHANGES, ("repair",), ("get",)]:
        assert_refused(disk, *command, told=told)

    disk.run("rm", "-f", f"{disk.state}-wal", f"{disk.state}.lock")
    assert_done(disk, "apply", "second.yaml", leads_to=SECOND)
    assert_done(disk, "destroy", "--yes", leads_to=EMPTY)


@pytest.mark.parametrize("name", PHASES)
def test_whenever_the_state_can_grow_no_further_the_next_command_ends_right(
    name: str, folder: Path
) -> None:
    complaints = []
    with contextlib.closing(trials(folder, PHASES[name])) as begun:
        for pages in (6, 9, 40):
            trial = next(begun)

            complaints.append(trial.starve(pages * PAGE_BYTES))
            trial.end("repair")

    *some, last = complaints
    assert last == ""
    assert any(some)
    assert all(NO_ROOM.fullmatch(each) for each in some if each)
