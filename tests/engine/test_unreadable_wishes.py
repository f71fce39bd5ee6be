# SPDX-License-Identifier: Apache-2.0
"""Wanted values that could not be read: invalid, with the reason, and nobody is shown them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kvscheduler import Scheduler, Unreadable, ValueState
from tests.engine.stage import Plain, Stage, act

BROKEN = Unreadable("line 3: no such field: mtuu")


class Strict(Plain):
    """Would not survive a value that is not a number."""

    def validate(self, key: str, value: Any) -> None:
        assert isinstance(value, int), "shown what it cannot read"


def test_what_cannot_be_read_is_invalid_and_says_why() -> None:
    async def run(stage: Stage) -> None:
        result = await stage.commit({"a/x": BROKEN})

        assert stage.state("a/x") is ValueState.INVALID
        assert str(stage.scheduler.status("a/x").error) == BROKEN.reason
        assert "mtuu" in str(result.errors["a/x"])
        assert stage.scheduler.values() == {"a/x": BROKEN}

    strict = Strict()
    act(run, strict)

    assert strict.calls == []


def test_the_last_value_that_could_be_read_stands_until_the_next_one() -> None:
    strict = Strict()

    async def run(stage: Stage) -> None:
        await stage.commit({"a/x": 1})
        await stage.commit({"a/x": BROKEN})
        assert strict.held == {"a/x": 1}
        await stage.commit({"a/x": 2})

        assert strict.held == {"a/x": 2}
        assert stage.state("a/x") is ValueState.CONFIGURED

    act(run, strict)


def test_a_wish_that_cannot_be_read_can_be_deleted() -> None:
    strict = Strict()

    async def run(stage: Stage) -> None:
        await stage.commit({"a/x": 1})
        await stage.commit({"a/x": BROKEN})
        await stage.commit({"a/x": None})

        assert stage.state("a/x") is ValueState.NONEXISTENT
        assert strict.held == {}

    act(run, strict)


def test_under_a_key_without_a_descriptor_it_is_unimplemented() -> None:
    async def run(stage: Stage) -> None:
        await stage.commit({"b/x": BROKEN})
        assert stage.state("b/x") is ValueState.UNIMPLEMENTED

        stage.scheduler.register(Strict("b"))
        await stage.scheduler.settle()
        assert stage.state("b/x") is ValueState.INVALID

    act(run, Strict())


async def _restarted(path: Path, strict: Strict) -> Scheduler:
    async with Scheduler([strict], journal=path) as scheduler:
        return scheduler


def test_it_outlives_a_restart(tmp_path: Path) -> None:
    async def run(_stage: Stage) -> None:
        async with Scheduler([Strict("b")], journal=tmp_path / "journal") as scheduler:
            await scheduler.transaction().commit()
            transaction = scheduler.transaction()
            transaction.set("b/x", BROKEN)
            await transaction.commit()
        scheduler = await _restarted(tmp_path / "journal", Strict("b"))

        assert scheduler.values() == {"b/x": BROKEN}
        assert scheduler.status("b/x").state is ValueState.INVALID

    act(run, Strict())


def test_nobody_looks_for_what_cannot_be_read() -> None:
    strict = Strict()

    async def run(stage: Stage) -> None:
        await stage.scheduler.refresh(wanted={"a/x": BROKEN})

        assert stage.scheduler.statuses() == []

    act(run, strict)
