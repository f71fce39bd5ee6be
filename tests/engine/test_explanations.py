# SPDX-License-Identifier: Apache-2.0
"""A status that explains: what a pending value waits for, down to the root cause."""

from __future__ import annotations

from typing import Any

from kvscheduler import Depends, DependsOnAny, Unmet, ValueState
from tests.engine.stage import Keyed, Plain, Stage, act


def unmet(stage: Stage, key: str) -> Unmet:
    """Return the first thing a value waits for."""
    return stage.scheduler.status(key).unmet[0]


def chain(length: int, last: str) -> dict[str, Any]:
    """Return values of which each needs the next."""
    needs = [f"a/{n + 1:06}" for n in range(length - 1)] + [last]
    return {f"a/{n:06}": {"needs": [need]} for n, need in enumerate(needs)}


def test_a_missing_dependency_is_named_and_nobody_wants_it() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"needs": ["a/2", "a/3"]}, "a/3": {}})
        first, *more = stage.scheduler.status("a/1").unmet
        assert not more
        assert (first.key, first.state) == ("a/2", ValueState.NONEXISTENT)
        assert "nobody wants it" in str(first)

    act(story, Keyed())


def test_the_root_cause_of_a_chain_is_found() -> None:
    class Failing(Keyed):
        def create(self, key: str, value: Any) -> Any:
            raise RuntimeError("out of memory")

    async def story(stage: Stage) -> None:
        await stage.commit({**chain(5, "b/1"), "b/1": {}})
        found = unmet(stage, "a/000000")
        assert found.state is ValueState.PENDING
        assert found.path == ("a/000001", "a/000002", "a/000003", "a/000004", "b/1")
        assert "out of memory" in found.cause
        assert unmet(stage, "a/000004").state is ValueState.FAILED
        plan = stage.plan({"a/9": {"needs": ["a/000000"]}})
        assert "b/1" in plan.pending["a/9"]

    act(story, Keyed("a"), Failing("b"))


def test_each_kind_of_cause_has_its_words() -> None:
    class Choosy(Keyed):
        def validate(self, key: str, value: Any) -> None:
            if value.get("bad"):
                raise ValueError("too big")

    async def story(stage: Stage) -> None:
        await stage.commit(
            {
                "a/1": {"needs": ["a/invalid"]},
                "a/invalid": {"bad": 1},
                "a/2": {"needs": ["u/1"]},
                "u/1": {},
                "a/3": {"any_of": ["x/"]},
                "a/4": {"needs": ["a/3"]},
                "a/5": {"needs": ["a/6"]},
                "a/6": {"needs": ["a/5", "a/none"]},
                "a/7": {"derives": {"a/8": {}}, "needs": ["a/none"]},
            }
        )
        assert "too big" in unmet(stage, "a/1").cause
        assert "no descriptor" in unmet(stage, "a/2").cause
        assert "below x/" in unmet(stage, "a/3").cause
        assert "below x/" in unmet(stage, "a/4").cause
        assert "a/none" in unmet(stage, "a/5").cause
        assert unmet(stage, "a/8").label == "base"
        assert "a/none" in unmet(stage, "a/8").cause

    act(story, Choosy())


def test_labels_of_dependencies_are_shown() -> None:
    class Labelled(Plain):
        def dependencies(self, key: str, value: Any) -> list[Depends | DependsOnAny]:
            return [Depends("b/1", "the bridge"), DependsOnAny(("c/",), label="any cable")]

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": 1})
        assert [one.label for one in stage.scheduler.status("a/1").unmet] == [
            "the bridge",
            "any cable",
        ]

    act(story, Labelled())


def test_of_two_any_of_dependencies_the_one_that_is_not_met_is_named() -> None:
    async def story(stage: Stage) -> None:
        plan = stage.plan({"a/1": {}, "a/2": {"any_of": ["a/", "x/"]}})
        assert plan.pending == {"a/2": "needs any of x/, of which there is none"}
        await stage.commit({"a/1": {}, "a/2": {"any_of": ["a/", "x/"]}})
        (missing,) = stage.scheduler.status("a/2").unmet
        assert "below x/" in missing.cause

    act(story, Keyed())


def test_any_of_values_that_only_hold_each_other_up_say_so() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"any_of": ["a/2"]}, "a/2": {"any_of": ["a/1"]}})
        assert stage.state("a/1") is stage.state("a/2") is ValueState.PENDING
        assert unmet(stage, "a/1").cause
        assert set(stage.plan({"a/3": {"needs": ["a/1"]}}).pending) == {"a/3"}

    act(story, Keyed())


def test_a_value_that_waits_for_a_claim_says_for_whose() -> None:
    class Claiming(Keyed):
        def claims(self, key: str, value: Any) -> list[str]:
            return [value["claim"]] if "claim" in value else []

        def delete(self, key: str, value: Any, metadata: Any) -> Any:
            raise RuntimeError("will not go")

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"claim": "x"}})
        await stage.commit({"a/1": None, "a/2": {"claim": "x"}})
        assert stage.state("a/2") is ValueState.PENDING
        assert "a/1" in stage.plan({"a/2": {"claim": "x", "n": 1}}).pending["a/2"]
        text = " ".join(map(str, stage.scheduler.status("a/2").unmet))
        assert "a/1" in text
        assert "x" in text

    act(story, Claiming())


def test_the_path_to_a_far_root_cause_is_short_and_ends_at_it() -> None:
    async def story(stage: Stage) -> None:
        await stage.commit(chain(20_000, "a/none"))
        found = unmet(stage, "a/000000")
        assert len(found.path) <= 32
        assert found.path[-1] == "a/none"
        assert "a/none is unknown" in found.cause

    act(story, Keyed())
