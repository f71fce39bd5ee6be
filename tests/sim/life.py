# SPDX-License-Identifier: Apache-2.0
"""One engine that goes from wish to wish while something fails, and has to end right."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from kvscheduler import JournalError, Plan, RetryPolicy, Scheduler, TransactionResult
from kvscheduler.testing import NotificationFaults, Weather
from tests.sim import narrator
from tests.sim.crashes import Crashes
from tests.sim.expected import Edge, Expectations, Expected
from tests.sim.rehearsal import Rehearsal
from tests.sim.states import is_sound
from tests.sim.strikes import LONG_S, Kind, Place, Script, Strike
from tests.sim.tally import Tally
from tests.sim.universe import Universe
from tests.sim.universe_world import UniverseWorld
from tests.sim.verdicts import Violation, check, look_again, mends_itself
from tests.sim.wrecks import Wreck, discard, new_journal, wreck_of

__all__ = ["ERRORS", "Attempt", "Life", "Options"]

RETRY = RetryPolicy(first_delay=1.0, max_delay=8.0)
LATENCY_S = (0.01, 0.2)
ERRORS = frozenset({Kind.ERROR, Kind.FINAL, Kind.BROKEN})
# A failure may cost one more way there and back: so many calls for each key.
CALLS_A_ROUND = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """How a transaction is committed."""

    revert: bool = False
    retry: bool = False

    def __str__(self) -> str:
        return f"revert={self.revert} retry={self.retry}"


PLAIN = Options()


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """A commit while something failed, and what kills in the middle of it would have left."""

    script: Script
    outcome: TransactionResult | JournalError
    wrecks: Sequence[Wreck]


class Life:
    """The life of one engine in a universe; ``at`` is what is wanted now.

    ``say`` gets what happens, line by line, where somebody wants to read it.
    """

    def __init__(self, universe: Universe, tally: Tally) -> None:
        self.universe, self.tally = universe, tally
        self.journal = new_journal(universe.journal)
        self.world = UniverseWorld(universe, self.journal)
        self.expectations = Expectations(universe, self.world.rules)
        self.at = self.expectations.nothing
        self.say: Callable[[str], object] | None = None
        self.script = Script()
        self.crashes = Crashes(universe, tally)
        self.number = 0
        self.is_troubled, self.is_rehearsed = False, universe.rehearsed
        self._doing: tuple[object, ...] = ("starting",)
        self._follow(self.script)
        if universe.latency:
            self.world.southbound.latency_s = LATENCY_S

    @property
    def scheduler(self) -> Scheduler:
        """The engine."""
        return self.world.scheduler

    @property
    def doing(self) -> str:
        """What this run is about; told only where somebody asks, since it takes its time."""
        return ", ".join(map(str, self._doing))

    def play(self, story: Callable[[Life], Coroutine[Any, Any, None]]) -> None:
        """Run a story between start and close of the engine, on a loop of its own."""

        async def main() -> None:
            southbound = self.world.southbound
            async with self.world.scheduler:
                for key, value in self.universe.strangers.items():
                    southbound.add(key, value, announce=True)
                await self.scheduler.settle()
                await story(self)
            self.tally.count_out(self.scheduler)

        try:
            self.world.clock.run(main())
        finally:
            discard(self.journal)

    def _follow(self, script: Script) -> None:
        """Have a script, and no other, hear of each moment from now on."""
        self.script = script
        self.world.southbound.moments = [script.look]
        if self.journal is not None:
            self.journal.moments = [script.journal]

    # One run.

    def begin(self, *doing: object) -> None:
        """Begin another run, which is about this."""
        self.number += 1
        self._doing = doing

    async def go(
        self,
        edge: Edge,
        options: Options = PLAIN,
        strikes: Sequence[Strike] = (),
        *,
        wreck: Callable[[str], bool] | None = None,
    ) -> Script:
        """Commit a change while the strikes strike, mend, and look whether all is right.

        Where ``wreck`` says so of a moment, the engine is killed there too: another one starts
        from what is left.
        """
        attempt = await self.attempt(edge, options, strikes, wreck=wreck)
        script, outcome = attempt.script, attempt.outcome
        self.at = self._ends_at(edge, options, outcome)
        if self.at is edge.before and len(strikes) == 1 and strikes[0].kind in ERRORS:
            check(self.world, self.at)  # undone at once, not only after the cause has gone
        if self._is_all_due_sound(script, outcome) and not is_sound(self.world):
            raise Violation("something stands without what it needs, though all could go")
        await self._converge(edge, options, script, outcome)
        if self.say is not None:
            narrator.verdict(self.say, self.world, self.at)
        check(self.world, self.at, edge)
        most = (2 + len(strikes)) * CALLS_A_ROUND * edge.keys
        if script.counts[Place.CALL] > most:
            raise Violation(f"{script.counts[Place.CALL]} calls where {most} are plenty")
        await look_again(self.world, self.at, script, self.tally)
        self.count(script)
        for one in attempt.wrecks:
            await self.crashes.restart(one, self.say)
        return script

    async def attempt(
        self,
        edge: Edge,
        options: Options,
        strikes: Sequence[Strike] = (),
        *,
        wreck: Callable[[str], bool] | None = None,
    ) -> Attempt:
        """Commit a change while the strikes strike; killed in mind wherever ``wreck`` says so."""
        script = Script(strikes)
        self._follow(script)
        self.begin(edge, options, *(strikes or ("no failure",)))
        southbound = self.world.southbound
        southbound.weather = script
        southbound.log.clear()
        if self.say is not None:
            narrator.before(self.say, self.number, self.doing, edge, self._plan(edge))
        wrecks: list[Wreck] = []
        if wreck is not None and self.crashes.can_restart(self.world):
            chosen = wreck

            def kill(moment: str) -> None:
                if chosen(moment):
                    wrecks.append(self._wreck(moment, edge, options))

            script.on_moment.append(kill)
        outcome = await self._perform(edge, options, script)
        if self.say is not None:
            narrator.after(self.say, outcome, self.world)
        return Attempt(script, outcome, wrecks)

    def _wreck(self, moment: str, edge: Edge, options: Options) -> Wreck:
        if self.journal is not None and not self.script.written:
            allowed: tuple[Expected, ...] = (edge.before,)
        else:
            allowed = (edge.after, edge.before) if options.revert else (edge.after,)
        return wreck_of(self.world, moment, allowed)

    async def _perform(
        self, edge: Edge, options: Options, script: Script
    ) -> TransactionResult | JournalError:
        """Commit, with a rehearsal where the universe has them."""
        if not self.is_rehearsed:
            outcome = await self._commit(edge, options, script)
            script.committed()
            return outcome
        rehearsal = Rehearsal(self.world, edge, self.world.random, self.tally)
        rehearsal.may_clash = self.is_troubled
        plan = rehearsal.plan()
        script.on_moment.append(rehearsal.now_and_then)
        outcome = await self._commit(edge, options, script, plan)
        script.committed()
        if isinstance(outcome, TransactionResult):
            rehearsal.compare(plan, outcome.plan)
            if not (script.done or (options.revert and edge.refused())):
                rehearsal.check(plan, outcome)
        return outcome

    async def _commit(
        self, edge: Edge, options: Options, script: Script, expect: Plan | None = None
    ) -> TransactionResult | JournalError:
        retry = RETRY if options.retry else None
        newest = self._newest()
        last = -1 if newest is None else newest.number
        transaction = self.world.transaction(edge.changes, revert=options.revert, retry=retry)
        self.tally.asked_for += 1
        try:
            if any(strike.kind is Kind.CANCEL for strike in script.due()):
                task = asyncio.create_task(transaction.commit(expect))
                script.cancel = task.cancel
                result: TransactionResult = await task
            else:
                result = await transaction.commit(expect)
        except JournalError as error:
            return error
        except asyncio.CancelledError:
            await self.scheduler.settle()
            found = self._newest()
            if found is None or found.number == last:
                return JournalError("the journal failed and nobody was there to be told")
            result = found
        self.tally.operations += len(result.operations)
        return result

    def _newest(self) -> TransactionResult | None:
        """Return the result of the last transaction, where nobody waited for it."""
        done = (one for one in reversed(self.scheduler.history) if one.kind == "transaction")
        return next(done, None)

    def _plan(self, edge: Edge) -> str:
        return str(self.world.transaction(edge.changes).plan().render())

    def _ends_at(
        self, edge: Edge, options: Options, outcome: TransactionResult | JournalError
    ) -> Expected:
        """Return what is wanted after a commit, by what the laws say of its outcome."""
        if isinstance(outcome, TransactionResult):
            return self._ends_well_at(edge, options, outcome)
        wanted = self.scheduler.values()
        if not self.script.written and wanted != edge.before.wanted:
            raise Violation("the journal refused the change, and yet it is wanted")
        return edge.after if wanted == edge.after.wanted else edge.before

    def _is_all_due_sound(self, script: Script, outcome: TransactionResult | JournalError) -> bool:
        """Tell whether a failure was no reason for anything to stand without what it needs.

        What cannot be changed, or fails to go, is left alone, whatever it stands on. A loose
        southbound does not tell what derives from a value.
        """
        if self.universe.loose or isinstance(outcome, JournalError):
            return False
        if len(script.done) != 1 or script.done[0].kind not in ERRORS:
            return False
        return all(one.operation.kind == "create" for one in outcome.operations if one.error)

    def _ends_well_at(self, edge: Edge, options: Options, result: TransactionResult) -> Expected:
        if options.revert and edge.refused():
            if result.operations or not result.errors:
                raise Violation("an invalid value is not refused before anything is touched")
            return edge.before
        doomed = [
            one.operation.key
            for one in result.operations
            if one.error is not None and not one.revert
        ]
        due = options.revert and any(edge.must_revert(key) for key in doomed)
        if result.reverted is not due:
            raise Violation(f"reverted is {result.reverted}, where {doomed} failed")
        if not set(doomed) <= result.errors.keys():
            raise Violation(f"{doomed} failed, and only {list(result.errors)} are reported")
        return edge.before if due else edge.after

    async def _converge(
        self,
        edge: Edge,
        options: Options,
        script: Script,
        outcome: TransactionResult | JournalError,
    ) -> None:
        """Have the cause go away, and let the engine do what it then has to do."""
        struck = list(script.done)
        script.end()
        scheduler = self.scheduler
        if not struck:
            await scheduler.settle()
            return
        await self.world.clock.advance(LONG_S)
        await scheduler.settle()
        if not (options.retry and mends_itself(edge, struck, outcome)):
            await scheduler.resync("full")
            self.tally.asked_for += 1
            await scheduler.settle()

    async def storm(
        self, targets: Sequence[int], weather: Weather, options: Sequence[Options]
    ) -> None:
        """Go from target to target in bad weather, and compare when it is over."""
        southbound = self.world.southbound
        self.begin(f"storm: {weather}")
        self._follow(Script())
        southbound.weather = weather
        southbound.injected.clear()
        for target, how in zip(targets, options, strict=True):
            edge = self.expectations.edge(self.at, target)
            if edge is None:
                continue
            outcome = await self._commit(edge, how, self.script)
            assert isinstance(outcome, TransactionResult)
            back = outcome.reverted or (how.revert and edge.refused())
            self.at = edge.before if back else edge.after
            await self.world.clock.advance(self.world.random.choice((0.0, 1.0, 50.0)))
        self.tally.injected.update(southbound.injected)
        self.tally.fault_runs += bool(southbound.injected)
        self.tally.runs += 1
        await self._clear_up()

    async def _clear_up(self) -> None:
        southbound = self.world.southbound
        southbound.heal()
        southbound.notification_faults = NotificationFaults()
        for key, value in self.universe.strangers.items():
            if key not in southbound.held:
                southbound.add(key, value, announce=True)
        await self.world.clock.advance(LONG_S)
        await self.scheduler.resync("full")
        await self.scheduler.settle()
        southbound.weather = self.script
        check(self.world, self.at)
        await look_again(self.world, self.at, self.script, self.tally)

    def count(self, script: Script) -> None:
        """Count a run and what failed in it."""
        tally = self.tally
        tally.runs += 1
        tally.fault_runs += bool(script.done)
        tally.pairs += len(script.done) > 1
        tally.injected.update(strike.name for strike in script.done)
