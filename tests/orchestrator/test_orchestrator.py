# SPDX-License-Identifier: Apache-2.0
"""Changes of many sources become transactions of one engine, one after another, and are kept."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kvs_agent.orchestrator import Item, Overloaded, StoreError, Wish
from kvs_agent.protection import Protected
from kvscheduler import ClaimConflict, PlanStale, SchedulerClosed, ValueState
from tests.engine.stage import Plain
from tests.orchestrator.stage import Stage, items, play, wish

CONFIGURED, INVALID = ValueState.CONFIGURED, ValueState.INVALID


class Claiming(Plain):
    """Values claim what stands before their colon; a create of "bad" fails."""

    def claims(self, key: str, value: Any) -> Iterable[str]:
        return [str(value).partition(":")[0]] if ":" in str(value) else []

    def create(self, key: str, value: Any) -> Any:
        if value == "bad":
            raise RuntimeError("the southbound refuses")
        return Plain.create(self, key, value)


class Slow(Plain):
    """Creates wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def create(self, key: str, value: Any) -> Any:
        await self.gate.wait()
        return Plain.create(self, key, value)


def test_the_stronger_source_counts_and_a_delete_uncovers_the_weaker() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        await stage.change("etcd", x="from etcd")
        assert await stage.change("file", x="from a file") is None
        await stage.apply(x="by hand")
        assert plain.held == {"a/x": "by hand"}

        await stage.apply(x=None)
        assert plain.held == {"a/x": "from etcd"}
        await stage.change("etcd", x=None)
        assert plain.held == {"a/x": "from a file"}

    play(story, plain)


def test_one_change_is_one_transaction_with_its_source_as_a_label() -> None:
    async def story(stage: Stage) -> None:
        before = len(stage.scheduler.history)
        await stage.change("etcd", x=1, y=2, z=3)

        (result,) = stage.scheduler.history[before:]
        assert result.labels == {"source": "etcd"}
        assert len(result.operations) == 3

    play(story, Plain())


def test_a_replacement_touches_the_difference_alone() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        await stage.change("etcd", x=1, y=2)
        plain.calls.clear()
        await stage.orchestrator.replace("etcd", {"a/y": Item(2), "a/z": Item(3)})

        assert sorted(plain.calls) == [("create", "a/z"), ("delete", "a/x")]

    play(story, plain)


def test_what_sources_held_is_wanted_again_after_a_restart(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await stage.apply(x="by hand")
        await stage.change("etcd", y="from etcd")

    async def second(stage: Stage) -> None:
        assert stage.scheduler.values() == {"a/x": "by hand", "a/y": "from etcd"}
        await stage.orchestrator.replace("etcd", {})
        assert stage.scheduler.values() == {"a/x": "by hand"}

    play(first, Plain(), path=tmp_path / "store.db")
    play(second, Plain(), path=tmp_path / "store.db")


def test_a_source_that_is_configured_no_longer_holds_nothing(tmp_path: Path) -> None:
    async def first(stage: Stage) -> None:
        await stage.apply(x="by hand")
        await stage.change("etcd", y="from etcd")

    async def second(stage: Stage) -> None:
        assert stage.scheduler.values() == {"a/x": "by hand"}
        assert stage.orchestrator.holdings.sources == ("grpc",)

    play(first, Plain(), path=tmp_path / "store.db")
    play(second, Plain(), path=tmp_path / "store.db", sources=())


def test_a_northbound_is_told_of_a_conflict_and_nothing_is_kept() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x="port1:x")
        with pytest.raises(ClaimConflict):
            await stage.apply(y="port1:y", z="fine")

        assert stage.scheduler.values() == {"a/x": "port1:x"}
        assert stage.orchestrator.holdings.of_source("grpc").keys() == {"a/x"}

    play(story, Claiming())


def test_of_a_source_a_conflict_costs_the_later_value_alone() -> None:
    async def story(stage: Stage) -> None:
        await stage.change("etcd", x="port1:x")
        await stage.change("etcd", y="port1:y", z="fine")

        assert [stage.state(name) for name in "xyz"] == [CONFIGURED, INVALID, CONFIGURED]
        assert "a/x" in str(stage.scheduler.status("a/y").error)

    play(story, Claiming())


