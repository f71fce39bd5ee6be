# SPDX-License-Identifier: Apache-2.0
"""The journal on disks that are full, read-only, or not there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kvscheduler.errors import JournalError
from kvscheduler.journal import Journal, Wanted
from kvscheduler.journal_batch import State
from tests.journal_program import program, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal"


FULL_DISK = """
    journal.open()
    journal.begin({"a": Wanted(value="kept")}, {"a": "kept"})
    journal.record("a", Made(value="kept", metadata=1))
    journal.flush()
    %s
    for attempt in range(2):
        try:
            journal.begin({"b": Wanted(value="x" * 3_000_000)}, {})
        except JournalError as error:
            print(error)
    assert set(journal.peek().wanted) == {"a"}, "nothing of it is there"
    journal.record("c", Made(value="y" * 3_000_000))
    try:
        journal.flush()
    except JournalError as error:
        print(error)
    %s
    journal.flush()
    journal.begin({"d": Wanted(value=1)}, {})
    journal.close()
    records = journal.open()
    assert set(records.wanted) == {"a", "d"}, records.wanted
    assert set(records.made) == {"a", "c"}, records.made
    assert not records.made["a"].doubtful
    print("nothing lost")
"""


def assert_told_three_times(output: str, path: Path) -> None:
    *errors, last = output.splitlines()
    assert last == "nothing lost"
    assert len(errors) == 3
    for error in errors:
        assert error.startswith(f"journal {path} cannot be read or written: ")
        assert error.endswith("What it holds is intact; what was to be written is not in it yet")


def test_a_file_that_may_not_grow_is_an_error_and_loses_nothing(path: Path) -> None:
    code = FULL_DISK % (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)",
    )

    output = run(program(code, path))

    assert_told_three_times(output, path)


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    command = [unshare, "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f"mount -t tmpfs -o size=2m none {disk} && exec"
    code = FULL_DISK % (
        "",
        f"os.system('mount -o remount,size=40m {disk}') and sys.exit('no remount')",
    )
    command = program(code, disk / "journal")

    output = run(["unshare", "-rm", "sh", "-c", f'{mounted} "$@"', "sh", *command])

    assert_told_three_times(output, disk / "journal")


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_disk_without_room_for_a_journal_is_an_error(tmp_path: Path) -> None:
    code = """
        try:
            journal.open()
        except JournalError as error:
            print(error)
        os.system(f"rm {os.path.dirname(sys.argv[1])}/filler")
        print(journal.open())
    """
    command = program(code, tmp_path / "disk" / "journal")
    (tmp_path / "disk").mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {tmp_path}/disk &&"
        f' (cat /dev/zero > {tmp_path}/disk/filler 2>/dev/null; exec "$@")'
    )

    first, second = run(["unshare", "-rm", "sh", "-c", script, "sh", *command]).splitlines()

    assert first.startswith("journal ")
    assert second == "Records(wanted={}, made={}, rejected={})"


READ_ONLY = """
    try:
        journal.open()
    except JournalError as error:
        print(error)
"""


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_read_only_file_is_refused_when_it_is_opened(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    journal.close()
    script = f"mount --bind {path} {path} && mount -o remount,bind,ro {path}"

    output = run(
        ["unshare", "-rm", "sh", "-c", f'{script} && exec "$@"', "sh", *program(READ_ONLY, path)]
    )

    assert output == f"journal {path} cannot be used: Read-only file system\n"


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_a_read_only_disk_is_refused_but_can_be_looked_at(path: Path) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    journal.close()
    script = f"mount --bind {path.parent} {path.parent} && mount -o remount,bind,ro {path.parent}"

    output = run(
        ["unshare", "-rm", "sh", "-c", f'{script} && exec "$@"', "sh", *program(READ_ONLY, path)]
    )

    assert output.startswith("journal lock ")
    assert "Read-only file system" in output
    assert journal.open().wanted == {"a": Wanted(value=1)}
    journal.close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"directory .* cannot be made"):
        Journal(tmp_path / "file" / "journal").open()


def test_a_folder_in_the_place_of_the_file_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)

    with pytest.raises(JournalError, match=str(path)):
        Journal(path).open()
    with pytest.raises(JournalError, match=str(path)):
        Journal(path).peek()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_vanishes_while_in_use_is_missed_before_anything_is_begun(
    path: Path, is_replaced: bool
) -> None:
    journal = Journal(path)
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})
    copy = path.rename(path.with_name("copy"))
    if is_replaced:
        shutil.copy(copy, path)

    with pytest.raises(JournalError, match="was removed or replaced while in use"):
        journal.begin({"b": Wanted(value=2)}, {})

    copy.rename(path)
    journal.begin({"b": Wanted(value=2)}, {})
    journal.close()
    assert set(journal.open().wanted) == {"a", "b"}
    journal.close()


LOOK = """
    print(journal.peek().wanted)
"""


@pytest.mark.skipif(not can_mount(), reason="needs a mount namespace of its own")
def test_on_a_read_only_disk_it_can_be_looked_at(path: Path) -> None:
    closed_with(path, Wanted(value=1))
    script = f"mount --bind {path.parent} {path.parent} && mount -o remount,bind,ro {path.parent}"

    output = run(
        ["unshare", "-rm", "sh", "-c", f'{script} && exec "$@"', "sh", *program(LOOK, path)]
    )

    assert output == f"{ {'a': Wanted(value=1)} }\n"


def closed_with(path: Path, wish: Wanted) -> None:
    """Have an engine come, want something, and go."""
    journal = Journal(path)
    journal.open()
    journal.begin({"a": wish}, {})
    journal.close()


@pytest.mark.parametrize("is_there", [False, True])
def test_to_look_leaves_no_file_behind(path: Path, is_there: bool) -> None:
    if is_there:
        closed_with(path, Wanted(value=1))
    path.parent.mkdir(exist_ok=True)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}

    if is_there:
        assert Journal(path).peek().wanted == {"a": Wanted(value=1)}
    else:
        with pytest.raises(JournalError):
            Journal(path).peek()

    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before


def test_to_look_at_a_damaged_file_leaves_no_file_behind(path: Path) -> None:
    closed_with(path, Wanted(value=1))
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes(len(content) - 5000))
    before = sorted(path.parent.iterdir())

    with pytest.raises(JournalError, match="is refused"):
        Journal(path).peek()

    assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("is_refused", [False, True])
def test_an_engine_that_comes_while_one_looks_is_seen_with_all_it_has_written(
    path: Path, monkeypatch: pytest.MonkeyPatch, stays: bool, is_refused: bool
) -> None:
    closed_with(path, Wanted(value=1))
    engine = Journal(path)
    apply = State.apply

    def interrupted(state: State, body: str) -> None:
        """Have the engine come while the first batch is read; perhaps what is read looks bad."""
        monkeypatch.setattr(State, "apply", apply)
        engine.open()
        engine.begin({"a": Wanted(value=2)}, {})
        if not stays:
            engine.close()
        if is_refused:
            raise ValueError("torn")
        apply(state, body)

    monkeypatch.setattr(State, "apply", interrupted)
    seen = Journal(path).peek()
    engine.close()

    assert seen.wanted == {"a": Wanted(value=2)}
