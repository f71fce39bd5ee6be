# SPDX-License-Identifier: Apache-2.0
"""Who waits for values is woken when they have settled, derived ones too; states are counted."""

from __future__ import annotations

import asyncio
from typing import Any

from kvscheduler import ValueState, ValueStatus
from tests.engine.stage import Keyed
from tests.orchestrator.stage import Stage, play


class Picky(Keyed):
    """Refuses values that say so."""

    def create(self, key: str, value: Any) -> Any:
        if value.get("fails"):
            raise RuntimeError("no")
        return Keyed.create(self, key, value)


async def until_waiting(stage: Stage, key: str) -> None:
    while key not in stage.feed._waiting:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


def test_what_stands_has_settled_at_once() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x={})

        statuses = await stage.feed.settled(["a/x", "a/nobody"])

        assert statuses["a/x"].state is ValueState.CONFIGURED
        assert statuses["a/nobody"].state is ValueState.NONEXISTENT

    play(story, Picky())


def test_what_waits_has_settled_once_what_it_needs_has_come() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x={"needs": ["a/y"]})
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(stage.feed.settled(["a/x"]))
            await until_waiting(stage, "a/x")
            assert not waiting.done()
            await stage.apply(y={})

        assert waiting.result()["a/x"].state is ValueState.CONFIGURED

    play(story, Picky())


def test_a_value_has_settled_when_what_derives_from_it_has() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x={"derives": {"a/d": {"needs": ["a/y"]}}})
        assert stage.state("x") is ValueState.CONFIGURED
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(stage.feed.settled(["a/x"]))
            await until_waiting(stage, "a/x")
            assert not waiting.done()
            await stage.apply(y={})

        (derived,) = waiting.result()["a/x"].derived
        assert derived.state is ValueState.CONFIGURED

    play(story, Picky())


def test_a_failure_that_is_tried_again_has_not_settled_and_one_that_is_not_has() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x={"fails": True})
        assert stage.state("x") is ValueState.RETRYING
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(stage.feed.settled(["a/x"]))
            await until_waiting(stage, "a/x")
            assert not waiting.done()
            await stage.apply(x=None)

        assert waiting.result()["a/x"].state is ValueState.NONEXISTENT

    play(story, Picky())


def test_who_stops_waiting_leaves_nothing_behind() -> None:
    async def story(stage: Stage) -> None:
        await stage.apply(x={"needs": ["a/y"]})
        waiting = asyncio.create_task(stage.feed.settled(["a/x"]))
        await until_waiting(stage, "a/x")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert stage.feed._waiting == {}

    play(story, Picky())


def test_states_are_counted_and_listeners_told() -> None:
    heard: list[tuple[str, ValueState]] = []

    def listen(status: ValueStatus) -> None:
        heard.append((status.key, status.state))

    async def story(stage: Stage) -> None:
        with stage.feed.listening(listen):
            await stage.apply(x={}, y={"needs": ["a/z"]})
            await asyncio.sleep(0.01)
            assert stage.feed.counts[ValueState.CONFIGURED] == 1
            assert stage.feed.counts[ValueState.PENDING] == 1
            await stage.apply(y=None)
            await asyncio.sleep(0.01)
        await stage.apply(z={})
        await asyncio.sleep(0.01)

        assert stage.feed.counts[ValueState.PENDING] == 0
        assert stage.feed.counts[ValueState.CONFIGURED] == 2
        assert ("a/x", ValueState.CONFIGURED) in heard
        assert ("a/z", ValueState.CONFIGURED) not in heard

    play(story, Picky())


def test_a_listener_that_raises_costs_nobody_else_anything() -> None:
    heard: list[str] = []

    def fail(status: ValueStatus) -> None:
        raise ValueError(status.key)

    async def story(stage: Stage) -> None:
        with stage.feed.listening(fail), stage.feed.listening(lambda one: heard.append(one.key)):
            await stage.apply(x={}, y={})
            await asyncio.sleep(0.01)

        assert heard == ["a/x", "a/y"]
        assert stage.feed.counts[ValueState.CONFIGURED] == 2

    play(story, Picky())
