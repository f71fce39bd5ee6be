# SPDX-License-Identifier: Apache-2.0
"""What is recorded of transactions and values, and that it stays within its bounds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.recording import Limits, Recorder
from kvscheduler import (
    Executed,
    Operation,
    OperationError,
    Origin,
    Plan,
    TransactionResult,
    Unmet,
    ValueState,
    ValueStatus,
)

CONFIGURED, PENDING, REMOVED = ValueState.CONFIGURED, ValueState.PENDING, ValueState.REMOVED
RETRYING, FAILED, OBTAINED = ValueState.RETRYING, ValueState.FAILED, ValueState.OBTAINED
NONEXISTENT, INVALID = ValueState.NONEXISTENT, ValueState.INVALID


class World:
    """Time, and what the engine would say of values now."""

    def __init__(self, **limits: Any) -> None:
        self.now = 1000.0
        self.states: dict[str, ValueState] = {}
        self.values: dict[str, Any] = {}
        self.number = 0
        self.recorder = Recorder(self.look, self.values.get, Limits(**limits), lambda: self.now)

    def look(self, key: str) -> ValueStatus:
        return status(key, self.states.get(key, NONEXISTENT))

    def take(self, *operations: Executed, kind: str = "transaction", **plan: Any) -> int:
        self.number += 1
        self.now += 1.0
        result = TransactionResult(
            number=self.number,
            kind=kind,
            errors={one.operation.key: one.error for one in operations if one.error is not None},
            operations=operations,
            plan=Plan(**plan),
            started=self.now,
            duration_s=0.25,
        )
        self.recorder.take(result)
        self.now += 1.0
        return self.number

    def note(self, key: str, state: ValueState, **more: Any) -> None:
        self.recorder.note(status(key, state, **more))

    def story(self, key: str) -> list[tuple[str, Any]]:
        return [(one.state.name, one.value) for one in self.recorder.timeline(key)]


def status(key: str, state: ValueState, **more: Any) -> ValueStatus:
    more.setdefault("base", None)
    return ValueStatus(key=key, state=state, origin=Origin.NORTHBOUND, **more)


def did(
    kind: str, key: str, old: Any = None, new: Any = None, error: str = "", **more: Any
) -> Executed:
    operation = Operation(kind, key, None, "d", old, new, "", more.pop("recreate", False))
    failure = OperationError(key, kind, OSError(error)) if error else None
    return Executed(operation, failure, 0.1, more.pop("revert", False))


def transitions(world: World, number: int) -> list[tuple[str, str, str]]:
    record = world.recorder.transaction(number)
    assert record is not None
    return [(one.key, one.before.name, one.after.name) for one in record.entries]


def test_states_before_and_after_follow_from_the_operations() -> None:
    world = World()

    made = world.take(did("create", "a", new=1))
    changed = world.take(did("update", "a", 1, 2))
    gone = world.take(did("delete", "a", 2))

    assert transitions(world, made) == [("a", "NONEXISTENT", "CONFIGURED")]
    assert transitions(world, changed) == [("a", "CONFIGURED", "CONFIGURED")]
    assert transitions(world, gone) == [("a", "CONFIGURED", "REMOVED")]
    assert world.story("a") == [("CONFIGURED", 1), ("CONFIGURED", 2), ("REMOVED", 2)]


def test_a_recreate_and_a_revert_are_told_step_by_step() -> None:
    world = World()
    world.take(did("create", "a", new=1))

    number = world.take(
        did("delete", "a", 1, recreate=True),
        did("create", "a", new=2, recreate=True),
        did("delete", "a", 2, revert=True),
        did("create", "a", new=1, revert=True),
    )

    assert [after for _, _, after in transitions(world, number)] == [
        "REMOVED",
        "CONFIGURED",
        "REMOVED",
        "CONFIGURED",
    ]
    record = world.recorder.transaction(number)
    assert record is not None
    assert [one.is_revert for one in record.entries] == [False, False, True, True]
    assert [one.is_recreate for one in record.entries] == [True, True, False, False]


def test_a_failure_keeps_its_error_and_its_retries_are_counted() -> None:
    world = World()
    world.states["a"] = RETRYING

    first = world.take(did("create", "a", new=1, error="no"))
    world.take(did("create", "a", new=1, error="no"), kind="retry")
    last = world.take(did("create", "a", new=1), kind="retry")

    assert transitions(world, first) == [("a", "NONEXISTENT", "RETRYING")]
    record = world.recorder.transaction(last)
    assert record is not None
    assert (record.retries, record.attempt) == (first, 2)
    (entry,) = record.entries
    assert (entry.error_before, entry.error, entry.is_retry) == ("no", "", True)
    assert transitions(world, last) == [("a", "RETRYING", "CONFIGURED")]
    again = world.take(did("update", "a", 1, 2))
    world.take(did("update", "a", 2, 3, error="no"), kind="retry")
    newest = world.recorder.transactions()[-1]
    assert (newest.retries, newest.attempt) == (again, 1)


def test_what_waits_or_is_invalid_is_told_though_nothing_was_done() -> None:
    world = World()
    world.values.update(a=1, b=2)

    number = world.take(pending={"a": "waits for x"}, invalid={"b": "too small"})

    record = world.recorder.transaction(number)
    assert record is not None
    assert all(entry.is_noop for entry in record.entries)
    assert [(one.new, one.after, one.error) for one in record.entries] == [
        (1, PENDING, ""),
        (2, INVALID, "too small"),
    ]


def test_a_status_completes_what_an_operation_has_begun() -> None:
    world = World()
    world.take(did("create", "a", new=1))

    unmet = Unmet(label="l", key="x", state=NONEXISTENT, path=("x",), cause="c")
    world.note("a", CONFIGURED, derived=(status("a/d", CONFIGURED, base="a"),))
    world.note("a/d", CONFIGURED, base="a")
    world.note("b", PENDING, unmet=(unmet,))

    (a,) = world.recorder.timeline("a")
    (b,) = world.recorder.timeline("b")
    assert (a.derived, a.touched, a.descriptor) == (("a/d",), 1, "d")
    assert (b.unmet, b.touched) == ((("l", "x"),), 0)


def test_what_others_make_is_looked_up_before_it_can_go() -> None:
    world = World()
    world.values["o"] = "theirs"
    world.note("o", OBTAINED)
    world.values.clear()
    world.note("o", NONEXISTENT)

    assert world.story("o") == [("OBTAINED", "theirs"), ("NONEXISTENT", "theirs")]
    assert world.recorder.at(world.now) == []


def test_how_things_stood_at_a_time_and_after_a_transaction() -> None:
    world = World()
    first = world.take(did("create", "a", new=1))
    then = world.now - 0.5
    second = world.take(did("update", "a", 1, 2), did("create", "b", new=1))

    assert [(one.key, one.value) for one in world.recorder.at(then)] == [("a", 1)]
    assert [(one.key, one.value) for one in world.recorder.after(first)] == [("a", 1)]
    assert [(one.key, one.value) for one in world.recorder.after(second)] == [("a", 2), ("b", 1)]
    assert [one.key for one in world.recorder.at(then, ["b"])] == []
    assert world.recorder.at(0.0) == []


def test_old_records_go_but_those_of_the_start_and_what_stands_do_not() -> None:
    world = World(age_s=100.0, first_s=10.0, first_transactions=2, first_revisions=1)
    world.take(did("create", "a", new=1))
    world.take(did("update", "a", 1, 2))
    world.take(did("update", "a", 2, 3))
    world.now += 1000.0

    assert [one.number for one in world.recorder.transactions()] == [1, 2]
    assert world.story("a") == [("CONFIGURED", 1), ("CONFIGURED", 3)]
    assert list(world.recorder.revisions()) == world.recorder.timeline("a")


def test_a_window_of_time_has_what_reaches_into_it() -> None:
    world = World()
    for _ in range(4):
        world.take(did("create", "a", new=1))

    found = world.recorder.transactions(since=1003.0, until=1005.0)

    assert [one.number for one in found] == [2, 3]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["create", "update", "delete", "fail", "wait", "note", "gone", "sleep"]),
    ),
    max_size=120,
)


@given(STEPS)
def test_whatever_happens_it_stays_within_its_bounds(steps: Sequence[tuple[str, str]]) -> None:
    world = World(
        age_s=50.0,
        first_s=5.0,
        transactions=5,
        first_transactions=2,
        entries=8,
        revisions=6,
        first_revisions=2,
    )

    for key, step in steps:
        happen(world, key, step)

    records = world.recorder.transactions()
    assert len(records) <= 5 + 2
    assert sum(len(one.entries) for one in records[2:-1]) <= 8
    revisions = list(world.recorder.revisions())
    standing = [one for one in revisions if one.until is None]
    assert len(revisions) - len(standing) <= 6 + 2
    assert len(standing) <= 4
    for key in "abcd":
        timeline = world.recorder.timeline(key)
        assert all(
            one.until is not None and one.until <= two.since + 1e-9
            for one, two in itertools.pairwise(timeline)
        )


def happen(world: World, key: str, step: str) -> None:
    if step == "sleep":
        world.now += 30.0
    elif step == "note":
        world.note(key, CONFIGURED)
    elif step == "gone":
        world.note(key, REMOVED)
    elif step == "wait":
        world.take(pending={key: "waits"})
    elif step == "fail":
        world.states[key] = FAILED
        world.take(did("update", key, 1, 2, error="no"))
    else:
        world.take(did(step, key, old=1, new=2))


def test_a_key_that_comes_and_goes_leaves_nothing_behind() -> None:
    world = World(first_s=0.0, transactions=10, revisions=10)

    for number in range(1000):
        key = f"k{number}"
        world.take(did("create", key, new=1))
        world.note(key, CONFIGURED)
        world.take(did("delete", key, old=1))
        world.note(key, REMOVED)

    tracks: Mapping[str, Any] = world.recorder._timelines.tracks
    assert len(tracks) <= 20
