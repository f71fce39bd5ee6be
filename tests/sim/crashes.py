# SPDX-License-Identifier: Apache-2.0
"""Engines that start from what a kill has left, and may be killed again while they recover."""

from __future__ import annotations

import random
from collections.abc import Callable

from kvscheduler.testing import When
from tests.sim import narrator
from tests.sim.expected import Expected
from tests.sim.strikes import LONG_S, Kind, Place, Script, Strike
from tests.sim.tally import Tally
from tests.sim.universe import Universe
from tests.sim.universe_world import UniverseWorld
from tests.sim.verdicts import Violation, check, look_again
from tests.sim.wrecks import Wreck, discard, wreck_of

__all__ = ["Crashes"]

Say = Callable[[str], object]

# Of the moments of a recovery so many are the last of their engine, where kills come twice.
AGAIN_SHARE = 0.05
# So many recoveries meet with a failure, where they do.
TROUBLE_SHARE = 0.3
KINDS = (Kind.ERROR, Kind.FINAL, Kind.BROKEN)


class Crashes:
    """Starts engines on wrecks, and looks at what they make of them."""

    def __init__(self, universe: Universe, tally: Tally) -> None:
        self._universe, self._tally = universe, tally
        self._random = random.Random(f"crashes {universe.seed}")

    def can_restart(self, world: UniverseWorld) -> bool:
        """Tell whether law 9 promises anything here: by a journal, or by marks alone."""
        universe = self._universe
        return world.journal is not None or (universe.marked and "invalid" not in universe.on)

    async def restart(self, wreck: Wreck, say: Say | None) -> None:
        """Start another engine on what is left, and look at what it makes of it."""
        world = UniverseWorld(self._universe, wreck.journal, wreck.southbound)
        script = Script(self._trouble())
        wrecks = self._watch(world, script, wreck)
        if say is not None:
            narrator.crashed(say, wreck)
        try:
            async with world.scheduler:
                due = await self._recover(world, wreck, script)
                if say is not None:
                    narrator.verdict(say, world, due)
                check(world, due)
                await look_again(world, due, script, self._tally)
        except Exception as error:
            raise Violation(f"killed {wreck.moment}, then: {error}") from error
        finally:
            discard(wreck.journal)
        self._count(wreck, script)
        self._tally.count_out(world.scheduler)
        world.let_go()
        for one in wrecks:
            await self.restart(one, say)

    def _trouble(self) -> tuple[Strike, ...]:
        """Draw what fails during the recovery: mostly nothing."""
        rng = self._random
        if not self._universe.troubled or rng.random() > TROUBLE_SHARE:
            return ()
        if rng.random() < 0.2:
            return (Strike(Place.RETRIEVE, rng.randrange(3)),)
        when = rng.choice(list(When))
        return (Strike(Place.CALL, rng.randrange(5), rng.choice(KINDS), when),)

    def _watch(self, world: UniverseWorld, script: Script, wreck: Wreck) -> list[Wreck]:
        """Have the script count what happens, and kills strike once more; return the wrecks."""
        wrecks: list[Wreck] = []
        world.southbound.weather = script
        if not self._universe.troubled or wreck.again:
            return wrecks

        def kill(moment: str) -> None:
            if self._random.random() < AGAIN_SHARE:
                twice = f"{wreck.moment}, and again {moment}"
                wrecks.append(wreck_of(world, twice, wreck.allowed, again=True))

        script.on_moment.append(kill)
        world.southbound.moments.append(script.look)
        if world.journal is not None:
            world.journal.moments.append(script.journal)
        return wrecks

    async def _recover(self, world: UniverseWorld, wreck: Wreck, script: Script) -> Expected:
        """Let the new engine do what it has to do; return what is to be expected of it."""
        due, scheduler = wreck.allowed[0], world.scheduler
        if world.journal is None:
            await world.transaction(due.wanted, resync="full").commit()
        await scheduler.settle()
        script.end()
        if script.done:
            await world.clock.advance(LONG_S)
            await scheduler.resync("full")
            self._tally.asked_for += 1
        wanted = scheduler.values()
        return next((one for one in wreck.allowed if one.wanted == wanted), due)

    def _count(self, wreck: Wreck, script: Script) -> None:
        tally = self._tally
        tally.runs += 1
        tally.fault_runs += 1
        tally.crashes += 1
        tally.crashes_again += wreck.again
        tally.injected.update(strike.name for strike in script.done)
