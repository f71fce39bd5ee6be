# SPDX-License-Identifier: Apache-2.0
"""Each transaction is told once and in turn, also those that change no status."""

from __future__ import annotations

import asyncio

from kvs_agent.recording import Following
from kvscheduler import TransactionResult, ValueStatus
from tests.engine.stage import Plain
from tests.orchestrator.stage import Stage, play


def test_results_come_before_the_statuses_that_they_changed() -> None:
    told: list[str] = []

    def result(one: TransactionResult) -> None:
        told.append(f"#{one.number}")

    def status(one: ValueStatus) -> None:
        told.append(f"{one.key} {one.state.name}")

    async def story(stage: Stage) -> None:
        await stage.apply(x=1)
        following = Following(stage.scheduler, stage.feed)
        following.results(result)
        following.statuses(status)
        with following.running():
            assert told == ["#1", "#2", "a/x CONFIGURED"]
            told.clear()
            await stage.apply(y=1)
            await stage.feed.settled(["a/y"])
            await stage.scheduler.resync()
            following.catch_up()

        assert told[0] == "#3"
        assert [one for one in told if one.startswith("#")] == ["#3", "#4"]
        assert following.number == 4

    play(story, Plain())


def test_what_changes_no_status_is_told_in_time_too() -> None:
    told: list[int] = []

    async def story(stage: Stage) -> None:
        following = Following(stage.scheduler, stage.feed)
        following.results(lambda one: told.append(one.number))
        all_told = asyncio.Event()
        following.results(lambda one: all_told.set() if one.number == 4000 else None)
        with following.running():
            running = asyncio.create_task(following.run())
            while stage.scheduler.history[-1].number < 4000:
                await stage.apply(x=stage.scheduler.history[-1].number)
            await all_told.wait()
            running.cancel()

        assert told == list(range(1, 4001))

    play(story, Plain())


def test_nothing_is_told_twice_or_after_the_end() -> None:
    told: list[int] = []

    async def story(stage: Stage) -> None:
        following = Following(stage.scheduler, stage.feed)
        following.results(lambda one: told.append(one.number))
        with following.running():
            for number in range(5):
                await stage.apply(x=number)
                following.catch_up()
                following.catch_up()
        await stage.apply(x="late")

        assert told == [1, 2, 3, 4, 5, 6]

    play(story, Plain())
