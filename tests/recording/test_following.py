# SPDX-License-Identifier: Apache-2.0
"""Each transaction is told once and in turn, also those that change no status."""

from __future__ import annotations

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
