# SPDX-License-Identifier: Apache-2.0
"""Values that may be there after a failure, and that nothing can be read back of: by example."""

from __future__ import annotations

from kvscheduler import ValueState
from kvscheduler.testing import Item, When
from tests.sim.world import World, play

N = Item


def blind() -> World:
    world = World()
    world.southbound.unreadable.add("")
    return world


def test_what_may_be_there_goes_before_what_it_needs() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("c/1", "create", when=When.AFTER_EFFECT)
        await world.commit({"a/1": N(), "c/1": N(needs=("a/1",))})
        result = await world.commit({"a/1": None, "c/1": N(data=1, needs=("a/1",))})
        assert result is not None
        done = [(one.operation.kind, one.operation.key) for one in result.operations]
        assert done == [("delete", "c/1"), ("delete", "a/1")]
        assert world.southbound.held == {}

    play(run, blind())


def test_what_may_be_there_is_made_anew_where_it_can_stand() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("c/1", "create", when=When.AFTER_EFFECT)
        await world.commit({"a/1": N(), "b/1": N(), "c/1": N(needs=("a/1",))})
        result = await world.commit({"c/1": N(data=1, needs=("a/1",))})
        assert result is not None
        assert [one.operation.kind for one in result.operations] == ["create"]
        assert world.southbound.ours()["c/1"] == N(data=1, needs=("a/1",))

    play(run, blind())


def test_what_may_be_there_stays_while_nobody_asks_for_it_again() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("c/1", "create", when=When.AFTER_EFFECT)
        await world.commit({"a/1": N(), "b/1": N(), "c/1": N()})
        await world.commit({"b/1": None})
        assert set(world.southbound.held) == {"a/1", "c/1"}
        assert world.scheduler.status("c/1").state is ValueState.FAILED

    play(run, blind())


def test_each_of_several_that_may_be_there_goes_with_what_it_needs() -> None:
    async def run(world: World) -> None:
        needing = {"b/1": N(needs=("a/1",)), "c/1": N(needs=("a/1",)), "c/2": N()}
        for key in ("b/1", "c/1"):
            world.southbound.fail(key, "create", when=When.AFTER_EFFECT)
        await world.commit({"a/1": N(), **needing})
        await world.commit({"a/1": None, "a/2": N(), **needing})
        assert set(world.southbound.held) == {"a/2", "c/2"}

    play(run, blind())


def test_what_the_first_of_two_failures_may_have_taken_is_nobody_elses() -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        world.southbound.fail("a/1", "update", when=When.AFTER_EFFECT)
        await world.commit({"a/1": N(claims=("eth0",))})
        world.southbound.fail("a/1", "update")
        await world.commit({"a/1": N(data=1, claims=("eth1",))})

        await world.commit({"b/1": N(claims=("eth0",)), "b/2": N(claims=("eth2",))})

        assert world.scheduler.status("b/1").state is ValueState.PENDING
        await world.scheduler.resync()
        world.southbound.check()
        assert set(world.southbound.ours()) == {"a/1", "b/1", "b/2"}

    play(run, blind())
