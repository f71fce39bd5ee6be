# SPDX-License-Identifier: Apache-2.0
"""Laws 11 and 12: no stack overflows, and work grows with what is touched. Counted in calls."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.engine.stage import Keyed, Later, Plain, Stage, act

DEEP = 100_000


def chain(length: int, last: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return values of which each needs the next."""
    made: dict[str, Any] = {}
    for number in range(length):
        needs = (f"a/{number + 1:06}",) if number < length - 1 else last
        made[f"a/{number:06}"] = {"needs": needs}
    return made


def ring(length: int, **more: Any) -> dict[str, Any]:
    """Return values that need each other in a circle."""
    return {f"a/{n:06}": {"needs": (f"a/{(n + 1) % length:06}",), **more} for n in range(length)}


async def counted(work: Awaitable[Any]) -> int:
    """Return how many Python and C calls a piece of work takes."""
    seen = 0

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal seen
        if event in {"call", "c_call"}:
            seen += 1

    sys.setprofile(profile)
    try:
        await work
    finally:
        sys.setprofile(None)
    return seen


Measure = Callable[[Stage, int], Awaitable[int]]


def grows(measure: Measure, *descriptors: type[Plain], size: int = 100, times: int = 8) -> float:
    """Return by how much the work grows where the size grows so many times."""
    counts: list[int] = []

    async def small(stage: Stage) -> None:
        counts.append(await measure(stage, size))

    async def large(stage: Stage) -> None:
        counts.append(await measure(stage, size * times))

    for story in (small, large):
        made = [kind(name) for kind, name in zip(descriptors or (Keyed,), "abc", strict=False)]
        act(story, *made)
    return counts[1] / counts[0] / times


def test_a_chain_100_000_deep_is_planned_made_explained_and_removed() -> None:
    async def story(stage: Stage) -> None:
        change = chain(DEEP, ("a/end",))
        plan = stage.plan(change)
        assert len(plan.pending) == DEEP
        await stage.commit(change)
        assert stage.scheduler.status("a/000000").unmet[0].path[-1] == "a/end"
        result = await stage.commit({"a/end": {}})
        assert len(result.operations) == DEEP + 1
        assert result.operations[-1].operation.key == "a/000000"
        result = await stage.commit({"a/end": None})
        assert len(result.operations) == DEEP + 1
        assert result.operations[0].operation.key == "a/000000"

    act(story, Keyed())


def test_all_the_statuses_of_a_pending_chain_cost_its_length_once() -> None:
    async def measure(stage: Stage, size: int) -> int:
        await stage.commit(chain(size, ("a/none",)))

        async def look() -> None:
            assert len(stage.scheduler.statuses()) == size

        return await counted(look())

    assert grows(measure) < 1.3


def test_a_ring_of_10_000_is_made_and_removed_as_one() -> None:
    async def story(stage: Stage) -> None:
        change = ring(10_000)
        del change["a/000007"]
        assert (await stage.commit(change)).operations == ()
        result = await stage.commit({"a/000007": {"needs": ("a/000008",)}})
        assert len(result.operations) == 10_000
        result = await stage.commit({"a/000007": None})
        assert len(result.operations) == 10_000

    act(story, Keyed())


def test_any_of_dependencies_of_10_000_values_on_one_prefix_move_together() -> None:
    watchers = {f"a/{n:06}": {"any_of": ["b/"]} for n in range(10_000)}

    async def story(stage: Stage) -> None:
        assert (await stage.commit(watchers)).operations == ()
        assert len((await stage.commit({"b/1": {}})).operations) == 10_001
        assert len((await stage.commit({"b/2": {}})).operations) == 1
        assert len((await stage.commit({"b/2": None, "b/3": {}})).operations) == 2
        assert len((await stage.commit({"b/1": None})).operations) == 1
        assert len((await stage.commit({"b/3": None})).operations) == 10_001

    act(story, Keyed("a"), Keyed("b"))


async def _commit(stage: Stage, change: dict[str, Any]) -> int:
    return await counted(stage.commit(change))


async def _chain_made(stage: Stage, size: int) -> int:
    return await _commit(stage, chain(size))


async def _chain_removed(stage: Stage, size: int) -> int:
    await stage.commit(chain(size))
    return await _commit(stage, dict.fromkeys(chain(size)))


async def _chain_pending(stage: Stage, size: int) -> int:
    return await _commit(stage, chain(size, ("a/none",)))


async def _chain_falls(stage: Stage, size: int) -> int:
    await stage.commit(chain(size))
    return await _commit(stage, {f"a/{size - 1:06}": None})


async def _ring_made(stage: Stage, size: int) -> int:
    return await _commit(stage, ring(size))


async def _ring_falls(stage: Stage, size: int) -> int:
    await stage.commit(ring(size))
    return await _commit(stage, {"a/000000": None})


async def _ring_with_derived(stage: Stage, size: int) -> int:
    change = ring(size)
    for key in change:
        change[key]["derives"] = {f"b/{key}": {}}
    return await _commit(stage, change)


async def _ring_with_derived_falls(stage: Stage, size: int) -> int:
    await _ring_with_derived(stage, size)
    return await _commit(stage, {"a/000000": None})


