# SPDX-License-Identifier: Apache-2.0
"""Law 9: killed at any moment and started again, the engine ends in law 1 and nothing leaks.

A kill is a copy of the southbound and of the journal's files, taken at a moment of the run, from
which another engine starts; that is all that a killed process leaves behind.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    Item,
    Oracle,
    SimulatedDescriptor,
    SimulatedSouthbound,
    VirtualClock,
)
from tests.sim.states import check_states
from tests.sim.world import World, play
from tests.strategies import Changes, Features, changes, stories

N = Item
KINDS = st.sampled_from((SimulatedDescriptor, AsyncSimulatedDescriptor))


@dataclasses.dataclass(frozen=True)
class Wreck:
    """What a kill leaves behind, and what the northbound wanted then."""

    moment: str
    southbound: SimulatedSouthbound
    journal: pathlib.Path
    oracles: tuple[Oracle, ...]


class Wrecker:
    """Takes the copies while a world runs."""

    def __init__(self, world: World, folder: pathlib.Path, journal: pathlib.Path) -> None:
        self.world, self.folder, self.journal = world, folder, journal
        self.wrecks: list[Wreck] = []
        self.wanting: tuple[Oracle, ...] = (world.oracle,)
        world.southbound.moments.append(
            lambda moment, call: self.kill(f"{moment} of {call.kind} {call.key}")
        )

    def kill(self, moment: str) -> None:
        target = self.folder / str(len(self.wrecks))
        target.mkdir()
        for file in self.journal.parent.glob(f"{self.journal.name}*"):
            if file.suffix != ".lock":
                shutil.copy(file, target / file.name)
        twin = self.world.southbound.copy(VirtualClock())
        self.wrecks.append(Wreck(moment, twin, target / self.journal.name, self.wanting))


def restart(wreck: Wreck, *, marked: bool, kind: type[SimulatedDescriptor]) -> None:
    """Start another engine on what is left, and look at what it makes of it."""
    others = wreck.southbound.others()
    world = World(southbound=wreck.southbound, journal=wreck.journal, marked=marked, kind=kind)

    async def run(world: World) -> None:
        await world.scheduler.settle()
        ours = world.southbound.ours()
        world.oracle = next(
            (one for one in wreck.oracles if one.wanted == world.scheduler.values()),
            wreck.oracles[-1],
        )
        assert world.scheduler.values() == world.oracle.wanted, wreck.moment
        check_states(world)
        assert ours == world.oracle.configured(others), wreck.moment
        assert world.southbound.others() == others
        world.southbound.check()
        plan = world.transaction(world.oracle.wanted).plan()
        assert plan.is_empty

    play(run, world)


@settings(max_examples=settings().max_examples // 2)
@given(
    story=stories(most=2),
    last=st.data(),
    marked=st.booleans(),
    kind=KINDS,
)
def test_killed_at_any_moment_the_next_start_ends_in_law_1(
    story: tuple[Features, list[Changes]],
    last: st.DataObject,
    marked: bool,
    kind: type[SimulatedDescriptor],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        journal = folder / "journal" / "kvs.db"
        world = World(kind=kind, marked=marked, journal=journal)
        wrecker = Wrecker(world, folder, journal)

        async def run(world: World) -> None:
            if story[0].properties:
                world.southbound.add("a/p", N(), announce=True)
                await world.scheduler.settle()
            for change in story[1]:
                await commit(wrecker, change)
            for _ in range(last.draw(st.integers(0, 2))):
                await commit(wrecker, last.draw(changes(story[0])))
            wrecker.kill("at the end")

        play(run, world)
        for wreck in wrecker.wrecks:
            restart(wreck, marked=marked, kind=kind)


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    "story",
    [
        [{"a/3": N()}, {"a/3": None}],
        [{"a/1": N(derives=(("c/x", N()),))}, {"a/1": None}],
        [{"a/1": N(derives=(("c/x", N()),))}, {"a/1": N(data=1), "b/1": N(claims=("eth0",))}],
        [{"a/1": N(claims=("eth0",))}, {"a/1": None, "b/1": N(claims=("eth0",))}],
        [{"a/1": N()}, {"a/1": N(shape=1)}],
    ],
    ids=["delete", "delete with derived", "drop a derived", "hand over a claim", "recreate"],
)
def test_killed_in_the_middle_of(story: list[Changes], *, marked: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        journal = folder / "journal" / "kvs.db"
        world = World(marked=marked, journal=journal)
        wrecker = Wrecker(world, folder, journal)

        async def run(world: World) -> None:
            for change in story:
                await commit(wrecker, change)

        play(run, world)
        for wreck in wrecker.wrecks:
            restart(wreck, marked=marked, kind=SimulatedDescriptor)


async def commit(wrecker: Wrecker, change: Changes) -> None:
    """Commit, and remember what may be wanted whenever the kill comes."""
    world = wrecker.world
    ahead = world.ahead(change)
    wrecker.wanting = (world.oracle, ahead or world.oracle)
    await world.commit(change)
    wrecker.wanting = (world.oracle,)


@settings(max_examples=settings().max_examples // 2)
@given(story=stories(most=3, invalid=False, properties=False))
def test_without_a_journal_marks_are_enough(story: tuple[Features, list[Changes]]) -> None:
    wrecks: list[tuple[SimulatedSouthbound, Oracle]] = []
    world = World()
    world.southbound.moments.append(
        lambda _moment, _call: wrecks.append((world.southbound.copy(VirtualClock()), world.oracle))
    )

    async def run(world: World) -> None:
        for change in story[1]:
            await world.commit(change)

    async def resync(world: World) -> None:
        await world.transaction(world.oracle.wanted, resync="full").commit()
        await world.scheduler.settle()
        world.check()

    play(run, world)
    for southbound, oracle in wrecks:
        reborn = World(southbound=southbound)
        reborn.oracle.change(oracle.wanted)
        play(resync, reborn)
