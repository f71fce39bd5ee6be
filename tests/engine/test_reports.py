# SPDX-License-Identifier: Apache-2.0
"""What descriptors report by ``southbound``: from any thread, at any time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from kvscheduler import Origin, Retrieved, RetryPolicy, ValueState
from tests.engine.stage import Keyed, Later, Plain, Stage, act

RETRY = RetryPolicy(first_delay=1.0)


class Reading(Keyed):
    """Tells what it holds."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        return self.found(keys)


def test_notifications_from_many_threads_are_all_worked_in() -> None:
    one = Plain()

    def report(thread: int) -> None:
        for number in range(50):
            one.port.notify({f"a/{thread}-{number}": number}, {f"a/{thread}-{number}": number})

    async def story(stage: Stage) -> None:
        threads = [threading.Thread(target=report, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        await stage.scheduler.settle()
        statuses = stage.scheduler.statuses("a/")
        assert len(statuses) == 400
        assert {status.state for status in statuses} == {ValueState.OBTAINED}
        assert len(stage.scheduler.metadata("a")) == 400

    act(story, one)


def test_of_several_reports_about_one_key_the_last_counts() -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        for number in range(100):
            one.port.notify({"a/1": number, "a/2": number})
            one.port.notify({"a/2": None})
        await stage.scheduler.settle()
        assert stage.scheduler.values(view="configured") == {"a/1": 99}

    act(story, one)


def test_drift_of_a_wanted_value_is_repaired_at_once() -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        one.port.notify({"a/1": {"altered": 1}})
        await stage.scheduler.settle()
        assert one.calls[2:] == [("update", "a/1")]
        one.port.notify({"a/1": None})
        await stage.scheduler.settle()
        assert one.calls[3:] == [("delete", "a/2"), ("create", "a/1"), ("create", "a/2")]

    act(story, one)


class Echoing(Later):
    """Reports, before each operation takes effect, what stood until then, and can be asked."""

    def _echo(self, key: str) -> None:
        self.port.notify({key: self.held.get(key)})

    async def create(self, key: str, value: Any) -> Any:
        self._echo(key)
        return await Later.create(self, key, value)

    async def delete(self, key: str, value: Any, metadata: Any) -> Any:
        self._echo(key)
        return await Later.delete(self, key, value, metadata)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        return self.found(keys)


def test_a_report_older_than_the_engines_own_operation_is_not_believed() -> None:
    one = Echoing()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.CONFIGURED
        await stage.commit({"a/1": None})
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.NONEXISTENT

    act(story, one)
    assert one.calls == [("create", "a/1"), ("delete", "a/1")]


def test_a_loss_right_after_the_engines_own_operation_is_found_and_repaired() -> None:
    class Losing(Echoing):
        losses = 1

        async def create(self, key: str, value: Any) -> Any:
            await Later.create(self, key, value)
            if self.losses:
                self.losses -= 1
                del self.held[key]
                self.port.notify({key: None})

    one = Losing()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, one)
    assert one.calls == [("create", "a/1"), ("create", "a/1")]
    assert one.held == {"a/1": {"n": 1}}


@pytest.mark.parametrize("report", ["nonsense key", "empty key"])
def test_nonsense_reports_are_dropped_and_harm_nobody(report: str) -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        key: Any = 17 if report == "nonsense key" else ""
        one.port.notify({key: 1, "a/1": 1})
        one.port.notify({key: None})
        one.port.failed(key, RuntimeError("no"))
        await stage.scheduler.settle()
        assert stage.state("a/1") is ValueState.OBTAINED
        stage.scheduler.statuses()
        assert (await stage.commit({"a/2": 1})).ok
        assert (await stage.scheduler.resync()).ok

    act(story, one)


def test_a_value_that_is_reported_broken_has_failed() -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        one.port.failed("a/1", RuntimeError("it broke"))
        await stage.scheduler.settle()
        status = stage.scheduler.status("a/1")
        assert status.state is ValueState.FAILED
        assert "it broke" in str(status.error)
        one.port.failed("a/unknown", RuntimeError("what?"))
        await stage.scheduler.settle()
        assert stage.state("a/unknown") is ValueState.NONEXISTENT

    act(story, one)


@pytest.mark.parametrize("how", ["retry", "set again", "resync"])
def test_a_broken_value_is_mended_by_a_call_not_by_words(how: str) -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}}, retry=RETRY if how == "retry" else None)
        one.port.failed("a/1", RuntimeError("it broke"))
        await stage.scheduler.settle()
        assert len(one.calls) == 1
        if how == "retry":
            assert stage.state("a/1") is ValueState.RETRYING
            await stage.clock.advance(2.0)
        elif how == "set again":
            await stage.commit({"a/1": {}})
        else:
            await stage.scheduler.resync()
        await stage.scheduler.settle()
        assert len(one.calls) > 1
        assert one.held == {"a/1": {}}
        assert stage.state("a/1") is ValueState.CONFIGURED
        await stage.commit({"a/1": {}})
        await stage.clock.advance(100.0)
        assert len(one.calls) <= 3

    act(story, one)


