# SPDX-License-Identifier: Apache-2.0
"""Law 2: at every moment each value that is present has its dependencies present."""

from __future__ import annotations

import networkx
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler.testing import AsyncSimulatedDescriptor, Item, Replay
from tests.sim.world import World, play
from tests.strategies import Changes, Features, changes, features, stories

N = Item


@given(story=stories())
def test_plans_and_their_graphs_are_legal_at_every_moment(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            plan = world.plan(change)
            if plan is not None:
                assert world.order_problems(plan, change) == []
                await world.commit(change)

    play(run)


@given(story=stories())
def test_deletions_stand_first_where_nothing_else_decides(
    story: tuple[Features, list[Changes]],
) -> None:
    async def run(world: World) -> None:
        for change in story[1]:
            plan = world.plan(change)
            if plan is None:
                continue
            for at, operation in enumerate(plan.operations):
                if operation.kind == "delete":
                    needed = networkx.ancestors(plan.graph, at)
                    earlier = range(at)
                    assert all(
                        before in needed or plan.operations[before].kind == "delete"
                        for before in earlier
                    )
            await world.commit(change)

    play(run)


@given(story=stories(), seed=st.integers(0, 99))
def test_what_runs_at_once_is_legal_at_every_moment(
    story: tuple[Features, list[Changes]], seed: int
) -> None:
    async def run(world: World) -> None:
        world.southbound.latency_s = (0.1, 5.0)
        for change in story[1]:
            if world.ahead(change) is None:
                continue
            before, after = world.around(change)
            begun = len(world.southbound.log)
            await world.commit(change)
            events = world.southbound.log[begun:]
            replay = Replay(world.rules, before, after, world.given())
            replay.expect(event for event in events if event.phase == "start")
            for event in events:
                (replay.start if event.phase == "start" else replay.end)(event)
            assert replay.problems == []
            world.check()

    play(run, World(kind=AsyncSimulatedDescriptor, seed=seed))


@given(data=st.data(), on=features(properties=True))
def test_what_leaned_on_a_vanished_property_goes_in_order(
    data: st.DataObject, on: Features
) -> None:
    async def run(world: World) -> None:
        for key in ("a/p", "b/p"):
            world.southbound.add(key, N(derives=(("f/2", N()),) if key == "a/p" else ()))
        world.southbound.tell(world.southbound.others())
        await world.scheduler.settle()
        await world.commit(data.draw(changes(on)))
        before, begun = world.stand(), len(world.southbound.log)
        gone = world.given()

        world.southbound.remove(data.draw(st.sampled_from(("a/p", "b/p"))), announce=True)
        await world.scheduler.settle()

        world.check()
        steps = [e for e in world.southbound.log[begun:] if e.phase == "start"]
        # What vanished counts as there: only what was made may be looked at for its order.
        replay = Replay(world.rules, before, world.stand(), gone)
        assert replay.run(steps) == []

    play(run)
