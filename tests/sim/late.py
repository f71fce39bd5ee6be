# SPDX-License-Identifier: Apache-2.0
"""A descriptor that registers late, when its values are wanted already, while something fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from kvscheduler.testing import SimulatedSouthbound
from tests.sim import narrator
from tests.sim.crashes import Crashes
from tests.sim.expected import Edge
from tests.sim.life import Life
from tests.sim.strikes import LONG_S, Place, Script, Strike, singles
from tests.sim.universe_world import UniverseWorld
from tests.sim.verdicts import Violation, check, look_again
from tests.sim.wrecks import Wreck, discard, new_journal, wreck_of

__all__ = ["LateComer"]

Say = Callable[[str], object]

# So many failures are drawn for each registration, and of its moments so many are the last.
FAILURES = 8
CRASH_SHARE = 0.05


class LateComer:
    """Lets the descriptor of one prefix come late, again and again, each time with a failure."""

    def __init__(self, life: Life, rng: random.Random) -> None:
        self._life, self._random = life, rng
        self._crashes = Crashes(life.universe, life.tally)

    async def play(self, edge: Edge, prefix: str) -> None:
        """Want something in a world of its own, and register the descriptor of a prefix then."""
        if self._life.universe.journal == "file":
            return
        extent = await self._once(edge, prefix, ())
        strikes = [one for one in singles(extent.counts, waits=False) if self._may_be(one)]
        for strike in self._random.sample(strikes, min(FAILURES, len(strikes))):
            await self._once(edge, prefix, (strike,))

    def _may_be(self, strike: Strike) -> bool:
        """Leave out what no engine could do right.

        What bears no mark and could not be read is taken for ours once a create of it has failed.
        """
        universe = self._life.universe
        told_apart = universe.marked or not universe.lent
        return strike.place is not Place.MOMENT and (
            strike.place is not Place.RETRIEVE or told_apart
        )

    async def _once(self, edge: Edge, prefix: str, strikes: Sequence[Strike]) -> Script:
        life = self._life
        life.begin(f"{prefix}/ registers late, {edge.after.wanted}", *strikes)
        southbound = SimulatedSouthbound(seed=life.number, clock=life.world.clock)
        journal = new_journal(life.universe.journal)
        world = UniverseWorld(life.universe, journal, southbound, without=prefix)
        script, wrecks = Script(strikes), list[Wreck]()
        try:
            async with world.scheduler:
                await self._begin(world, edge)
                self._watch(world, script, edge, wrecks)
                world.register(prefix)
                await world.scheduler.settle()
                script.committed()
                await self._mend(world, script)
                if life.say is not None:
                    narrator.verdict(life.say, world, edge.after)
                check(world, edge.after)
                await look_again(world, edge.after, script, life.tally)
        except Exception as error:
            raise Violation(f"{prefix}/ registers late: {error}") from error
        finally:
            discard(journal)
        life.count(script)
        life.tally.count_out(world.scheduler)
        world.let_go()
        life.tally.late += 1
        for wreck in wrecks:
            await self._crashes.restart(wreck, life.say)
        return script

    async def _begin(self, world: UniverseWorld, edge: Edge) -> None:
        """Want what the edge leads to; values without a descriptor wait for it."""
        for key, value in self._life.universe.strangers.items():
            world.southbound.add(key, value, announce=True)
        await world.scheduler.settle()
        await world.transaction(edge.changes).commit()
        self._life.tally.asked_for += 1

    def _watch(
        self, world: UniverseWorld, script: Script, edge: Edge, wrecks: list[Wreck]
    ) -> None:
        def kill(moment: str) -> None:
            if self._random.random() < CRASH_SHARE:
                wrecks.append(wreck_of(world, moment, (edge.after,)))

        if self._crashes.can_restart(world):
            script.on_moment.append(kill)
        world.southbound.weather = script
        world.southbound.moments.append(script.look)
        if world.journal is not None:
            world.journal.moments.append(script.journal)

    async def _mend(self, world: UniverseWorld, script: Script) -> None:
        script.end()
        if script.done:
            await world.clock.advance(LONG_S)
            await world.scheduler.resync("full")
            self._life.tally.asked_for += 1
            await world.scheduler.settle()
