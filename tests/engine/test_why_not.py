# SPDX-License-Identifier: Apache-2.0
"""What a plan says of wanted values that will not stand, word by word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kvscheduler import DependsOnAny, Descriptor, Retrieved
from tests.engine.stage import Keyed, Stage, act


class Stubborn(Keyed):
    """Fails to make, or to take away, what is in ``failing``; nothing tells what stands."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[tuple[str, str]] = set()

    def create(self, key: str, value: Any) -> Any:
        Keyed.create(self, key, value)
        if ("create", key) in self.failing:
            raise RuntimeError("made by halves")

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        if ("delete", key) in self.failing:
            raise RuntimeError("busy")
        Keyed.delete(self, key, value, metadata)

    def retrieve(self, expected: Any, keys: Any = None) -> Iterable[Retrieved]:
        raise OSError("unreadable")


class Choosy(Descriptor[Any, Any]):
    """Refuses what is bad; needs any of a kind that has a name."""

    name, key_prefix = "a", "a/"

    def validate(self, key: str, value: Any) -> None:
        if value.get("bad"):
            raise ValueError("too big")

    def dependencies(self, key: str, value: Any) -> Iterable[DependsOnAny]:
        return [DependsOnAny(prefixes=(p,), label=p.upper()) for p in value.get("any", ())]

    def create(self, key: str, value: Any) -> Any:
        pass


LEANS = {"a/9": {"needs": ["a/1"]}}


def test_what_needs_a_value_that_fails_to_go_is_told_why_it_does() -> None:
    one = Stubborn()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        one.failing = {("delete", "a/1")}
        await stage.commit({"a/1": None})
        assert stage.plan(LEANS).pending == {
            "a/9": "needs a/1, which fails to go: delete a/1: busy"
        }

    act(story, one)


def test_what_may_be_there_and_fails_to_go_is_a_value_that_nobody_wants() -> None:
    one = Stubborn()
    one.failing = {("create", "a/1"), ("delete", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        await stage.commit({"a/1": None})
        assert stage.plan(LEANS).pending == {"a/9": "needs a/1, which nobody wants"}

    act(story, one)


def test_what_failed_is_told_with_the_error() -> None:
    one = Stubborn()
    one.failing = {("create", "a/1")}

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        assert stage.plan(LEANS).pending == {
            "a/9": "needs a/1, which failed: create a/1: made by halves"
        }

    act(story, one)


@pytest.mark.parametrize("earlier", [True, False], ids=["before", "now"])
def test_what_is_invalid_is_told_with_the_reason_once_and_ever_after(*, earlier: bool) -> None:
    class Both(Keyed):
        def validate(self, key: str, value: Any) -> None:
            if value.get("bad"):
                raise ValueError("too big")

    async def story(stage: Stage) -> None:
        bad: dict[str, Any] = {"a/1": {"bad": True}}
        if earlier:
            await stage.commit(bad)
        why = stage.plan(LEANS if earlier else {**bad, **LEANS}).pending["a/9"]
        assert why.startswith("needs a/1, which is invalid: ")
        assert why.endswith("too big")

    act(story, Both())


def test_an_any_of_dependency_goes_by_its_label() -> None:
    async def story(stage: Stage) -> None:
        wants = {"a/1": {"any": ["b/"]}}
        assert stage.plan(wants).pending == {"a/1": "needs B/, of which there is none"}

    act(story, Choosy())


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("a/2", "needs a/2, which waits for b/1, which nobody wants"),
        ("a/4", "needs a/4, which waits for b/1, which nobody wants"),
        ("a/5", "needs a/5, which waits for b/1, which nobody wants"),
        ("b/1", "needs b/1, which nobody wants"),
    ],
)
def test_at_the_end_of_a_chain_is_the_root_cause(last: str, why: str) -> None:
    chain = {f"a/{n}": {"needs": [f"a/{n + 1}"]} for n in range(2, 5)}

    async def story(stage: Stage) -> None:
        plan = stage.plan({**chain, "a/5": {"needs": ["b/1"]}, "a/1": {"needs": [last]}})
        assert plan.pending["a/1"] == why

    act(story, Keyed())
