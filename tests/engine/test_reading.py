# SPDX-License-Identifier: Apache-2.0
"""What can be read of the engine, and of the southbound through it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from kvscheduler import OperationError, Retrieved
from kvscheduler.testing import Item, SimulatedDescriptor, SimulatedSouthbound
from tests.engine.stage import Keyed, Later, Plain, Stage, act


class Readable(Plain):
    """Notes in a list that it was retrieved, and may have to come after others."""

    def __init__(self, name: str, asked: list[str], after: Sequence[str] = ()) -> None:
        super().__init__(name)
        self.asked = asked
        self.retrieve_after = tuple(after)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        self.asked.append(self.name)
        return self.found(keys)


def test_the_graph_shows_what_meets_an_any_of_dependency() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {}, "a/3": {"any_of": ["a/"]}})
        graph = stage.scheduler.graph()
        edges: list[Any] = sorted(graph.out_edges("a/3", data="relation"))
        assert edges == [("a/3", "a/1", "any-of"), ("a/3", "a/2", "any-of")]

    act(story, Keyed())


def test_a_retrieve_that_fails_says_so_to_who_asked_for_it() -> None:
    class Unreadable(Readable):
        def retrieve(self, expected: Any, keys: Any = None) -> list[Retrieved]:
            raise OSError("no such device")

    async def story(stage: Stage) -> None:
        with pytest.raises(OperationError, match="no such device"):
            await stage.scheduler.retrieve()

    act(story, Unreadable("a", []))


def test_the_order_of_retrieves_holds_across_a_descriptor_that_retrieves_nothing() -> None:
    class Mute(Plain):
        retrieve_after = ("z",)

    asked: list[str] = []

    async def story(stage: Stage) -> None:
        asked.clear()
        await stage.scheduler.refresh()
        assert asked == ["z", "a"]

    act(story, Readable("a", asked, after=("m",)), Mute("m"), Readable("z", asked))


def test_a_watch_read_only_after_the_close_shows_the_end_and_ends() -> None:
    shown: list[str] = []

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1, "a/2": 2})
        stream = stage.scheduler.watch()
        await stage.scheduler.close()
        shown.extend([status.key async for status in stream])

    act(story, Plain())
    assert shown == ["a/1", "a/2"]


def test_without_a_deadline_a_call_takes_as_long_as_it_takes() -> None:
    class Slow(Later):
        async def create(self, key: str, value: Any) -> Any:
            await stages[0].clock.sleep(5_000.0)
            Plain.create(self, key, value)

    async def story(stage: Stage) -> None:
        stages.append(stage)
        assert (await stage.commit({"a/1": 1})).ok

    stages: list[Stage] = []
    act(story, Slow(), deadline_s=None)


def test_a_thread_that_raises_what_no_future_takes_fails_as_any_other() -> None:
    class Stopping(Plain):
        blocking = True

        def create(self, key: str, value: Any) -> Any:
            raise StopIteration("nothing left")

    async def story(stage: Stage) -> None:
        result = await stage.commit({"a/1": 1})
        assert "StopIteration: nothing left" in str(result.errors["a/1"])

    act(story, Stopping())


@pytest.mark.parametrize("shape", [None, 1])
def test_what_was_found_and_derives_from_what_was_found_goes_before_it(shape: int | None) -> None:
    southbound = SimulatedSouthbound()
    base = Item(derives=(("b/x", Item()),))
    wanted = {} if shape is None else {"a/1": dataclasses.replace(base, shape=shape)}

    async def make(stage: Stage) -> None:
        await stage.commit({"a/1": base})

    async def resync(stage: Stage) -> None:
        result = await stage.commit(wanted, resync="full")
        done = [f"{one.operation.kind} {one.operation.key}" for one in result.operations]
        again = [] if shape is None else ["create a/1", "create b/x"]
        assert done == ["delete b/x", "delete a/1", *again]

    act(make, *(SimulatedDescriptor(southbound, name, f"{name}/") for name in "ab"))
    act(resync, *(SimulatedDescriptor(southbound, name, f"{name}/") for name in "ab"))
    southbound.check()
