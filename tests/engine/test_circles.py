# SPDX-License-Identifier: Apache-2.0
"""Values that need any of each other, in stories from seeds: law 1 where support is a circle."""

from __future__ import annotations

import random

import pytest

from kvscheduler import RetryPolicy
from kvscheduler.testing import AsyncSimulatedDescriptor, Item, SimulatedDescriptor, When
from tests.engine.onlooker import look_on
from tests.sim.world import Changes, World, play

KEYS = ("a/1", "a/2", "b/1", "b/2", "c/1")
PREFIXES = ("a/", "b/", "c/", "a/1", ("a/", "c/"), ("b/1", "c/"))
STRANGER = "c/p"
RETRY = RetryPolicy(first_delay=1.0, max_delay=1.0)
STEPS = 9
SEEDS = range(500)
GROUP = 25


def wish(rng: random.Random) -> Item:
    groups = tuple(rng.choice(PREFIXES) for _ in range(rng.choice((0, 0, 1, 1, 2))))
    needs = (rng.choice((*KEYS, STRANGER)),) if rng.random() < 0.35 else ()
    return Item(data=rng.randrange(2), needs=needs, any_of=groups, shape=rng.choice((0, 0, 1)))


def wishes(rng: random.Random) -> Changes:
    chosen = rng.sample(KEYS, rng.choice((1, 1, 2, 3)))
    return {key: None if rng.random() < 0.3 else wish(rng) for key in chosen}


def meddle(world: World) -> None:
    southbound = world.southbound
    if STRANGER in southbound.held:
        southbound.remove(STRANGER, announce=True)
    else:
        southbound.add(STRANGER, Item(), announce=True)


def each(first: int) -> range:
    return range(first, first + GROUP)


@pytest.mark.parametrize("first", SEEDS[::GROUP])
def test_what_only_holds_itself_up_falls_with_each_change(first: int) -> None:
    async def story(world: World) -> None:
        rng = random.Random(world.seed)
        look_on(world)
        for _ in range(STEPS):
            if rng.random() < 0.2:
                meddle(world)
                world.southbound.moments.clear()
            else:
                await world.commit(wishes(rng))
            await world.scheduler.settle()
            world.check()

    for seed in each(first):
        play(
            story, World(seed=seed, kind=(SimulatedDescriptor, AsyncSimulatedDescriptor)[seed % 2])
        )


@pytest.mark.parametrize("first", SEEDS[::GROUP])
def test_what_only_holds_itself_up_falls_after_failures_too(first: int) -> None:
    async def story(world: World) -> None:
        rng = random.Random(world.seed)
        for _ in range(STEPS):
            for _ in range(rng.randrange(3)):
                kind, when = rng.choice(("create", "update", "delete")), rng.choice(tuple(When))
                world.southbound.fail(rng.choice(KEYS), kind, when=when, times=rng.choice((1, 2)))
            if rng.random() < 0.2:
                meddle(world)
            else:
                await world.commit(wishes(rng), retry=RETRY)
            await world.clock.advance(rng.choice((0.0, 1.0)))
            await world.scheduler.settle()
        world.southbound.heal()
        await world.clock.advance(5.0)
        await world.scheduler.settle()
        world.check()

    for seed in each(first):
        play(story, World(seed=seed))
