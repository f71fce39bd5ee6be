# SPDX-License-Identifier: Apache-2.0
"""The journal in memory passes what the one in a file passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import initialize, rule

from kvscheduler import JournalError, Scheduler
from kvscheduler.journal import Journal, Made, Records, Wanted
from kvscheduler.testing import (
    Item,
    MemoryJournal,
    SimulatedDescriptor,
    SimulatedSouthbound,
    VirtualClock,
)
from tests.test_journal import JournalMachine


class MemoryMachine(JournalMachine):
    """The very same machine; a kill is a copy."""

    @initialize()
    def start(self) -> None:
        self.journal: Journal = MemoryJournal()
        assert self.journal.open() == self.stored

    @rule()
    def kill(self) -> None:
        assert isinstance(self.journal, MemoryJournal)
        left = self.journal.copy()
        self.buffer.clear()
        self.journal.close()
        self.journal = left
        assert self.journal.open() == self.stored


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else Journal(tmp_path / "journal")


def test_either_journal_is_opened_once_and_used_only_while_open(journal: Journal) -> None:
    with pytest.raises(JournalError, match="not open"):
        journal.begin({}, {"a": 1})
    journal.open()
    with pytest.raises(JournalError, match="open already"):
        journal.open()
    journal.close()
    journal.close()

    assert journal.open() == Records({}, {})
    journal.close()


def test_what_either_journal_hands_out_is_not_what_it_keeps(journal: Journal) -> None:
    journal.open()
    journal.begin({"a": Wanted(value=1)}, {})

    journal.peek().wanted.clear()

    assert journal.peek().wanted == {"a": Wanted(value=1)}
    journal.close()


def test_the_moments_of_a_journal_in_memory_are_told_in_order() -> None:
    journal = MemoryJournal()
    told: list[str] = []
    journal.moments.append(told.append)
    journal.open()

    journal.begin({"a": Wanted(value=1)}, {"a": 1})
    journal.record("a", Made(value=1))
    journal.flush()
    journal.flush()

    assert told == ["before begin", "after begin", "record", "before flush", "after flush"]


def test_a_write_that_a_moment_refuses_stores_nothing_and_can_be_tried_again() -> None:
    journal = MemoryJournal()
    journal.open()
    journal.record("a", Made(value=1))

    def refuse(moment: str) -> None:
        raise JournalError(moment)

    journal.moments.append(refuse)
    with pytest.raises(JournalError, match="before begin"):
        journal.begin({"b": Wanted(value=2)}, {})
    with pytest.raises(JournalError, match="before flush"):
        journal.flush()
    journal.moments.clear()

    assert journal.peek() == Records({}, {})
    journal.flush()
    assert journal.peek() == Records({}, {"a": Made(value=1)})


def test_an_engine_starts_again_from_the_copy_of_a_journal_in_memory() -> None:
    southbound, journal, clock = SimulatedSouthbound(), MemoryJournal(), VirtualClock()

    async def live(journal: MemoryJournal, changes: dict[str, Item]) -> set[str]:
        plain = SimulatedDescriptor(southbound, "a", "a/")
        async with Scheduler([plain], journal=journal, clock=clock) as scheduler:
            txn = scheduler.transaction()
            for key, value in changes.items():
                txn.set(key, value)
            await txn.commit()
            return set(scheduler.values())

    clock.run(live(journal, {"a/1": Item()}))
    southbound.restart()
    wanted = clock.run(live(journal.copy(), {"a/2": Item()}))

    assert wanted == set(southbound.ours()) == {"a/1", "a/2"}
