# SPDX-License-Identifier: Apache-2.0
"""Failures where nothing can be read back, so that their effects stay in doubt: laws 1, 2, 4."""

from __future__ import annotations

import random

import pytest

from kvscheduler import RetryPolicy
from kvscheduler.testing import AsyncSimulatedDescriptor, SimulatedDescriptor, When
from tests.engine.onlooker import look_on
from tests.sim.universe import DERIVED, NOBODYS, NORTH, Wanted, draw
from tests.sim.world import Changes, World, play

RETRY = RetryPolicy(first_delay=1.0, factor=2.0, max_delay=4.0)
STEPS = 7
SEEDS = range(240)
GROUP = 12


def change(target: Wanted) -> Changes:
    return {**dict.fromkeys((*NORTH, NOBODYS)), **target}


async def story(world: World, seed: int) -> None:
    rng, targets = random.Random(seed), draw(seed, journal="").targets
    look_on(world, any_of=False)
    for _ in range(STEPS):
        for _ in range(rng.randrange(4)):
            key, kind = rng.choice((*NORTH, *DERIVED)), rng.choice(("create", "update", "delete"))
            world.southbound.fail(key, kind, when=rng.choice(tuple(When)))
        policy = rng.choice((None, None, RETRY))
        await world.commit(change(rng.choice((*targets, {}))), retry=policy)
        await world.clock.advance(rng.choice((0.0, 0.0, 3.0)))
    world.southbound.heal()
    world.southbound.unreadable.clear()
    await world.scheduler.resync("full")


@pytest.mark.parametrize("first", SEEDS[::GROUP])
@pytest.mark.parametrize("kind", [SimulatedDescriptor, AsyncSimulatedDescriptor])
def test_what_fails_unseen_breaks_no_order_and_ends_in_law_1(
    kind: type[SimulatedDescriptor], first: int
) -> None:
    for seed in range(first, first + GROUP):
        world = World(kind=kind, seed=seed)
        world.southbound.unreadable.add("")

        async def run(world: World, seed: int = seed) -> None:
            await story(world, seed)
            world.check()

        try:
            play(run, world)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
