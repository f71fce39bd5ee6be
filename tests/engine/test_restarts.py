# SPDX-License-Identifier: Apache-2.0
"""Law 9 by example: with a journal, across restarts and kills, with and without recovery."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kvscheduler import (
    InvalidValue,
    Journal,
    JournalError,
    Retrieved,
    RetryPolicy,
    Scheduler,
    ValueState,
)
from kvscheduler.testing import VirtualClock
from tests.engine.stage import Keyed, Plain, Stage, act


class System:
    """What outlives the engine: what stands, and a copy of all files at each step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, Any] = {}
        self.deaths: list[tuple[Path, dict[str, Any]]] = []
        self.recording = False

    @property
    def journal(self) -> Path:
        """Where the journal is."""
        return self.folder / "live" / "journal"

    def step(self) -> None:
        """Keep what a kill at this moment would leave behind."""
        if not self.recording:
            return
        copy = self.folder / f"death{len(self.deaths)}"
        shutil.copytree(self.folder / "live", copy)
        self.deaths.append((copy / "journal", dict(self.held)))


class Lasting(Keyed):
    """Keeps its values in a system, with a step before and after each effect."""

    def __init__(self, name: str, system: System, *, readable: bool = True) -> None:
        super().__init__(name)
        self.system = system
        self.held = system.held
        self.readable = readable

    async def _step(self) -> None:
        self.system.step()
        await asyncio.sleep(0.01)
        self.system.step()

    async def create(self, key: str, value: Any) -> Any:
        await self._step()
        Plain.create(self, key, value)
        await self._step()
        return f"index of {key}"

    async def update(self, key: str, old: Any, new: Any, metadata: Any) -> Any:
        await self._step()
        Plain.update(self, key, old, new, metadata)
        await self._step()

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        await self._step()
        Plain.delete(self, key, value, metadata)
        await self._step()

    def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
        return bool(old.get("shape") != new.get("shape"))

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        if not self.readable:
            raise RuntimeError("cannot be read")
        return [one for one in self.found(keys) if one.key.startswith(self.key_prefix)]


FIRST: dict[str, Any] = {
    "a/1": {},
    "a/2": {"needs": ["a/1"]},
    "a/3": {"derives": {"b/1": {}, "b/2": {"needs": ["a/1"]}}},
    "a/4": {"needs": ["a/5"]},
    "a/5": {"needs": ["a/4"]},
    "a/6": {"shape": 1},
}
SECOND: dict[str, Any] = {
    "a/1": {"n": 2},
    "a/2": None,
    "a/3": {"derives": {"b/2": {"n": 2}, "b/3": {}}},
    "a/5": None,
    "a/6": {"shape": 2},
    "a/7": {"any_of": ["b/"]},
}
FINAL: dict[str, Any] = {
    "a/1": {"n": 2},
    "a/3": {"derives": {"b/2": {"n": 2}, "b/3": {}}},
    "a/6": {"shape": 2},
    "a/7": {"any_of": ["b/"]},
    "b/2": {"n": 2},
    "b/3": {},
}
ALL_FIRST = {**FIRST, "b/1": {}, "b/2": {"needs": ["a/1"]}}


def descriptors(system: System, *, readable: bool = True) -> list[Lasting]:
    """Return the two descriptors of a system."""
    return [Lasting(name, system, readable=readable) for name in "ab"]


def killed_at_every_step(folder: Path, *, readable: bool = True) -> System:
    """Run the two transactions and keep what a kill at each step would leave."""
    system = System(folder)
    system.journal.parent.mkdir()

    async def story(stage: Stage) -> None:
        system.recording = True
        await stage.commit(FIRST)
        await stage.commit(SECOND)
        system.recording = False

    act(story, *descriptors(system, readable=readable), journal=system.journal)
    assert system.held == FINAL
    return system


@pytest.mark.parametrize("readable", [True, False])
def test_killed_at_any_step_and_started_again_it_converges_and_leaks_nothing(
    tmp_path: Path, readable: bool
) -> None:
    system = killed_at_every_step(tmp_path, readable=readable)

    for journal, held in system.deaths:
        after = System(tmp_path)
        after.held.update(held)

        async def story(stage: Stage, after: System = after) -> None:
            await stage.scheduler.settle()
            wanted = stage.scheduler.values()
            assert after.held == (FINAL if "a/7" in wanted else ALL_FIRST)
            await stage.commit(dict.fromkeys(wanted))
            assert after.held == {}
            assert stage.scheduler.values() == {}

        act(story, *descriptors(after, readable=readable), journal=journal)
    assert len(system.deaths) > 40


