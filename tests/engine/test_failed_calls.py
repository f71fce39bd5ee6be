# SPDX-License-Identifier: Apache-2.0
"""Calls that fail, after their effect or before it: what stands then, what the journal knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kvscheduler import ValueState
from kvscheduler.journal import Journal, Made
from tests.engine.stage import Keyed, Stage, act


class Clumsy(Keyed):
    """Its delete fails, after or before its effect; what it holds can be read where ``reads``."""

    effect = True
    reads = True
    fails = True

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        if self.effect or not self.fails:
            super().delete(key, value, metadata)
        if self.fails:
            raise RuntimeError("no")

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        if not self.reads:
            raise RuntimeError("not now")
        return self.found(keys)


@pytest.mark.parametrize("revert", [False, True])
def test_a_value_that_went_though_its_delete_failed_is_nobodys_any_more(revert: bool) -> None:
    one = Clumsy()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {}})
        result = await stage.commit({"a/1": None}, revert=revert)
        assert set(result.errors) == {"a/1"}
        assert result.reverted is revert
        stands = ["a/1", "a/2"] if revert else ["a/2"]
        assert sorted(one.held) == stands
        left = [s.key for s in stage.scheduler.statuses() if s.state is not ValueState.REMOVED]
        assert left == stands
        assert stage.plan({}).is_empty

    act(story, one)


def test_a_value_that_stands_after_its_delete_failed_has_failed_until_it_goes() -> None:
    one = Clumsy()
    one.effect = False

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"needs": ["a/1"]}})
        await stage.commit({"a/2": None})
        assert stage.state("a/2") is ValueState.FAILED
        assert stage.scheduler.status("a/2").operation == "delete"
        one.fails = False
        await stage.commit({"a/1": None, "a/2": None})
        assert one.held == {}

    act(story, one)


@pytest.mark.parametrize("reads", [True, False])
def test_the_journal_knows_what_a_failed_delete_left(tmp_path: Path, reads: bool) -> None:
    one = Clumsy()
    one.effect, one.reads = False, reads
    path = tmp_path / "journal"

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.commit({"a/1": None})
        await stage.scheduler.settle()
        await stage.commit({"a/2": {}})
        made = Journal(path).peek().made
        assert made == {"a/1": Made(value={"n": 1}, doubtful=not reads), "a/2": Made(value={})}

    act(story, one, journal=path)


def test_the_journal_forgets_what_was_found_gone(tmp_path: Path) -> None:
    one = Clumsy()
    path = tmp_path / "journal"

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {}, "a/2": {"derives": {"fact/1": 1}}})
        one.held.clear()
        await stage.commit({"a/1": None, "a/2": None})
        await stage.scheduler.refresh()
        await stage.commit({"a/3": {}})
        assert Journal(path).peek().made == {"a/3": Made(value={})}

    act(story, one, journal=path)


@pytest.mark.parametrize(("effect", "reads"), [(True, True), (True, False), (False, True)])
def test_the_journal_knows_what_a_failed_create_left(
    tmp_path: Path, effect: bool, reads: bool
) -> None:
    class Breaking(Clumsy):
        def create(self, key: str, value: Any) -> Any:
            if effect or key == "a/2":
                super().create(key, value)
            if key == "a/1":
                raise RuntimeError("no")

    one = Breaking()
    one.reads = reads
    path = tmp_path / "journal"

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"n": 1}})
        await stage.scheduler.settle()
        await stage.commit({"a/2": {}})
        left = {"a/1": Made(value={"n": 1}, doubtful=not reads)} if effect else {}
        assert Journal(path).peek().made == {**left, "a/2": Made(value={})}

    act(story, one, journal=path)


def test_a_change_that_what_others_made_does_not_allow_has_failed_without_a_call() -> None:
    class Fixed(Keyed):
        def requires_recreate(self, key: str, old: Any, new: Any, metadata: Any) -> bool:
            return True

    one = Fixed()

    async def story(stage: Stage) -> None:
        await stage.scheduler.notify("a/1", {"n": 1})
        result = await stage.commit({"a/1": {"n": 2}})
        status = stage.scheduler.status("a/1")
        assert (status.state, status.operation) == (ValueState.FAILED, "")
        assert str(status.error) == str(result.errors["a/1"])
        await stage.commit({"a/1": {"n": 1}})
        status = stage.scheduler.status("a/1")
        assert (status.state, status.error) == (ValueState.CONFIGURED, None)

    act(story, one)
    assert one.calls == []
