# SPDX-License-Identifier: Apache-2.0
"""``refresh(wanted=...)``: descriptors recognise what is there by what is about to be wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kvscheduler import InvalidValue, Origin, Retrieved, ValueState
from tests.engine.stage import Keyed, Stage, act


class Careful(Keyed):
    """Takes no negative numbers, and cannot look for them."""

    def __init__(self) -> None:
        super().__init__("a")
        self.asked: list[list[str]] = []

    def validate(self, key: str, value: Any) -> None:
        if value["number"] < 0:
            raise InvalidValue("negative", ("number",))

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        assert all(one.value["number"] >= 0 for one in expected)
        self.asked.append(sorted(one.key for one in expected))
        return self.found(keys)


def test_what_is_invalid_is_not_looked_for() -> None:
    one = Careful()

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh(wanted={"a/1": {"number": 1}, "a/2": {"number": -1}})

        assert one.asked == [["a/1"]]

    act(story, one)


def test_what_stands_is_looked_for_as_it_stands_whatever_is_about_to_be_wanted() -> None:
    one = Careful()

    async def story(stage: Stage) -> None:
        await stage.commit({"a/1": {"number": 1}})
        one.held.clear()
        await stage.scheduler.refresh(wanted={"a/1": {"number": -1}})

        assert one.asked == [["a/1"]]
        assert stage.scheduler.values(view="configured") == {}

    act(story, one)


class Anothers(Keyed):
    """Sees what others hold as it is wanted, whatever else stands."""

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        return [Retrieved(key, value, None, Origin.SOUTHBOUND) for key, value in self.held.items()]


class Seeing(Keyed):
    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> list[Retrieved]:
        return self.found(keys)


def test_what_anothers_value_would_derive_is_there_only_where_its_own_descriptor_sees_it() -> None:
    base, derived = Anothers("a"), Seeing("b")
    wanted: dict[str, Any] = {"a/1": {"derives": {"b/1": {}, "b/2": {}, "fact": {}}}}
    base.held.update(wanted)
    derived.held["b/1"] = {}

    async def story(stage: Stage) -> None:
        await stage.scheduler.refresh(wanted=wanted)
        assert sorted(stage.scheduler.values(view="configured")) == ["a/1", "b/1", "fact"]

        assert (await stage.commit(wanted)).ok

        assert derived.calls == [("create", "b/2")]
        assert base.calls == []
        assert stage.state("b/2") is ValueState.CONFIGURED

    act(story, base, derived)