def test_a_start_without_recovery_touches_nothing_until_it_is_told_to(tmp_path: Path) -> None:
    system = killed_at_every_step(tmp_path)
    journal, held = system.deaths[10]
    after = System(tmp_path)
    after.held.update(held)
    made = descriptors(after)

    async def story(stage: Stage) -> None:
        await stage.scheduler.settle()
        assert after.held == held
        assert not made[0].calls
        assert set(stage.scheduler.values()) == set(FIRST)
        await stage.scheduler.resync()
        assert after.held == ALL_FIRST

    act(story, *made, journal=journal, recover=False)


def test_a_restart_on_what_is_right_calls_for_nothing(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.journal.parent.mkdir()

    async def first(stage: Stage) -> None:
        await stage.commit(FIRST)

    act(first, *descriptors(system), journal=system.journal)
    again = descriptors(system)

    async def second(stage: Stage) -> None:
        await stage.scheduler.settle()
        assert again[0].calls == again[1].calls == []
        assert stage.scheduler.metadata("a")["1"] == "index of a/1"
        states = {status.state for status in stage.scheduler.statuses()}
        assert states == {ValueState.CONFIGURED}

    act(second, *again, journal=system.journal)


def test_policies_and_pending_values_outlive_a_restart(tmp_path: Path) -> None:
    class Failing(Keyed):
        broken = True

        def create(self, key: str, value: Any) -> Any:
            if self.broken and key == "a/1":
                raise RuntimeError("broken")
            Plain.create(self, key, value)

    async def first(stage: Stage) -> None:
        policy = RetryPolicy(first_delay=3.0)
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/9"]}}, retry=policy)

    act(first, Failing(), journal=tmp_path / "journal")
    one = Failing()

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.RETRYING
        assert stage.state("a/2") is ValueState.PENDING
        one.broken = False
        await stage.clock.advance(4.0)
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(second, one, journal=tmp_path / "journal")


class Picky(Keyed):
    """Takes no value that says it is invalid, unless told to."""

    picky = True

    def validate(self, key: str, value: Any) -> None:
        if self.picky and value.get("invalid"):
            raise InvalidValue("says so itself", ("invalid",))


def test_an_invalid_wish_outlives_restarts_until_the_key_is_wanted_otherwise(
    tmp_path: Path,
) -> None:
    held: dict[str, Any] = {}

    def descriptor(*, picky: bool = True) -> Picky:
        made = Picky()
        made.held, made.picky = held, picky
        return made

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.commit({"a/1": {"invalid": True}, "a/2": {"invalid": True}})

    async def second(stage: Stage) -> None:
        assert {key: stage.state(key) for key in ("a/1", "a/2")} == {
            "a/1": ValueState.INVALID,
            "a/2": ValueState.INVALID,
        }
        assert held == {"a/1": {"n": 1}}
        await stage.commit({"a/2": None})

    async def third(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.CONFIGURED
        assert stage.state("a/2") is ValueState.NONEXISTENT
        assert held == {"a/1": {"invalid": True}}

    act(first, descriptor(), journal=tmp_path / "journal")
    act(second, descriptor(), journal=tmp_path / "journal")
    act(third, descriptor(picky=False), journal=tmp_path / "journal")


def test_an_undone_transaction_leaves_an_older_invalid_wish_in_the_journal(
    tmp_path: Path,
) -> None:
    class Failing(Picky):
        def create(self, key: str, value: Any) -> Any:
            raise RuntimeError("broken")

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {"invalid": True}})
        result = await stage.commit({"a/1": {"n": 2}}, revert=True)
        assert result.reverted
        assert stage.state("a/1") is ValueState.INVALID

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.INVALID

    act(first, Failing(), journal=tmp_path / "journal")
    act(second, Failing(), journal=tmp_path / "journal")


