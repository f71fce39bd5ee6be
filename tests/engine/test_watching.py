# SPDX-License-Identifier: Apache-2.0
"""``scheduler.watch``: the present first, then changes, the latest of each value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from kvscheduler import Depends, DependsOnAny, Retrieved, ValueState, ValueStatus
from tests.engine.stage import Keyed, Plain, Stage, act


async def read(stream: AsyncIterator[ValueStatus], count: int) -> list[tuple[str, str]]:
    """Return the next statuses as (key, state)."""
    found = [await anext(stream) for _ in range(count)]
    return [(status.key, status.state.value) for status in found]


async def is_silent(stream: AsyncIterator[ValueStatus]) -> bool:
    """Tell whether nothing comes; ends the stream."""
    try:
        async with asyncio.timeout(100.0):
            await anext(stream)
    except TimeoutError:
        return True
    return False


def test_a_watch_begins_with_what_is_sorted_by_key() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/2": {}, "a/1": {}, "a/3": {"needs": ["a/9"]}, "b/1": {}})
        stream = stage.scheduler.watch("a/")
        assert await read(stream, 3) == [
            ("a/1", "configured"),
            ("a/2", "configured"),
            ("a/3", "pending"),
        ]
        assert await is_silent(stream)

    act(story, Keyed("a"), Keyed("b"))


def test_a_watch_goes_on_with_changes_below_its_prefix() -> None:
    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch("a/")
        reader = asyncio.create_task(read(stream, 4))
        await asyncio.sleep(0)
        await stage.commit({"b/1": {}, "a/1": {"needs": ["b/2"]}})
        await asyncio.sleep(0)
        await stage.commit({"b/2": {}})
        await asyncio.sleep(0)
        await stage.commit({"b/2": None})
        await asyncio.sleep(0)
        await stage.commit({"a/1": None})
        states = [state for _, state in await reader]
        assert states[:3] == ["pending", "configured", "pending"]
        assert states[3] in {"removed", "nonexistent"}

    act(story, Keyed("a"), Keyed("b"))


def test_a_slow_reader_skips_to_the_latest_state_of_each_value() -> None:
    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch()
        await stage.commit({"a/1": {}})
        assert await read(stream, 1) == [("a/1", "configured")]
        for number in range(50):
            await stage.commit({"a/1": {"n": number}, f"a/x{number % 2}": {"n": number}})
            await stage.commit({f"a/x{number % 2}": None})
        await stage.commit({"a/1": {"needs": ["a/none"]}})
        assert await read(stream, 1) == [("a/1", "pending")]
        assert await is_silent(stream)

    act(story, Keyed())


def test_a_reader_that_dawdles_between_two_values_gets_each_as_it_is_by_then() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["a/x"]}, "a/2": {"needs": ["a/1"]}})
        stream = stage.scheduler.watch()
        first = await anext(stream)
        assert first.key == "a/1"
        await stage.commit({"a/1": {"needs": ["a/y"]}})
        second = await anext(stream)
        assert second.key == "a/2"
        assert second.unmet[0].path == ("a/1", "a/y")

    act(story, Keyed())


def test_equal_statuses_are_not_repeated() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        stream = stage.scheduler.watch()
        await read(stream, 1)
        await stage.commit({"a/1": {}})
        await stage.scheduler.resync()
        assert await is_silent(stream)

    act(story, Keyed())


def test_two_readers_do_not_disturb_each_other() -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.scheduler.watch(), stage.scheduler.watch("a/2")
        readers = [asyncio.create_task(read(stream, n)) for stream, n in ((one, 2), (two, 1))]
        await asyncio.sleep(0)
        await stage.commit({"a/1": {}, "a/2": {}})
        found = await asyncio.gather(*readers)
        assert found[0] == [("a/1", "configured"), ("a/2", "configured")]
        assert found[1] == [("a/2", "configured")]

    act(story, Keyed())


def test_a_failure_and_what_ends_it_are_shown() -> None:
    class Failing(Keyed):
        fails = True

        def create(self, key: str, value: object) -> None:
            if self.fails:
                raise RuntimeError("no")
            Plain.create(self, key, value)

    one = Failing()

    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch()
        await stage.commit({"a/1": {}})
        assert await read(stream, 1) == [("a/1", "failed")]
        one.fails = False
        await stage.scheduler.resync()
        assert await read(stream, 1) == [("a/1", "configured")]

    act(story, one)


def test_refresh_shows_what_it_found() -> None:
    class Reading(Keyed):
        def retrieve(self, expected: object, keys: object = None) -> list[Retrieved]:
            return self.found()

    one = Reading()

    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch()
        await stage.commit({"a/1": {}})
        await read(stream, 1)
        del one.held["a/1"]
        await stage.scheduler.refresh()
        assert await read(stream, 1) == [("a/1", "missing")]

    act(story, one)


def test_a_descriptor_whose_dependencies_misbehave_later_does_not_end_the_stream() -> None:
    class Moody(Plain):
        asked = 0

        def dependencies(self, key: str, value: object) -> list[Depends | DependsOnAny]:
            self.asked += 1
            if self.asked > 1:
                raise RuntimeError("no longer")
            return [Depends("b/1"), DependsOnAny(("b/",), where=lambda key: bool(1 // 0))]

    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch()
        await stage.commit({"a/1": 1})
        assert await read(stream, 1) == [("a/1", "pending")]
        await stage.commit({"b/1": 1})
        assert await read(stream, 1) == [("b/1", "configured")]
        assert stage.state("a/1") is ValueState.PENDING
        stage.scheduler.graph()

    act(story, Moody("a"), Plain("b"))


def test_a_changed_reason_for_waiting_is_shown() -> None:
    class Failing(Plain):
        def create(self, key: str, value: object) -> None:
            raise RuntimeError("out of memory")

    async def story(stage: Stage) -> None:
        stream = stage.scheduler.watch("a/")
        await stage.commit({"a/1": {"needs": ["a/2"]}, "a/2": {"needs": ["b/1"]}})
        assert await read(stream, 2) == [("a/1", "pending"), ("a/2", "pending")]
        await stage.commit({"b/1": 1})
        status = {one.key: one for one in [await anext(stream), await anext(stream)]}
        assert "out of memory" in status["a/1"].unmet[0].cause
        assert "out of memory" in status["a/2"].unmet[0].cause

    act(story, Keyed("a"), Failing("b"))
