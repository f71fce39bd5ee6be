# SPDX-License-Identifier: Apache-2.0
"""What failures one upon the other found in the engine once, each reduced to its smallest."""

from __future__ import annotations

from kvscheduler import ValueState
from kvscheduler.testing import Fault, Item, SimulatedError, When
from tests.sim.world import World, play

N = Item


def test_an_undo_leaves_alone_what_was_to_pass_to_a_base_that_was_never_made() -> None:
    async def run(world: World) -> None:
        await world.commit({"b/1": N(derives=(("b/y", N()), ("f/2", N())))})
        fault = Fault(key="a/1", kind="create", error=SimulatedError(), when=When.AFTER_EFFECT)
        world.southbound.plan_fault(fault)
        moved = {"a/2": N(derives=(("f/2", N()),)), "a/3": N(derives=(("b/y", N()),))}

        result = await world.transaction({"a/1": N(), "b/1": N(), **moved}, revert=True).commit()

        done = [(one.operation.kind, one.operation.key) for one in result.operations]
        assert done == [("create", "a/1"), ("delete", "a/1")]
        assert world.scheduler.status("b/y").base == world.scheduler.status("f/2").base == "b/1"
        assert world.scheduler.status("f/2").state is ValueState.CONFIGURED

    play(run)


def test_an_undo_leaves_alone_what_has_outlived_its_support() -> None:
    async def run(world: World) -> None:
        ring = {"b/1": N(needs=("c/1",)), "c/1": N(needs=("b/1",))}
        await world.commit({**ring, "c/2": N(any_of=("c/1",))})
        world.southbound.fail("c/2", "delete", times=2)
        world.southbound.fail("b/1", "delete", when=When.AFTER_EFFECT)
        await world.commit({"b/1": None, "c/1": None, "c/2": None})

        result = await world.transaction({"c/2": None}, revert=True).commit()

        assert result.reverted
        assert set(world.southbound.ours()) == {"c/1", "c/2"}
        await world.scheduler.resync()
        assert world.southbound.ours() == {}

    play(run)
