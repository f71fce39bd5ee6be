# SPDX-License-Identifier: Apache-2.0
"""What a descriptor says of a value that others wait for and that is not there."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kvscheduler import Descriptor, ValueState
from tests.engine.stage import Keyed, Plain, Stage, act


class Ports(Descriptor[Any, Any]):
    """Properties, of whose absence something is known; ``asked`` is how often it was asked for."""

    name, key_prefix = "port", "port/"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def why_absent(self, key: str) -> str:
        self.asked.append(key)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        said: str = answer
        return said


class Grasping(Plain):
    """Selects what another one selects too."""

    def selects(self, key: str) -> bool:
        return key.startswith(("grasping/", "both/"))


def causes(stage: Stage, key: str) -> list[str]:
    return [one.cause for one in stage.scheduler.status(key).unmet]


def test_what_is_awaited_is_explained_by_its_descriptor_anew_each_time() -> None:
    ports = Ports("unplugged since 4:12", "unplugged since 4:13", "unplugged since 4:14")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["port/1"]}, "a/2": {"needs": ["a/1"]}})

        assert ports.asked == []
        assert causes(stage, "a/1") == ["port/1 is not there: unplugged since 4:12"]
        assert causes(stage, "a/1") == ["port/1 is not there: unplugged since 4:13"]
        (unmet,) = stage.scheduler.status("a/2").unmet
        assert unmet.path == ("a/1", "port/1")
        assert str(unmet) == "a/1: port/1 is not there: unplugged since 4:14 (via port/1)"

    act(story, Keyed(), ports)


def test_what_has_gone_is_explained_too() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["port/1"]}})
        await stage.scheduler.notify("port/1", "up")
        assert stage.state("a/1") is ValueState.CONFIGURED

        await stage.scheduler.notify("port/1", None)

        assert causes(stage, "a/1") == ["port/1 is not there: pulled out"]

    act(story, Keyed(), Ports("pulled out"))


def test_planning_asks_nobody() -> None:
    ports = Ports()

    async def story(stage: Stage) -> None:
        plan = stage.plan({"a/1": {"needs": ["port/1"]}})
        await stage.commit({"a/1": {"needs": ["port/1"]}})

        assert plan.pending == {"a/1": "needs port/1, which is not there"}
        assert ports.asked == []

    act(story, Keyed(), ports)


@pytest.mark.parametrize("said", ["", None])
def test_who_has_nothing_to_say_leaves_it_at_that(said: Any) -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["port/1"]}})

        assert causes(stage, "a/1") == ["port/1 is not there"]

    act(story, Keyed(), Ports(said))


def test_one_that_raises_costs_its_own_words_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["port/1"]}})

        with caplog.at_level(logging.ERROR):
            assert causes(stage, "a/1") == ["port/1 is not there"]

        assert "why_absent() failed on port/1" in caplog.text

    act(story, Keyed(), Ports(RuntimeError("no idea")))


def test_an_answer_without_end_is_cut() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["port/1"]}})

        assert causes(stage, "a/1") == [f"port/1 is not there: {'x' * 1000}"]

    act(story, Keyed(), Ports("x" * 5000))


def test_a_key_that_two_select_is_explained_by_neither() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["both/1"]}})

        assert causes(stage, "a/1") == ["both/1 is unknown: nobody wants it"]

    act(story, Keyed(), Grasping("b"), Grasping("c"))


def test_a_base_that_is_named_as_a_need_as_well_is_told_once() -> None:
    async def story(stage: Stage) -> None:
        derives = {"b/1": {"needs": ["a/1"]}}
        await stage.commit({"a/1": {"needs": ["port/1"], "derives": derives}})

        assert [one.label for one in stage.scheduler.status("b/1").unmet] == ["base"]

    act(story, Keyed(), Keyed("b"), Ports("gone"))


def test_what_only_the_southbound_makes_is_not_said_to_be_wanted_by_nobody() -> None:
    async def story(stage: Stage) -> None:
        plan = stage.plan({"a/1": {"needs": ["port/1"]}, "a/2": {"needs": ["both/1"]}})

        assert plan.pending["a/1"] == "needs port/1, which is not there"
        assert plan.pending["a/2"] == "needs both/1, which nobody wants"
        await stage.commit({"a/1": {"needs": ["port/1"]}})
        assert causes(stage, "a/1") == ["port/1 is not there"]

    act(story, Keyed(), Ports(""), Grasping("b"), Grasping("c"))
