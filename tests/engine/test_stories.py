# SPDX-License-Identifier: Apache-2.0
"""Story after story from seeds, plans and drift in turn: laws 1, 2, 4, 7 and 8 at every step."""

from __future__ import annotations

import random

import pytest

from kvscheduler import Executed, Operation
from kvscheduler.testing import AsyncSimulatedDescriptor, Item, SimulatedDescriptor
from tests.engine.onlooker import look_on
from tests.sim.universe import FEATURES, NORTH, STRANGERS, Wanted, changed
from tests.sim.world import Changes, World, play

STEPS = 7
SEEDS = range(800)
GROUP = 20
# Each story has some of these, or all would get into each other's way.
CHANCES = {"needs": 0.7, "any_of": 0.7, "derives": 0.5, "claims": 0.4, "shapes": 0.3}


class Story:
    """One world, changed in ways that a seed decides."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        rare = 0.15
        on = (one for one in FEATURES if self.rng.random() < CHANCES.get(one, rare))
        self.on = frozenset(on) | {"strangers"}
        kind = self.rng.choice((SimulatedDescriptor, AsyncSimulatedDescriptor))
        self.world = World(kind=kind, seed=seed)
        if kind is AsyncSimulatedDescriptor:
            self.world.southbound.latency_s = (0.01, 1.0)
        self.is_changing = False
        look_on(self.world, when=lambda: self.is_changing)
        self.wanted: Wanted = {}

    async def play(self, world: World) -> None:
        for _ in range(STEPS):
            what = self.rng.random()
            if what < 0.15:
                self.meddle()
            elif what < 0.3:
                self.drift()
            else:
                await self.change()
            await world.scheduler.settle()
            world.check()

    def meddle(self) -> None:
        """Have others make something, or take it away again."""
        key, southbound = self.rng.choice(STRANGERS), self.world.southbound
        if key in southbound.held:
            southbound.remove(key, announce=True)
        else:
            southbound.add(key, Item(data=self.rng.randrange(2)), announce=True)

    def drift(self) -> None:
        """Have something that is ours vanish or change."""
        southbound = self.world.southbound
        held = southbound.held
        owners = {one.owner for one in held.values()}
        ours = sorted({key for key in held if held[key].ours and not held[key].owner} - owners)
        if ours:
            key = self.rng.choice(ours)
            if self.rng.random() < 0.7:
                southbound.remove(key, announce=True)
            else:
                southbound.alter(key, Item(data=7), announce=True)

    async def change(self) -> None:
        """Want something else, and look at the plan before it is carried out."""
        after = changed(self.rng, self.on, self.wanted)
        keys = [key for key in NORTH if after.get(key) != self.wanted.get(key)]
        change: Changes = {key: after.get(key) for key in keys}
        plan = self.world.plan(change)
        if plan is not None:
            self.is_changing = True
            result = await self.world.commit(change, expect=plan)
            self.is_changing = False
            assert result is not None
            assert sorted(map(_named, result.operations)) == sorted(map(_named, plan.operations))
            self.wanted = after


def _named(step: Executed | Operation) -> tuple[str, str]:
    operation = step.operation if isinstance(step, Executed) else step
    return operation.kind, operation.key


@pytest.mark.parametrize("first", SEEDS[::GROUP])
def test_whatever_changes_what_can_stand_stands_and_every_plan_is_legal(first: int) -> None:
    for seed in range(first, first + GROUP):
        story = Story(seed)
        try:
            play(story.play, story.world)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
