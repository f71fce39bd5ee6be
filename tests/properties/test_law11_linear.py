# SPDX-License-Identifier: Apache-2.0
"""Law 11: what a transaction costs grows with what it touches, not with what is there.

Counted in calls of the engine's functions, never in time.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any, Self

import pytest

import kvscheduler
from kvscheduler import Depends, DependsOnAny, Derived, Descriptor, Retrieved, Scheduler
from kvscheduler.testing import Item, VirtualClock

HOME = str(pathlib.Path(kvscheduler.__file__).parent)


class Shelf(Descriptor[Item, int]):
    """A southbound that costs nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key_prefix = f"{name}/"

    def dependencies(self, key: str, value: Item) -> Iterable[Depends | DependsOnAny]:
        return value.dependencies()

    def derived(self, key: str, value: Item) -> Iterable[Derived]:
        return value.derived()

    def claims(self, key: str, value: Item) -> Iterable[str]:
        return value.claims

    def create(self, key: str, value: Item) -> None:
        return None

    def update(self, key: str, old: Item, new: Item, metadata: int | None) -> None:
        return None

    def delete(self, key: str, value: Item, metadata: int | None) -> None:
        return None

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        return expected


class Counter:
    """Counts the calls of functions that live in the engine's own files."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(HOME):
            self.calls += 1

    def __enter__(self) -> Self:
        sys.setprofile(self)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)


def crowd(size: int) -> dict[str, Item]:
    """Return values of every sort: with needs, any-of, derived values and claims."""
    values = {}
    for n in range(size):
        values[f"a/{n}"] = Item(derives=((f"c/{n}", Item()),), claims=(f"name{n}",))
        values[f"b/{n}"] = Item(needs=(f"a/{n}", f"c/{n}"), any_of=("e/",))
    values["e/1"] = Item()
    return values


def cost(size: int, change: dict[str, Item | None], **options: Any) -> int:
    """Return how many calls a transaction takes in a crowd."""
    clock = VirtualClock()
    scheduler = Scheduler([Shelf(name) for name in "abcde"], clock=clock)

    async def commit(values: dict[str, Item | None], **options: Any) -> None:
        transaction = scheduler.transaction(**options)
        for key, value in values.items():
            transaction.delete(key) if value is None else transaction.set(key, value)
        (await transaction.commit()).check()

    async def main() -> int:
        async with scheduler:
            await commit(dict(crowd(size)))
            await commit({"d/warm": Item()})
            with Counter() as counter:
                await commit(change, **options)
            return counter.calls

    return clock.run(main())


CHANGES: dict[str, dict[str, Item | None]] = {
    "update one": {"a/5": Item(data=1, derives=(("c/5", Item()),), claims=("name5",))},
    "add one": {"a/new": Item()},
    "add one that needs": {"b/new": Item(needs=("a/5",), any_of=("e/",))},
    "add one that derives and claims": {
        "a/new": Item(derives=(("c/new", Item()),), claims=("new",))
    },
    "delete one with dependents": {"a/5": None},
    "delete a leaf": {"b/5": None},
    "swap": {"a/5": None, "a/new": Item(derives=(("c/5", Item()),), claims=("name5",))},
    "nothing": {},
    "the same": {"a/5": Item(derives=(("c/5", Item()),), claims=("name5",))},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("options", [{}, {"revert": True}], ids=["plain", "revert"])
def test_the_cost_of_a_change_does_not_depend_on_the_crowd(
    change: dict[str, Item | None], options: dict[str, Any]
) -> None:
    few, many = cost(20, change, **options), cost(800, change, **options)

    assert many <= few * 1.05 + 10


def notified(size: int) -> int:
    """Return how many calls it takes to work in a property, in a crowd."""
    clock = VirtualClock()
    scheduler = Scheduler([Shelf(name) for name in "abcde"], clock=clock)

    async def main() -> int:
        async with scheduler:
            transaction = scheduler.transaction()
            for key, value in crowd(size).items():
                transaction.set(key, value)
            transaction.set("b/waits", Item(needs=("d/p",)))
            await transaction.commit()
            await scheduler.notify("d/warm", Item())
            with Counter() as counter:
                await scheduler.notify("d/p", Item())
            return counter.calls

    return clock.run(main())


def test_the_cost_of_a_notification_does_not_depend_on_the_crowd() -> None:
    assert notified(800) <= notified(20) * 1.05 + 10


def per_value(make: Callable[[int], dict[str, Item | None]]) -> tuple[float, float]:
    few, many = 50, 1000
    return cost(1, make(few)) / few, cost(1, make(many)) / many


@pytest.mark.parametrize(
    "make",
    [
        lambda count: {f"a/n{n}": Item() for n in range(count)},
        lambda count: {f"a/n{n}": Item(needs=(f"a/n{n + 1}",)) for n in range(count)},
        lambda count: {f"a/n{n}": Item(needs=(f"a/n{(n + 1) % count}",)) for n in range(count)},
        lambda count: {"a/n": Item(derives=tuple((f"c/n{n}", Item()) for n in range(count)))},
        lambda count: {f"b/n{n}": Item(any_of=("e/",)) for n in range(count)},
        lambda count: {f"a/n{n}": Item(claims=(f"c{n}",)) for n in range(count)},
    ],
    ids=["plain", "waiting chain", "ring", "derived", "any-of", "claims"],
)
def test_the_cost_of_many_is_that_of_one_times_their_number(
    make: Callable[[int], dict[str, Item | None]],
) -> None:
    small, large = per_value(make)

    assert large <= small * 1.2 + 1