def test_a_resync_that_the_southbound_asks_for_repairs_below_its_prefix() -> None:
    one, two = Reading("a"), Reading("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "b/1": {}})
        one.held.clear()
        two.held.clear()
        one.port.request_resync("a/")
        await stage.scheduler.settle()
        assert one.held == {"a/1": {}}
        assert two.held == {}
        assert stage.scheduler.history[-1].kind == "resync"
        one.port.request_resync()
        await stage.scheduler.settle()
        assert two.held == {"b/1": {}}

    act(story, one, two)


def test_many_requests_for_a_resync_are_one() -> None:
    one = Reading()

    async def story(stage: Stage) -> None:
        for _ in range(100):
            one.port.request_resync()
        await stage.scheduler.settle()
        assert len(stage.scheduler.history) == 1

    act(story, one)


def test_metadata_mappings_are_live_read_only_and_follow_the_values() -> None:
    class Numbering(Keyed):
        count = 0

        def label(self, key: str) -> str:
            return f"<{key}>"

        def create(self, key: str, value: Any) -> int:
            Plain.create(self, key, value)
            self.count += 1
            return self.count

        def update(self, key: str, old: Any, new: Any, metadata: Any) -> int | None:
            Plain.update(self, key, old, new, metadata)
            return 100 if new.get("moves") else None

        def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
            return bool(new.get("recreates"))

    one = Numbering()

    async def story(stage: Stage) -> None:
        mapping, inner = stage.scheduler.metadata("a"), one.port.metadata("a")
        await stage.commit({"a/1": {}})
        assert mapping == {"<a/1>": 1}
        await stage.commit({"a/1": {"n": 2}})
        assert mapping == {"<a/1>": 1}
        await stage.commit({"a/1": {"moves": True}})
        assert mapping == {"<a/1>": 100}
        await stage.commit({"a/1": {"recreates": True}})
        assert mapping == inner == {"<a/1>": 2}
        with pytest.raises(TypeError):
            mapping["<a/1>"] = 5  # type: ignore[index]  # that is the point
        await stage.commit({"a/1": None})
        assert mapping == {}
        with pytest.raises(KeyError):
            stage.scheduler.metadata("unknown")

    act(story, one)


def test_of_two_keys_with_one_label_the_one_that_goes_leaves_the_others_metadata() -> None:
    class Same(Keyed):
        def label(self, key: str) -> str:
            return "same"

        def create(self, key: str, value: Any) -> str:
            Plain.create(self, key, value)
            return key

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.commit({"a/2": {}})
        await stage.commit({"a/1": None})
        assert stage.scheduler.metadata("a") == {"same": "a/2"}

    act(story, Same())


def test_a_reported_property_carries_its_metadata_and_origin() -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        one.port.notify({"a/1": 1}, {"a/1": "m1"})
        await stage.scheduler.settle()
        one.port.notify({"a/1": 1}, {"a/1": "m2"})
        await stage.scheduler.settle()
        assert stage.scheduler.metadata("a") == {"1": "m2"}
        assert stage.scheduler.status("a/1").origin is Origin.SOUTHBOUND
        one.port.notify({"a/1": None})
        await stage.scheduler.settle()
        assert stage.scheduler.metadata("a") == {}

    act(story, one)


@pytest.mark.parametrize("ends", ["error", "cancelled", "no coroutine", "base exception group"])
def test_a_watch_that_fails_is_restarted_after_a_pause_that_grows(ends: str) -> None:
    class Watching(Plain):
        started: list[float]

        def watch(self) -> Any:
            self.started.append(stages[0].clock.monotonic())
            return self.go() if ends != "no coroutine" else None

        async def go(self) -> None:
            if ends == "cancelled":
                raise asyncio.CancelledError
            if ends == "error":
                raise RuntimeError("lost the connection")
            raise ExceptionGroup("several", [RuntimeError("lost")])

    one, stages = Watching(), []
    one.started = []

    async def story(stage: Stage) -> None:
        stages.append(stage)
        await stage.clock.advance(20.0)
        assert (await stage.commit({"a/1": 1})).ok

    act(story, one)
    pauses = [after - before for before, after in zip(one.started, one.started[1:], strict=False)]
    assert pauses == [1.0, 2.0, 4.0, 8.0]