def test_what_was_refused_for_anothers_sake_is_taken_up_when_that_goes() -> None:
    async def story(stage: Stage) -> None:
        await stage.change("etcd", x="port1:x")
        await stage.change("etcd", y="port1:y")
        await stage.change("etcd", x=None)

        assert stage.state("y") is CONFIGURED
        assert stage.scheduler.values() == {"a/y": "port1:y"}

    play(story, Claiming())


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A value that may be protected."""

    text: str
    protected: bool = False


def test_a_northbound_may_not_delete_what_is_protected() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x=Guarded("1", protected=True))
        with pytest.raises(Protected):
            await stage.apply(x=None)
        assert stage.orchestrator.holdings.holders("a/x") == ("grpc",)

        await stage.apply(x=Guarded("1"))
        await stage.apply(x=None)
        assert stage.scheduler.values() == {}

    play(story, Plain())


@pytest.mark.parametrize("how", ["change", "replace"])
def test_of_a_source_what_is_protected_stays_and_the_rest_is_done(how: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.change("etcd", x=Guarded("1", protected=True), y=Guarded("2"))
        if how == "change":
            await stage.change("etcd", x=None, y=None)
        else:
            await stage.orchestrator.replace("etcd", {})

        assert stage.scheduler.values().keys() == {"a/x"}
        assert stage.orchestrator.holdings.of_source("etcd").keys() == {"a/x"}

    play(story, Plain())


def test_a_change_that_was_rolled_back_is_not_kept() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x="1")
        refused = Wish(source="grpc", changes=items(x="2", y="bad"), revert=True)
        result = await stage.orchestrator.apply(refused)

        assert result is not None
        assert result.reverted
        assert stage.scheduler.values() == {"a/x": "1"}
        assert stage.orchestrator.holdings.of_source("grpc") == {"a/x": Item("1")}

    play(story, Claiming())


def test_what_the_store_does_not_take_is_undone_and_told() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        await stage.apply(x="1")
        with pytest.raises(StoreError):
            await stage.apply(y=object())

        assert plain.held == {"a/x": "1"}
        assert stage.scheduler.values() == {"a/x": "1"}

    play(story, plain)


def test_what_a_source_holds_is_wanted_though_the_store_does_not_take_it() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        value = object()
        await stage.change("etcd", y=value)

        assert plain.held == {"a/y": value}

    play(story, plain)


def test_a_plan_changes_nothing_and_is_what_is_done() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        await stage.change("etcd", x="1")
        asked = wish("grpc", x="2", y="3")
        plan = stage.orchestrator.plan(asked)
        assert [(one.kind, one.key) for one in plan.operations] == [
            ("update", "a/x"),
            ("create", "a/y"),
        ]
        assert plain.held == {"a/x": "1"}

        result = await stage.orchestrator.apply(dataclasses.replace(asked, expect=plan))
        assert result is not None
        assert [one.operation for one in result.operations] == list(plan.operations)

    play(story, plain)


def test_a_plan_that_has_gone_stale_is_refused_and_nothing_is_kept() -> None:
    async def story(stage: Stage) -> None:
        plan = stage.orchestrator.plan(wish(x="2"))
        await stage.change("etcd", z="1")
        with pytest.raises(PlanStale):
            await stage.orchestrator.apply(dataclasses.replace(wish(x="2"), expect=plan))

        assert stage.scheduler.values() == {"a/z": "1"}
        assert stage.orchestrator.holdings.sources == ("etcd",)

    play(story, Plain())


def test_a_resync_mends_what_has_drifted_with_a_change() -> None:
    plain = Readable()

    async def story(stage: Stage) -> None:
        await stage.apply(x="1", y="2")
        plain.held["a/x"] = "drifted"
        await stage.orchestrator.apply(dataclasses.replace(wish(z="3"), resync=True))

        assert plain.held == {"a/x": "1", "a/y": "2", "a/z": "3"}

    play(story, plain)


class Readable(Plain):
    """Can be read back."""

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        return self.found(keys)


def test_too_many_waiting_changes_are_refused_at_once_and_sources_wait_instead() -> None:
    slow = Slow()

    async def story(stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.apply(first=1))
            await asyncio.sleep(0.01)
            waiting = [tasks.create_task(stage.apply(**{f"x{n}": 1})) for n in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="2 changes wait already"):
                await stage.apply(late=1)
            patient = tasks.create_task(stage.change("etcd", patient=1))
            await asyncio.sleep(0)
            assert not patient.done()
            slow.gate.set()
            await asyncio.gather(*waiting, patient)

        assert "a/patient" in slow.held
        assert "a/late" not in slow.held

    play(story, slow, max_waiting=2)


def test_a_change_that_is_cancelled_before_its_turn_withdraws() -> None:
    slow = Slow()

    async def story(stage: Stage) -> None:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(stage.apply(first=1))
            await asyncio.sleep(0.01)
            second = tasks.create_task(stage.apply(second=1))
            await asyncio.sleep(0.01)
            second.cancel()
            slow.gate.set()
            await first
        await stage.apply(third=1)

        assert slow.held.keys() == {"a/first", "a/third"}
        assert stage.orchestrator.holdings.of_source("grpc").keys() == {"a/first", "a/third"}

    play(story, slow)


def test_a_change_that_is_cancelled_after_its_turn_has_come_finishes() -> None:
    slow = Slow()

    async def story(stage: Stage) -> None:
        first = asyncio.create_task(stage.apply(first=1))
        await asyncio.sleep(0.01)
        first.cancel()
        slow.gate.set()
        await asyncio.gather(first, return_exceptions=True)
        await stage.apply(second=1)

        assert slow.held.keys() == {"a/first", "a/second"}
        assert stage.orchestrator.holdings.of_source("grpc").keys() == {"a/first", "a/second"}

    play(story, slow)


def test_once_it_closes_nothing_more_is_taken() -> None:
    async def story(stage: Stage) -> None:
        stage.orchestrator.close()
        with pytest.raises(SchedulerClosed, match="stopping"):
            await stage.apply(x=1)

    play(story, Plain())


def test_what_is_implied_comes_and_goes_with_what_implies_it() -> None:
    plain = Plain()

    async def story(stage: Stage) -> None:
        await stage.apply(x="in red")
        assert plain.held == {"a/x": "in red", "a/red": "implied"}
        await stage.apply(x=None)
        assert plain.held == {}

    def implied(value: object) -> dict[str, object]:
        return {"a/red": "implied"} if "red" in str(value) else {}

    play(story, plain, implied=implied)