async def _star_made(stage: Stage, size: int) -> int:
    change: dict[str, Any] = {f"a/{n:06}": {"needs": ("b/1",)} for n in range(size)}
    return await _commit(stage, {**change, "b/1": {}})


async def _star_recreated(stage: Stage, size: int) -> int:
    await _star_made(stage, size)
    return await counted(stage.scheduler.notify("b/1", None))


async def _anyof_both(stage: Stage, size: int) -> int:
    change: dict[str, Any] = {f"a/{n:06}": {"any_of": ["b/"]} for n in range(size)}
    return await _commit(stage, {**change, **{f"b/{n}": {} for n in range(size)}})


async def _anyof_swapped(stage: Stage, size: int) -> int:
    await stage.commit({"b/1": {}, **{f"a/{n:06}": {"any_of": ["b/"]} for n in range(size)}})
    return await _commit(stage, {"b/1": None, "b/2": {}})


async def _anyof_chain(stage: Stage, size: int) -> int:
    change: dict[str, Any] = {f"a/{n:06}/": {"any_of": [f"a/{n - 1:06}/"]} for n in range(size)}
    change["a/000000/"] = {}
    await stage.commit(change)
    return await _commit(stage, {"a/000000/": None})


async def _all_fail(stage: Stage, size: int) -> int:
    return await _commit(stage, {f"a/{n}": {} for n in range(size)})


async def _notified(stage: Stage, size: int) -> int:
    async def tell() -> None:
        for number in range(size):
            await stage.scheduler.notify(f"a/{number}", {})

    return await counted(tell())


async def _reverted(stage: Stage, size: int) -> int:
    change = {**chain(size), "c/1": {"needs": ("a/000000",)}}
    return await counted(stage.commit(change, revert=True))


LINEAR: dict[str, Measure] = {
    "a chain is made": _chain_made,
    "a chain is removed": _chain_removed,
    "a chain waits": _chain_pending,
    "a chain falls": _chain_falls,
    "a ring is made": _ring_made,
    "a ring falls": _ring_falls,
    "a ring with derived values is made": _ring_with_derived,
    "a ring with derived values falls": _ring_with_derived_falls,
    "a star is made": _star_made,
    "a star is recreated": _star_recreated,
    "any-of values and their supports are made": _anyof_both,
    "the only support of many is swapped": _anyof_swapped,
    "a chain of any-of falls": _anyof_chain,
    "many properties are reported": _notified,
}


@pytest.mark.parametrize("name", LINEAR)
def test_work_grows_with_the_change_and_no_faster(name: str) -> None:
    assert grows(LINEAR[name], Keyed, Keyed) < 1.5


class Broken(Keyed):
    """Nothing can be made; tells what it was asked for."""

    def create(self, key: str, value: Any) -> Any:
        raise RuntimeError("broken")

    def retrieve(self, expected: Any, keys: Any = None) -> Any:
        return self.found(keys)


def test_many_failures_at_once_cost_no_more_each_than_few() -> None:
    assert grows(_all_fail, Broken) < 1.5


def test_undoing_much_costs_no_more_each_than_little() -> None:
    assert grows(_reverted, Keyed, Keyed, Broken) < 1.5


@pytest.mark.parametrize("kind", [Keyed, Later])
def test_one_change_costs_the_same_whatever_is_there(kind: type[Plain]) -> None:
    changes: dict[str, dict[str, Any]] = {
        "create": {"a/new": {}},
        "update": {"a/new": {"n": 1}},
        "delete": {"a/new": None},
    }
    costs: dict[int, list[int]] = {}

    for size in (10, 5_000):

        async def story(stage: Stage, size: int = size) -> None:
            await stage.commit({f"a/{n}": {} for n in range(size)})
            await stage.commit({"a/warm": {}})
            costs[size] = [await counted(stage.commit(one)) for one in changes.values()]

        act(story, kind())

    assert costs[5_000] == pytest.approx(costs[10], rel=0.1)


def test_one_change_costs_the_same_while_many_watchers_and_facts_are_there() -> None:
    costs = []

    for size in (10, 3_000):

        async def story(stage: Stage, size: int = size) -> None:
            change = {f"a/{n}": {"any_of": ["b/"], "derives": {f"f/{n}": {}}} for n in range(size)}
            await stage.commit({**change, "b/1": {}})
            stream = stage.scheduler.watch("a/1")
            task = asyncio.ensure_future(anext(stream))
            await stage.commit({"c/warm": {}})
            costs.append(await counted(stage.commit({"c/1": {"needs": ["f/1"]}, "b/1": {"n": 1}})))
            await task

        act(story, Keyed("a"), Keyed("b"), Keyed("c"))

    assert costs[1] == pytest.approx(costs[0], rel=0.2)


def test_no_operation_touches_what_stays_as_it_is() -> None:
    one = Keyed()

    async def story(stage: Stage) -> None:
        change = {f"a/{n}": {"n": n} for n in range(2_000)}
        await stage.commit(change)
        del one.calls[:]
        await stage.commit({**change, "a/7": {"n": 0}})
        assert one.calls == [("update", "a/7")]
        await stage.scheduler.resync()
        await stage.commit(change, resync="full")
        assert one.calls == [("update", "a/7"), ("update", "a/7")]

    act(story, one)
