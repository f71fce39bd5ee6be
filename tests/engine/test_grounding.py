# SPDX-License-Identifier: Apache-2.0
"""Law 1 by example: any-of dependencies whose ground is far away."""

from __future__ import annotations

import pytest

from kvscheduler.testing import Item
from tests.sim.world import World, play
from tests.strategies import Changes

N = Item
FAR = 300  # more than is looked at from a single value


def tower(ground: Item) -> Changes:
    """Return a value that stands high above the ground, by way of many others."""
    floors = {f"b/x{number}": N(needs=(f"b/x{number + 1}",)) for number in range(FAR)}
    return {**floors, f"b/x{FAR}": ground, "c/top": N(needs=("b/x0",))}


@pytest.mark.parametrize("is_grounded", [True, False], ids=["grounded", "in a circle"])
def test_a_far_support_counts_only_where_it_stands_on_ground(*, is_grounded: bool) -> None:
    ground = N() if is_grounded else N(needs=("a/1",))

    async def run(world: World) -> None:
        await world.commit({"a/1": N(any_of=("c/",)), "c/near": N()})
        await world.commit(tower(ground))
        await world.commit({"c/near": None})
        world.check()
        assert ("a/1" in world.southbound.ours()) is is_grounded

    play(run)


@pytest.mark.parametrize("is_grounded", [True, False], ids=["grounded", "in a circle"])
def test_of_many_supports_one_on_ground_is_enough(*, is_grounded: bool) -> None:
    circle: Changes = {f"c/x{number}": N(needs=("a/1",)) for number in range(FAR)}

    async def run(world: World) -> None:
        await world.commit({"a/1": N(any_of=("c/",)), "c/near": N()})
        await world.commit({**circle, **({"c/y": N()} if is_grounded else {})})
        await world.commit({"c/near": None})
        world.check()
        assert ("a/1" in world.southbound.ours()) is is_grounded

    play(run)