def test_an_invalid_wish_that_the_journal_cannot_hold_costs_only_its_memory(
    tmp_path: Path,
) -> None:
    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {"invalid": object()}, "a/2": {}})
        assert stage.state("a/1") is ValueState.INVALID
        assert stage.state("a/2") is ValueState.CONFIGURED

    async def second(stage: Stage) -> None:
        assert stage.state("a/1") is ValueState.NONEXISTENT

    act(first, Picky(), journal=tmp_path / "journal")
    act(second, Picky(), journal=tmp_path / "journal")


def test_a_value_whose_descriptor_is_gone_waits_for_it_and_is_removed_when_it_comes(
    tmp_path: Path,
) -> None:
    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {}, "b/1": {}})

    one = Keyed("a")
    act(first, one, Keyed("b"), journal=tmp_path / "journal")

    async def second(stage: Stage) -> None:
        assert stage.state("a/2") is not ValueState.CONFIGURED
        await stage.commit({"a/1": None})
        await stage.scheduler.resync()
        stage.scheduler.register(one)
        await stage.scheduler.settle()
        assert one.held == {"a/2": {}}
        assert stage.state("a/2") is ValueState.CONFIGURED

    act(second, Keyed("b"), journal=tmp_path / "journal")


def test_descriptors_are_attached_before_the_journal_is_read(tmp_path: Path) -> None:
    class Ordered(Plain):
        order: list[str]

        def attach(self, southbound: Any) -> None:
            super().attach(southbound)
            self.order.append("attach")

        def validate(self, key: str, value: Any) -> None:
            self.order.append("validate")

        def dependencies(self, key: str, value: Any) -> Any:
            self.order.append("dependencies")
            return []

    for _ in range(2):
        one = Ordered()
        one.order = []

        async def story(stage: Stage) -> None:
            await stage.commit({"a/1": 1})

        act(story, one, journal=tmp_path / "journal")
        assert one.order[0] == "attach"
        assert one.order.count("attach") == 1


def test_a_value_that_the_journal_cannot_hold_is_refused_before_anything_is_touched(
    tmp_path: Path,
) -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        try:
            result = await stage.commit({"a/1": object(), "a/2": 2})
        except JournalError:
            assert one.held == {}
            assert stage.scheduler.values() == {}
        else:
            assert set(result.errors) == {"a/1"}
            assert one.held == {"a/2": 2}
        await stage.scheduler.settle()
        assert (await stage.commit({"a/3": 3})).ok
        assert one.held["a/3"] == 3

    act(story, one, journal=tmp_path / "journal")


@pytest.mark.parametrize("metadata", [object(), {1: 2}, float("nan"), "\ud800", [object()]])
def test_metadata_that_the_journal_cannot_hold_is_lost_at_a_restart_and_no_more(
    tmp_path: Path, metadata: Any
) -> None:
    class Odd(Plain):
        def create(self, key: str, value: Any) -> Any:
            Plain.create(self, key, value)
            return metadata

    one = Odd()

    async def first(stage: Stage) -> None:
        assert (await stage.commit({"a/1": 1})).ok
        assert stage.scheduler.metadata("a")["1"] is metadata

    async def second(stage: Stage) -> None:
        await stage.commit({"a/1": None})
        assert one.held == {}

    act(first, one, journal=tmp_path / "journal")
    act(second, one, journal=tmp_path / "journal")


def test_a_journal_that_cannot_be_written_any_more_ends_no_engine_and_hangs_no_commit(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    clock = VirtualClock()
    one, two = Plain("a"), Keyed("b")

    async def make(key: str, value: Any) -> None:
        await asyncio.sleep(1.0)
        if key == "a/1":
            journal.record = full  # type: ignore[method-assign, assignment]

    def full(*_args: Any) -> None:
        raise JournalError("disk full")

    one.create = make  # type: ignore[method-assign]

    async def main() -> None:
        scheduler = Scheduler([one, two], clock=clock, journal=journal)
        await scheduler.start()
        changes: list[dict[str, Any]] = [{"a/1": 1, "a/2": 2}, {"b/1": {}}]
        for change in changes:
            transaction = scheduler.transaction()
            for key, value in change.items():
                transaction.set(key, value)
            async with asyncio.timeout(1000.0):
                await asyncio.gather(transaction.commit(), return_exceptions=True)
        async with asyncio.timeout(1000.0):
            await asyncio.gather(scheduler.close(), return_exceptions=True)

    journal = Journal(folder / "journal")
    clock.run(main())
