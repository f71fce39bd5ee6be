# SPDX-License-Identifier: Apache-2.0
"""Law 10: what the graph does not order runs at once, within the limits."""

from __future__ import annotations

import asyncio

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.testing import AsyncSimulatedDescriptor, Item
from tests.sim.world import World, play
from tests.strategies import Changes, Features, changes, stories

N = Item


@given(story=stories())
def test_a_commit_takes_as_long_as_the_longest_path_of_its_graph(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        world.southbound.latency_s = (1.0, 1.0)
        for change in story[1]:
            plan = world.plan(change)
            if plan is None:
                continue
            begun = world.clock.monotonic()
            await world.commit(change)
            path = networkx.dag_longest_path(plan.graph)
            assert world.clock.monotonic() - begun == pytest.approx(len(path))

    play(run, World(kind=AsyncSimulatedDescriptor))


@given(story=stories(), most=st.integers(1, 3), seed=st.integers(0, 99))
def test_no_more_calls_are_under_way_than_allowed(
    story: tuple[Features, list[Changes]], most: int, seed: int
) -> None:
    async def run(world: World) -> None:
        world.southbound.latency_s = (0.5, 2.0)
        for change in story[1]:
            await world.commit(change)
            world.check()
        assert world.southbound.most_under_way <= most

    play(run, World(kind=AsyncSimulatedDescriptor, max_parallel=most, seed=seed))


def test_a_descriptor_has_a_limit_of_its_own() -> None:
    world = World(kind=AsyncSimulatedDescriptor)
    limited = AsyncSimulatedDescriptor(world.southbound, "d", "d/")
    limited.max_parallel = 2
    world.scheduler.register(limited)
    world.rules.descriptors.append(limited)
    most = [0]

    async def run(world: World) -> None:
        world.southbound.latency_s = (1.0, 1.0)
        world.southbound.moments.append(
            lambda *_: most.append(sum(key.startswith("d/") for key in world.southbound.under_way))
        )
        await world.commit({f"{p}/{n}": N() for p in "ad" for n in range(6)})
        world.check()
        assert world.clock.monotonic() == pytest.approx(3.0)

    play(run, world)
    assert max(most) == 2


@given(story=stories(most=3), data=st.data())
def test_a_slow_one_holds_up_only_what_depends_on_it(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)
        change = data.draw(changes(story[0]))
        plan = world.plan(change)
        if plan is None or plan.is_empty:
            return
        at = data.draw(st.integers(0, len(plan.operations) - 1))
        slow = plan.operations[at]
        hang = world.southbound.hang(slow.key, slow.kind)
        begun = len(world.southbound.log)

        task = asyncio.create_task(world.commit(change))
        await world.clock.sleep(1.0)

        ended = [e for e in world.southbound.log[begun:] if e.phase == "end"]
        held_up = {at} | networkx.descendants(plan.graph, at)
        assert len(ended) == len(plan.operations) - len(held_up)
        hang.release()
        await task
        world.check()

    play(run, World(kind=AsyncSimulatedDescriptor))


def tasks_made(count: int) -> int:
    """Return how many tasks a commit of so many plain values makes."""
    made: list[str] = []

    async def run(world: World) -> None:
        values = {f"a/{n}": N() for n in range(count)}
        loop = asyncio.get_running_loop()

        def factory(loop: asyncio.AbstractEventLoop, coro: object, **options: object) -> object:
            made.append(repr(coro))
            return asyncio.Task(coro, loop=loop, **options)  # type: ignore[arg-type]

        loop.set_task_factory(factory)  # type: ignore[arg-type]
        await world.transaction(values).commit()
        loop.set_task_factory(None)

    play(run)
    return len(made)


def test_plain_operations_cost_no_task() -> None:
    assert tasks_made(100) == tasks_made(1)
