# SPDX-License-Identifier: Apache-2.0
"""Saved plans as data: what comes back is what went in, and each difference is seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent import saved_plan
from kvs_agent.sources.config import Configuration, from_data, load_text, to_data
from kvs_agent.sources.problems import ConfigError
from kvscheduler import Operation, Plan

EXAMPLE = Path(__file__).parents[2] / "examples" / "topology.yaml"
GOOD = load_text(EXAMPLE.read_text(encoding="utf-8"))
CREATE = Operation("create", "a", "base", "d", None, {"x": 1}, "is new")
DELETE = Operation("delete", "b", None, "d", 2, None, "is not wanted")


def plan(*operations: Operation, **more: Any) -> Plan:
    return Plan(operations, [()] * len(operations), **more)


def kept(made: Plan, **changed: Any) -> saved_plan.SavedPlan:
    """Return a plan as it comes back from a file, some of the file's fields changed."""
    data = json.loads(saved_plan.text(GOOD, made))
    return saved_plan.parse(json.dumps({**data, **changed}).encode(), "x.plan")


@given(st.sets(st.sampled_from(sorted(GOOD.places))))
def test_a_configuration_comes_back_as_it_went_in(keys: set[str]) -> None:
    wanted = Configuration(
        {key: GOOD[key] for key in keys}, {key: GOOD.places[key] for key in keys}
    )

    again = from_data(json.loads(json.dumps(to_data(wanted))), "x")

    assert dict(again) == dict(wanted)


def test_the_same_plan_is_let_through() -> None:
    made = plan(CREATE, DELETE, pending={"p": "waits"}, invalid={"i": "is wrong"})

    saved = kept(made)

    assert dict(saved.wanted) == dict(GOOD)
    saved.check(made)


def test_other_words_for_a_reason_are_the_same_plan() -> None:
    saved = kept(plan(CREATE, pending={"p": "waits"}))

    saved.check(plan(CREATE._replace(reason="is wanted"), pending={"p": "waits for q"}))


@pytest.mark.parametrize(
    "other",
    [
        CREATE._replace(kind="update"),
        CREATE._replace(key="c"),
        CREATE._replace(base=None),
        CREATE._replace(descriptor="e"),
        CREATE._replace(old=1),
        CREATE._replace(new={"x": 2}),
        CREATE._replace(recreate=True),
    ],
)
def test_an_operation_that_differs_is_named(other: Operation) -> None:
    saved = kept(plan(CREATE))

    with pytest.raises(saved_plan.PlanMoved) as moved:
        saved.check(plan(other))

    assert f": {other.kind} {other.key} where it says create a; nothing" in str(moved.value)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (plan(), "no longer create a"),
        (plan(CREATE, DELETE), "also delete b"),
        (plan(CREATE, pending={"p": "waits"}), "p is pending"),
        (plan(CREATE, invalid={"i": "is wrong"}), "i is invalid"),
    ],
)
def test_more_and_less_is_named(now: Plan, told: str) -> None:
    saved = kept(plan(CREATE))

    with pytest.raises(saved_plan.PlanMoved, match=f": {told}; nothing was changed, plan again"):
        saved.check(now)


def test_what_no_longer_waits_is_named() -> None:
    saved = kept(plan(pending={"p": "waits"}))

    with pytest.raises(saved_plan.PlanMoved, match=": p is no longer pending; "):
        saved.check(plan())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kvsctl_plan": "2.0"}, "version '2.0', and only 1.0 can be read: plan again"),
        ({"kvsctl_plan": 1}, "version 1, and only 1.0 can be read: plan again"),
        ({"more": 1}, "it takes kvsctl_plan, wanted, plan and nothing else"),
        ({"wanted": []}, "wanted is no dict"),
        ({"plan": None}, "plan is no dict"),
        ({"plan": {"operations": {}}}, "operations is no list"),
        ({"plan": {"operations": [], "pending": []}}, "pending is no dict"),
        ({"plan": {"operations": [1], "pending": {}, "invalid": {}}}, "operations are no objects"),
        (
            {"wanted": {"linux_config": {"interfaces": [{"nam": "a"}]}}},
            "wanted.linux_config.interfaces[0].nam: there is no such field: did you mean name?",
        ),
        (
            {"wanted": {"linux_config": {"interfaces": [{"name": "a"}, {"name": "a"}]}}},
            "interface/a: is at x.plan: wanted.linux_config.interfaces[0] already",
        ),
    ],
)
def test_a_damaged_file_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        kept(plan(), **changed)

    assert str(refused.value).startswith("x.plan: ")
    assert str(refused.value).endswith(told)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": 1, "a": 1}'])
def test_what_is_no_saved_plan_is_refused(raw: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^x\.plan: not a saved plan: "):
        saved_plan.parse(raw, "x.plan")


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^x\.plan: more than \d+ bytes$"):
        saved_plan.parse(b" " * (saved_plan.MAX_BYTES + 1), "x.plan")
