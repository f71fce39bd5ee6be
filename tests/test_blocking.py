# SPDX-License-Identifier: Apache-2.0
"""The blocking scheduler: the same as the asynchronous one, from any thread but its own."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import kvscheduler
from kvscheduler import (
    Depends,
    Descriptor,
    JournalLocked,
    Origin,
    PlanStale,
    Retrieved,
    SchedulerClosed,
    TransactionError,
    ValueState,
    blocking,
)
from kvscheduler.journal import Journal

TIMEOUT_S = 10


class Box(Descriptor[str, int]):
    """Keeps values in a dict; "after <key>" depends, "slow" waits, "bad" fails."""

    name = "box"
    key_prefix = "box/"

    def __init__(self) -> None:
        self.content: dict[str, str] = {}
        self.began = threading.Event()
        self.go_on = threading.Event()

    def dependencies(self, key: str, value: str) -> Iterable[Depends]:
        return [Depends(value.removeprefix("after "))] if value.startswith("after ") else []

    async def create(self, key: str, value: str) -> int:
        if value == "slow":
            self.began.set()
            await asyncio.to_thread(self.go_on.wait, TIMEOUT_S)
        if value == "bad":
            message = "refused"
            raise OSError(message)
        self.content[key] = value
        return len(self.content)

    def delete(self, key: str, value: str, metadata: int | None) -> None:
        self.content.pop(key, None)

    def retrieve(self, expected: object, keys: Iterable[str] | None = None) -> Iterable[Retrieved]:
        return [Retrieved(key, value, 0) for key, value in self.content.items()]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def scheduler(box: Box) -> Iterator[blocking.Scheduler]:
    with blocking.Scheduler([box]) as scheduler:
        yield scheduler


def shape(function: Any) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


@pytest.mark.parametrize("name", ["Scheduler", "Transaction"])
def test_names_and_parameters_are_those_of_the_asynchronous_one(name: str) -> None:
    theirs, ours = getattr(kvscheduler, name), getattr(blocking, name)
    names = [each for each in vars(theirs) if not each.startswith("_")]

    assert names
    assert [each for each in names if not hasattr(ours, each)] == []
    for each in names:
        if callable(getattr(theirs, each)):
            assert shape(getattr(ours, each)) == shape(getattr(theirs, each)), each
    if name == "Scheduler":
        assert shape(ours) == shape(theirs)


def test_a_transaction_is_planned_committed_and_looked_at(
    box: Box, scheduler: blocking.Scheduler
) -> None:
    transaction = scheduler.transaction("first", labels={"who": "me"})
    transaction.set("box/a", "1")
    transaction.set("box/b", "after box/c")
    transaction.set("box/d", "1")
    transaction.delete("box/d")
    plan = transaction.plan()

    result = transaction.commit(expect=plan)

    assert [(step.kind, step.key) for step in plan.operations] == [("create", "box/a")]
    assert result.ok
    assert box.content == {"box/a": "1"}
    assert scheduler.status("box/b").state is ValueState.PENDING
    assert [status.key for status in scheduler.statuses("box/")] == ["box/a", "box/b"]
    assert scheduler.values(view="configured") == {"box/a": "1"}
    assert scheduler.values() == {"box/a": "1", "box/b": "after box/c"}
    assert dict(scheduler.metadata("box")) == {"a": 1}
    assert sorted(scheduler.graph()) >= ["box/a", "box/b"]
    assert scheduler.history[-1].number == result.number


def test_a_with_statement_commits_and_checks(box: Box, scheduler: blocking.Scheduler) -> None:
    with scheduler.transaction() as transaction:
        transaction.set("box/a", "1")
    with pytest.raises(TransactionError, match="refused"), scheduler.transaction() as transaction:
        transaction.set("box/b", "bad")
    with contextlib.suppress(KeyError), scheduler.transaction() as transaction:
        transaction.set("box/c", "1")
        raise KeyError

    assert box.content == {"box/a": "1"}


def test_drift_is_reported_read_and_repaired(box: Box, scheduler: blocking.Scheduler) -> None:
    with scheduler.transaction() as transaction:
        transaction.set("box/a", "1")
        transaction.set("box/b", "after box/other")

    scheduler.notify("box/other", "theirs", metadata=5)
    scheduler.settle()
    assert set(box.content) == {"box/a", "box/b"}

    box.content["box/other"] = "theirs"
    del box.content["box/a"]
    assert set(scheduler.retrieve("box/")) == {"box/b", "box/other"}
    scheduler.refresh("box/")
    assert scheduler.status("box/a").state is not ValueState.CONFIGURED
    assert scheduler.resync("downstream").ok
    assert set(box.content) == {"box/a", "box/b", "box/other"}
    assert scheduler.status("box/other").origin is not Origin.NORTHBOUND


def test_errors_of_the_call_are_raised_in_the_caller(scheduler: blocking.Scheduler) -> None:
    transaction = scheduler.transaction()
    transaction.set("box/a", "1")
    plan = transaction.plan()
    with scheduler.transaction() as other:
        other.set("box/b", "1")

    with pytest.raises(PlanStale):
        transaction.commit(expect=plan)
    with pytest.raises(ValueError, match="resync"):
        scheduler.resync("sideways")
    with pytest.raises(KeyError):
        scheduler.metadata("nobody")


def test_a_descriptor_registered_late_is_taken_up(box: Box) -> None:
    with blocking.Scheduler() as scheduler:
        with scheduler.transaction() as transaction:
            transaction.set("box/a", "1")
        assert scheduler.status("box/a").state is ValueState.UNIMPLEMENTED

        scheduler.register(box)
        scheduler.settle()

        assert box.content == {"box/a": "1"}


def test_many_threads_commit_at_once(box: Box, scheduler: blocking.Scheduler) -> None:
    def change(number: int) -> bool:
        with scheduler.transaction() as transaction:
            transaction.set(f"box/{number}", str(number))
        assert scheduler.status(f"box/{number}").state is ValueState.CONFIGURED
        return scheduler.transaction().commit().ok

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(change, range(200)))

    assert all(outcomes)
    assert box.content == {f"box/{number}": str(number) for number in range(200)}


def test_watch_yields_the_present_then_changes_until_the_end(box: Box) -> None:
    seen: list[tuple[str, ValueState]] = []
    present = threading.Event()

    def watch() -> None:
        for status in watched.watch("box/"):
            seen.append((status.key, status.state))
            present.set()

    with blocking.Scheduler([box]) as watched:
        with watched.transaction() as transaction:
            transaction.set("box/a", "1")
        thread = threading.Thread(target=watch)
        thread.start()
        assert present.wait(TIMEOUT_S)
        with watched.transaction() as transaction:
            transaction.set("box/b", "1")
    thread.join(TIMEOUT_S)

    assert not thread.is_alive()
    assert seen == [("box/a", ValueState.CONFIGURED), ("box/b", ValueState.CONFIGURED)]


def test_a_watch_that_is_dropped_is_ended(scheduler: blocking.Scheduler) -> None:
    with scheduler.transaction() as transaction:
        transaction.set("box/a", "1")

    for _ in scheduler.watch():
        break
    gc.collect()
    scheduler.settle()

    watchers = scheduler._scheduler._engine.watchers
    assert scheduler._loop.look(lambda: bool(watchers)) is False


class Nosy(Box):
    """Asks the scheduler that drives it."""

    scheduler: blocking.Scheduler

    async def create(self, key: str, value: str) -> int:
        asked = {
            "status": lambda: self.scheduler.status(key),
            "commit": lambda: self.scheduler.transaction().commit(),
            "close": self.scheduler.close,
            "start": self.scheduler.start,
        }
        asked[value]()
        return 0


@pytest.mark.parametrize("call", ["status", "commit", "close", "start"])
def test_a_call_from_its_own_thread_is_refused_and_not_waited_for(call: str) -> None:
    nosy = Nosy()
    with blocking.Scheduler([nosy]) as nosy.scheduler:
        transaction = nosy.scheduler.transaction()
        transaction.set("box/a", call)

        result = transaction.commit()

    assert "on the scheduler's own thread" in str(result.errors["box/a"])


def test_without_a_start_one_can_plan_and_look_but_not_commit(box: Box) -> None:
    scheduler = blocking.Scheduler([box])
    transaction = scheduler.transaction()
    transaction.set("box/a", "1")

    assert len(transaction.plan().operations) == 1
    assert scheduler.statuses() == []
    with pytest.raises(SchedulerClosed, match="start it first"):
        transaction.commit()
    scheduler.close()


def test_after_the_end_one_can_look_but_not_commit(scheduler: blocking.Scheduler) -> None:
    with scheduler.transaction() as transaction:
        transaction.set("box/a", "1")
    scheduler.close()

    assert scheduler.status("box/a").state is ValueState.CONFIGURED
    assert len(scheduler.history) == 1
    assert list(scheduler.watch()) == []
    for call in (scheduler.settle, scheduler.start):
        with pytest.raises(SchedulerClosed):
            call()
    assert not [each for each in threading.enumerate() if each.name == "kvscheduler"]


def test_close_finishes_what_is_under_way(box: Box) -> None:
    scheduler = blocking.Scheduler([box])
    scheduler.start()
    transaction = scheduler.transaction()
    transaction.set("box/a", "slow")

    with ThreadPoolExecutor(2) as pool:
        commit = pool.submit(transaction.commit)
        assert box.began.wait(TIMEOUT_S)
        closing = pool.submit(scheduler.close)
        box.go_on.set()
        closing.result(TIMEOUT_S)

    assert commit.result(TIMEOUT_S).ok
    assert box.content == {"box/a": "slow"}


def test_what_waits_when_the_thread_ends_is_told(scheduler: blocking.Scheduler) -> None:
    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    began = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(scheduler._loop.wait, forever)
        assert began.wait(TIMEOUT_S)
        scheduler.close()

        with pytest.raises(SchedulerClosed, match="closed meanwhile"):
            waiting.result(TIMEOUT_S)
    scheduler._loop.stop()  # once more is harmless


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT interrupt us, also where a shell has started us in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_withdraws_a_commit_that_has_not_begun(
    box: Box, scheduler: blocking.Scheduler
) -> None:
    first, second = scheduler.transaction(), scheduler.transaction()
    first.set("box/a", "slow")
    second.set("box/b", "1")
    with ThreadPoolExecutor(1) as pool:
        commit = pool.submit(first.commit)
        assert box.began.wait(TIMEOUT_S)
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT)).start()

        with pytest.raises(KeyboardInterrupt):
            second.commit()
        box.go_on.set()
        assert commit.result(TIMEOUT_S).ok

    scheduler.settle()
    assert box.content == {"box/a": "slow"}


def test_a_second_start_is_refused_and_does_no_harm(scheduler: blocking.Scheduler) -> None:
    with pytest.raises(SchedulerClosed, match="once"):
        scheduler.start()

    scheduler.settle()


def test_a_locked_journal_refuses_the_start_and_leaves_no_thread(box: Box, tmp_path: Path) -> None:
    holder = Journal(tmp_path / "journal")
    holder.open()
    scheduler = blocking.Scheduler([box], journal=tmp_path / "journal")

    with pytest.raises(JournalLocked):
        scheduler.start()
    assert not [each for each in threading.enumerate() if each.name == "kvscheduler"]
    holder.close()

    with scheduler, scheduler.transaction() as transaction:
        transaction.set("box/a", "1")
    assert box.content == {"box/a": "1"}


def test_what_was_wanted_is_wanted_again_after_a_restart(box: Box, tmp_path: Path) -> None:
    first = blocking.Scheduler([box], journal=tmp_path / "journal")
    with first, first.transaction() as transaction:
        transaction.set("box/a", "1")
    box.content.clear()

    with blocking.Scheduler([box], journal=tmp_path / "journal") as scheduler:
        scheduler.settle()
        assert scheduler.values() == {"box/a": "1"}

    assert box.content == {"box/a": "1"}


def test_a_program_that_forgets_to_close_ends_all_the_same() -> None:
    code = """
        from kvscheduler import blocking
        scheduler = blocking.Scheduler()
        scheduler.start()
        with scheduler.transaction() as transaction:
            transaction.set("a", 1)
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
