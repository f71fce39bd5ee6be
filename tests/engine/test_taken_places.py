# SPDX-License-Identifier: Apache-2.0
"""What others make in the place of something that was ours is theirs, killed meanwhile or not."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kvscheduler import Origin, Retrieved, ValueState
from tests.engine.stage import Keyed, Plain, Stage, act


class Shared(Keyed):
    """Outlives engines; ``marked``: tells who made a value. Deletes fail while it is stuck."""

    def __init__(self, *, marked: bool) -> None:
        super().__init__()
        self.marked = marked
        self.theirs: set[str] = set()
        self.is_stuck = False

    def taken(self, value: Any) -> None:
        """Have others make a/1."""
        self.held["a/1"] = value
        self.theirs.add("a/1")

    def delete(self, key: str, value: Any, metadata: Any) -> Any:
        if self.is_stuck:
            raise RuntimeError("stuck")
        Plain.delete(self, key, value, metadata)

    def retrieve(self, expected: Any, keys: Any = None) -> list[Retrieved]:
        return [one._replace(origin=self.origin(one.key)) for one in self.found(keys)]

    def origin(self, key: str) -> Origin:
        if not self.marked:
            return Origin.UNKNOWN
        return Origin.SOUTHBOUND if key in self.theirs else Origin.NORTHBOUND


LOOKS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "refresh": lambda stage: stage.scheduler.refresh(),
    "notification": lambda stage: stage.scheduler.notify("a/1", None),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("value", [{}, {"n": 9}])
def test_what_failed_to_go_then_went_and_was_made_by_others_survives_a_kill(
    tmp_path: Path, value: Any, look: str
) -> None:
    one = Shared(marked=False)
    live, dead = tmp_path / "live", tmp_path / "dead"
    live.mkdir()

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        one.is_stuck = True
        await stage.commit({"a/1": None})
        del one.held["a/1"]
        await LOOKS[look](stage)
        shutil.copytree(live, dead)
        one.is_stuck = False

    async def second(stage: Stage) -> None:
        await stage.scheduler.resync()
        assert one.held == {"a/1": value}

    act(first, one, journal=live / "journal")
    one.taken(value)
    act(second, one, journal=dead / "journal")


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("value", [{}, {"n": 9}])
def test_what_is_marked_as_others_in_the_place_of_a_wanted_value_is_handed_back(
    tmp_path: Path, value: Any, is_killed: bool
) -> None:
    one = Shared(marked=True)
    live, dead = tmp_path / "live", tmp_path / "dead"
    live.mkdir()

    async def replaced(stage: Stage) -> None:
        await stage.scheduler.resync()
        assert stage.scheduler.status("a/1").adopted
        await stage.commit({"a/1": None})
        assert stage.state("a/1") is ValueState.OBTAINED
        assert "a/1" in one.held

    async def first(stage: Stage) -> None:
        await stage.commit({"a/1": {}})
        shutil.copytree(live, dead)
        one.taken(value)
        if not is_killed:
            await replaced(stage)

    act(first, one, journal=live / "journal")
    if is_killed:
        act(replaced, one, journal=dead / "journal")
