# SPDX-License-Identifier: Apache-2.0
"""One failure on top of another with no resync between: an undo in the midst of trouble."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from kvscheduler import Plan, TransactionResult, ValueState
from kvscheduler.testing import When
from tests.sim import narrator
from tests.sim.expected import Edge, Expected
from tests.sim.life import ERRORS, Life, Options
from tests.sim.states import is_sound, states
from tests.sim.strikes import LONG_S, Place, Strike, singles
from tests.sim.verdicts import Violation, check, look_again

__all__ = ["Unrest"]

# So many times trouble is stirred up, so often wildly; a call further on is seldom reached.
TIMES = 8
WILD_SHARE = 0.4
FURTHEST = 7
CRASH_SHARE = 0.02
KINDS = sorted(ERRORS, key=lambda kind: kind.value)
EXTENT = {
    Place.CALL: FURTHEST, Place.RETRIEVE: 2, Place.BEGIN: 3, Place.FLUSH: 2, Place.MOMENT: 20
}  # fmt: skip


class Unrest:
    """Lets transactions fail one upon the other, and looks at what an undo then leaves.

    What it has to leave is what was there before, be that right or not: the same values in the
    same states, from which every plan is what it would have been. Wild trouble has everything
    that can fail: calls that hang, retries that come due, reads and journals that fail; then it
    is the end alone that is looked at.
    """

    def __init__(self, life: Life, rng: random.Random) -> None:
        self._life, self._random = life, rng

    async def play(self) -> None:
        """Stir up trouble, undo something in it, and have it mended, time and again."""
        life, rng = self._life, self._random
        wildly = list(singles(EXTENT, waits=life.universe.waits))
        rehearsed = life.is_rehearsed
        life.is_troubled = True
        for _ in range(TIMES):
            is_wild = rng.random() < WILD_SHARE
            life.is_rehearsed = rehearsed and not is_wild
            for _ in range(rng.choice((1, 1, 2, 3))):
                await (self._rage(wildly) if is_wild else self._try(revert=rng.random() < 0.2))
            if not is_wild:
                await self._try(revert=True, crash_share=CRASH_SHARE)
            await self._mend()
        life.is_troubled, life.is_rehearsed = False, rehearsed

    def _edge(self) -> Edge | None:
        life = self._life
        return life.expectations.edge(life.at, self._random.randrange(len(life.universe.targets)))

    async def _rage(self, strikes: Sequence[Strike]) -> None:
        """Commit a change on which anything fails, and go on before all is over."""
        life, rng, edge = self._life, self._random, self._edge()
        if edge is None:
            return
        options = Options(revert=rng.random() < 0.6, retry=rng.random() < 0.5)
        attempt = await life.attempt(edge, options, rng.sample(strikes, rng.choice((1, 2, 3))))
        life.at = edge.after if life.scheduler.values() == edge.after.wanted else edge.before
        life.count(attempt.script)
        life.tally.unrest += 1
        attempt.script.end()
        await life.world.clock.advance(rng.choice((0.0, 0.5, 3.0, LONG_S)))

    async def _try(self, *, revert: bool, crash_share: float = 0.0) -> None:
        """Commit a change on which a call or two fail."""
        life, rng, edge = self._life, self._random, self._edge()
        if edge is None:
            return
        options = Options(revert=revert)
        before = _Rest(life, edge.before) if revert else None
        attempt = await life.attempt(
            edge, options, self._strikes(), wreck=lambda _moment: rng.random() < crash_share
        )
        result = attempt.outcome
        if not isinstance(result, TransactionResult):
            raise Violation(f"the commit raises {result!r}")
        if before is not None:
            self._judge(edge, options, result, before)
        elif result.reverted:
            raise Violation("reverted, and nobody has asked for it")
        life.at = edge.before if _is_back(edge, options, result) else edge.after
        life.count(attempt.script)
        life.tally.unrest += 1
        for wreck in attempt.wrecks:
            await life.crashes.restart(wreck, life.say)

    def _strikes(self) -> tuple[Strike, ...]:
        rng = self._random
        places = rng.sample(range(FURTHEST), rng.choice((1, 1, 2)))
        return tuple(
            Strike(Place.CALL, at, rng.choice(KINDS), rng.choice(list(When))) for at in places
        )

    def _judge(
        self, edge: Edge, options: Options, result: TransactionResult, before: _Rest
    ) -> None:
        failed = [one for one in result.operations if one.error is not None]
        doomed = [one.operation.key for one in failed if not one.revert]
        due = options.revert and any(before.calls_off(edge, key) for key in doomed)
        if result.reverted is not due:
            raise Violation(f"reverted is {result.reverted}, where {doomed} failed")
        if not _is_back(edge, options, result) or any(one.revert for one in failed):
            return
        if not before.is_sound:  # what has outlived its support may not be made again
            return
        if problem := next(before.differences(_Rest(self._life, edge.before)), None):
            raise Violation(f"after an undo: {problem}")

    async def _mend(self) -> None:
        """Have the cause go away, and one resync do the rest."""
        life = self._life
        life.script.end()
        await life.world.clock.advance(LONG_S)
        await life.scheduler.resync("full")
        life.tally.asked_for += 1
        await life.scheduler.settle()
        if life.say is not None:
            narrator.verdict(life.say, life.world, life.at)
        check(life.world, life.at)
        await look_again(life.world, life.at, life.script, life.tally)


class _Rest:
    """All that can be seen of an engine and its southbound between two transactions."""

    def __init__(self, life: Life, at: Expected) -> None:
        self._life = life
        world, is_loose = life.world, life.universe.loose
        self.held = {
            key: (held.value.bare() if is_loose else held.value, held.ours)
            for key, held in world.southbound.held.items()
        }
        self.said = {key: _said(state) for key, (state, _) in states(world).items()}
        self.errors = {one.key: str(one.error) for one in life.scheduler.statuses()}
        self.wanted = life.scheduler.values()
        self.configured = life.scheduler.values(view="configured")
        if is_loose:
            self.configured = {key: value.bare() for key, value in self.configured.items()}
        self.is_sound = is_sound(world)
        self.plans = {target: self._plan(at, target) for target in self._targets()}

    def _targets(self) -> range:
        return range(len(self._life.universe.targets))

    def _plan(self, at: Expected, target: int) -> object:
        edge = self._life.expectations.edge(at, target)
        changes: dict[str, Any] = {} if edge is None else edge.changes
        plan: Plan = self._life.world.transaction(changes).plan()
        steps = [(one.kind, one.key, one.base, one.recreate) for one in plan.operations]
        return steps, sorted(plan.invalid.items())

    def calls_off(self, edge: Edge, key: str) -> bool:
        """Tell whether a failure on the key undoes a change, by the words of the law."""
        unit = edge.after.units.get(key)
        is_set = key in edge.changes or (unit is not None and unit.base in edge.changes)
        return is_set or key in self.held

    def differences(self, other: _Rest) -> Iterator[str]:
        """Yield in what another one is not the same."""
        for name in ("held", "said", "errors", "wanted", "configured", "plans"):
            one, two = getattr(self, name), getattr(other, name)
            for key in sorted(one.keys() | two.keys()):
                if one.get(key) != two.get(key):
                    yield f"{name}: {key} is {two.get(key)}, not {one.get(key)} as before"


def _said(state: ValueState) -> ValueState:
    """Return a state; what was lost, and cannot come back yet, may be called either."""
    return ValueState.PENDING if state is ValueState.MISSING else state


def _is_back(edge: Edge, options: Options, result: TransactionResult) -> bool:
    return result.reverted or (options.revert and edge.refused())
