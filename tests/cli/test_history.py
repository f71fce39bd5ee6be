# SPDX-License-Identifier: Apache-2.0
"""What was done is remembered: by transaction and by key, without secrets, and not for ever."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from kvs_agent import past
from kvs_agent.past import Past, PastError
from kvscheduler import Executed, Operation, TransactionResult
from kvscheduler.plan import Plan
from tests.cli.conftest import Run
from tests.machine import Machine
from tests.topologies import CABLE

Golden = Callable[[str, str], None]

KEY = "config/linux/interfaces/v2/interface/a0"
CREATE = Operation("create", "a", None, "d", None, {"x": 1}, "is wanted")


def without_times(shown: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD hh:mm:ss", shown)


def result(*operations: Operation, description: str = "a change") -> TransactionResult:
    executed = tuple(Executed(one, None, 0.0) for one in operations)
    return TransactionResult(7, "transaction", {}, executed, Plan(), description, started=1.0)


@pytest.fixture
def changed(machine: Machine) -> Machine:
    """Give a machine on which a cable was made, changed, and had drifted."""
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    machine.kvsctl("apply", "-q", "net.yaml")
    Path("net.yaml").write_text(CABLE.replace("10.9.0.1", "10.9.0.3"), encoding="utf-8")
    machine.kvsctl("apply", "-q", "net.yaml")
    machine.inside("left", "ip", "link", "set", "a0", "mtu", "1300")
    machine.kvsctl("repair", "-q")
    return machine


def test_the_history_tells_what_was_done(changed: Machine, golden: Golden) -> None:
    done = changed.kvsctl("history")

    assert (done.returncode, done.stderr) == (0, "")
    golden("history.txt", without_times(done.stdout))
    assert changed.kvsctl("history", "1").stdout == done.stdout.splitlines(keepends=True)[-1]


def test_one_transaction_is_told_step_by_step(changed: Machine, golden: Golden) -> None:
    done = changed.kvsctl("history", "--of", "2")

    assert (done.returncode, done.stderr) == (0, "")
    golden("history-of.txt", without_times(done.stdout))


def test_a_key_has_a_timeline(changed: Machine, golden: Golden) -> None:
    done = changed.kvsctl("timeline", KEY)

    assert (done.returncode, done.stderr) == (0, "")
    golden("timeline.txt", without_times(done.stdout))


def test_programs_get_json(changed: Machine) -> None:
    shown = json.loads(changed.kvsctl("history", "--of", "1", "--json").stdout)
    keyed = json.loads(changed.kvsctl("timeline", KEY, "--json").stdout)

    assert shown["format_version"] == keyed["format_version"] == "1.0"
    assert {one["kind"] for one in shown["transaction"]["steps"]} == {"create"}
    assert [one["kind"] for one in keyed["steps"]] == ["create", "update", "update"]


def test_what_changes_nothing_is_not_remembered(changed: Machine) -> None:
    before = changed.kvsctl("history").stdout

    changed.kvsctl("apply", "-q", "net.yaml")
    changed.kvsctl("repair", "-q")

    assert changed.kvsctl("history").stdout == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["history", "--of", "9"], "there is no transaction 9, or no longer; see kvsctl history"),
        (["timeline", "x"], "nothing was ever done to x; kvsctl history tells what was"),
    ],
)
def test_what_is_not_there_is_told(run: Run, arguments: list[str], told: str) -> None:
    done = run(*arguments)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {told}\n")


def test_at_first_nothing_has_been_done(run: Run) -> None:
    assert run("history").stdout == "Nothing has been done yet.\n"
    assert not Path("state.db.history").exists()


def test_a_history_that_cannot_be_kept_fails_no_change(machine: Machine) -> None:
    Path("net.yaml").write_text(CABLE, encoding="utf-8")
    Path("state.db.history").write_text("not a database", encoding="utf-8")

    done = machine.kvsctl("apply", "-q", "net.yaml")

    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert "state.db.history: the history cannot be used: file is not a database" in done.stderr


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    kept = Past(tmp_path / "state")

    kept.add(result(CREATE))

    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "KEPT", 3)
    kept = Past(tmp_path / "state")

    for number in range(5):
        kept.add(result(CREATE, description=f"change {number}"))

    assert [one.number for one in kept.transactions(10)] == [3, 4, 5]
    assert [one.number for one in kept.of_key("a")] == [3, 4, 5]
    assert kept.steps(1) == []


def test_a_newer_history_is_left_alone(tmp_path: Path) -> None:
    kept = Past(tmp_path / "state")
    kept.add(result(CREATE))
    with sqlite3.connect(kept.path) as database:
        database.execute("PRAGMA user_version = 9")

    with pytest.raises(PastError, match=r"a newer kvsctl has written it \(version 9\)$"):
        kept.transactions(1)
