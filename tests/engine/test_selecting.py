# SPDX-License-Identifier: Apache-2.0
"""Law 12 by example: descriptors that select their keys, and each other's too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from kvscheduler import Derived, RegistrationError, Retrieved, Scheduler, ValueState
from tests.engine.stage import Plain, Stage, act


class Containing(Plain):
    """Selects the keys that contain its name, and can retrieve them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.key_prefix = ""

    def selects(self, key: str) -> bool:
        return self.name in key

    def create(self, key: str, value: Any) -> Any:
        super().create(key, value)
        return f"index of {key}"

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        return self.found(keys)


def test_a_descriptor_that_selects_nothing_and_has_no_prefix_is_refused() -> None:
    bare = Plain("bare")
    bare.key_prefix = ""

    with pytest.raises(RegistrationError, match="bare: give it a key_prefix, or selects"):
        Scheduler([Plain("a"), bare])


def test_a_selected_key_is_its_own_label() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"x/1": 1})
        assert dict(stage.scheduler.metadata("x")) == {"x/1": "index of x/1"}

    act(story, Containing("x"))


def test_a_resync_of_a_key_that_two_select_costs_only_that_key() -> None:
    async def story(stage: Stage) -> None:
        result = await stage.commit({"x": 1, "xy": 1}, resync="full")
        assert set(result.errors) == {"xy"}
        assert stage.state("x") is ValueState.CONFIGURED

    act(story, Containing("x"), Containing("y"))


def test_what_two_select_is_neither_retrieved_nor_believed_when_it_is_reported() -> None:
    one = Containing("x")
    one.held["xy"] = 1

    async def story(stage: Stage) -> None:
        assert await stage.scheduler.retrieve() == {}
        await stage.scheduler.notify("xy", 1)
        assert stage.state("xy") is ValueState.NONEXISTENT

    act(story, one, Containing("y"))


def test_a_fact_that_two_come_to_select_becomes_invalid() -> None:
    class Deriving(Plain):
        def derived(self, key: str, value: Any) -> list[Derived]:
            return [Derived("xy", 1)]

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        stage.scheduler.register(Containing("x"))
        stage.scheduler.register(Containing("y"))
        await stage.scheduler.settle()
        assert stage.state("xy") is ValueState.INVALID
        assert stage.state("a/1") is ValueState.CONFIGURED

    act(story, Deriving())
