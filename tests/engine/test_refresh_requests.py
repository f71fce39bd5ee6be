# SPDX-License-Identifier: Apache-2.0
"""``southbound.request_refresh``: something has moved, whoever knows what may look."""

from __future__ import annotations

from collections.abc import Sequence

from kvscheduler import Retrieved, ValueState
from tests.engine.stage import Keyed, Stage, act


class Reading(Keyed):
    """Tells what it holds, and notes what it was asked for."""

    def __init__(self, name: str = "a") -> None:
        super().__init__(name)
        self.asked: list[list[str] | None] = []

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        self.asked.append(None if keys is None else sorted(keys))
        return self.found(keys)


def test_what_is_gone_is_put_back_and_nothing_else_is_read() -> None:
    one, two = Reading("a"), Reading("b")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {}, "b/1": {}})
        one.held.clear()
        one.port.request_refresh(["a/1", "a/unknown"])
        await stage.scheduler.settle()

        assert one.held == {"a/1": {}}
        assert one.asked == [["a/1"]]
        assert two.asked == []

    act(story, one, two)


def test_what_is_as_it_was_leaves_no_trace() -> None:
    one = Reading()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        seen = len(stage.scheduler.history)
        one.port.request_refresh(["a/1"])
        await stage.scheduler.settle()

        assert one.asked == [["a/1"]]
        assert len(stage.scheduler.history) == seen

    act(story, one)


def test_what_derives_from_it_or_needs_either_is_read_too() -> None:
    one = Reading()

    async def story(stage: Stage) -> None:
        await stage.commit(
            {
                "a/base": {"derives": {"a/derived/x": {}, "fact": {}}},
                "a/needs": {"needs": ["a/base"]},
                "a/any": {"any_of": [("a/derived/",)]},
                "a/needs-fact": {"needs": ["fact"]},
                "a/other": {},
            }
        )
        one.port.request_refresh(["a/base"], around=True)
        one.port.request_refresh(["a/base"])
        await stage.scheduler.settle()

        assert one.asked == [["a/any", "a/base", "a/derived/x", "a/needs", "a/needs-fact"]]

    act(story, one)


def test_a_slash_at_the_end_stands_for_all_below() -> None:
    one = Reading()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/x/1": {}, "a/x/2": {}, "a/x": {}, "a/y/1": {}})
        one.port.request_refresh(["a/x/"])
        await stage.scheduler.settle()

        assert one.asked == [["a/x/1", "a/x/2"]]

    act(story, one)


def test_many_requests_are_one_look() -> None:
    one = Reading()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        for _ in range(100):
            one.port.request_refresh(["a/1"])
        await stage.scheduler.settle()

        assert one.asked == [["a/1"]]

    act(story, one)


def test_it_waits_for_its_turn_and_a_failed_value_is_not_tried_again() -> None:
    class Failing(Reading):
        def create(self, key: str, value: object) -> None:
            self.calls.append(("create", key))
            self.port.request_refresh([key])
            raise OSError("no")

    one = Failing()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.scheduler.settle()

        assert stage.state("a/1") is ValueState.FAILED
        assert one.calls == [("create", "a/1")]

    act(story, one)
