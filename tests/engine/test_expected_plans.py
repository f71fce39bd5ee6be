# SPDX-License-Identifier: Apache-2.0
"""Law 7 by example: a commit that expects a plan carries out that very plan, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kvscheduler import PlanStale
from tests.engine.stage import Plain, Stage, act

SHOWN: dict[str, Any] = {"a/1": 1, "a/2": 2}


@pytest.mark.parametrize(
    "other",
    [{"a/1": 1, "a/2": 3}, {"a/1": 1, "a/3": 2}, {"a/1": 1}, {**SHOWN, "a/3": 3}, {}],
    ids=["another value", "another key", "less", "more", "nothing"],
)
def test_what_is_not_the_plan_that_was_shown_is_refused(other: dict[str, Any]) -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        shown = stage.plan(SHOWN)
        with pytest.raises(PlanStale):
            await stage.transaction(other).commit(expect=shown)

    act(story, one)
    assert one.held == {}


def test_a_plan_of_an_earlier_state_is_refused_with_both_revisions_named() -> None:
    async def story(stage: Stage) -> None:
        shown = stage.plan(SHOWN)
        await stage.commit({"a/3": 3})
        with pytest.raises(PlanStale) as refused:
            await stage.transaction(SHOWN).commit(expect=shown)
        now = stage.plan(SHOWN).revision
        assert now > shown.revision
        assert str(refused.value) == (
            f"the state has moved from revision {shown.revision} to {now} since the plan was"
            " made; nothing was touched, plan again"
        )

    act(story, Plain())


def test_an_equal_plan_of_another_transaction_is_as_good() -> None:
    one = Plain()

    async def story(stage: Stage) -> None:
        shown = stage.plan(SHOWN)
        result = await stage.transaction(SHOWN).commit(expect=shown)
        assert result.ok

    act(story, one)
    assert one.held == SHOWN


def test_a_refused_commit_takes_no_number() -> None:
    async def story(stage: Stage) -> None:
        first = await stage.commit({"a/1": 1})
        with pytest.raises(PlanStale):
            await stage.transaction({}).commit(expect=stage.plan(SHOWN))
        second = await stage.commit({"a/1": 2})
        assert second.number == first.number + 1

    act(story, Plain())
