# SPDX-License-Identifier: Apache-2.0
"""Tells stories from seeds: what was planned, in what order and why, and what came of it.

``python -m tests.engine.telling`` writes told.txt anew; before you commit it, look at the
difference.
"""

from __future__ import annotations

import logging
import random
from pathlib import Path

from kvscheduler import ClaimConflict, Operation, Plan, RetryPolicy, TransactionResult, ValueState
from kvscheduler.testing import Item, SimulatedDescriptor, When
from tests.engine.wishes import DERIVED, FEATURES, NORTH, STRANGERS, Wishes, changed
from tests.sim.world import Changes, World, play

__all__ = ["SEEDS", "TOLD", "tell"]

TOLD = Path(__file__).with_name("told.txt")
SEEDS = range(90)
STEPS = 7
RETRY = RetryPolicy(first_delay=2.0, factor=2.0, max_delay=4.0, max_attempts=2)
KINDS = ("create", "update", "delete")
RESYNCS = (*(None,) * 8, "full", "upstream")
FINE = {ValueState.CONFIGURED, ValueState.NONEXISTENT, ValueState.REMOVED}


class Teller:
    """One seed's world, what happens in it, and the lines that tell of it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        chances = {**dict.fromkeys(FEATURES, 0.6), "invalid": 0.2}
        self.on = frozenset(one for one in FEATURES if self.rng.random() < chances[one])
        self.is_late = self.rng.random() < 0.3
        self.world = World(prefixes="ab" if self.is_late else "abc", seed=seed)
        self.is_failing = self.rng.random() < 0.75
        if self.is_failing and self.rng.random() < 0.6:
            self.world.southbound.unreadable.add("")
        self.wanted: Wishes = {}
        self.lines: list[str] = []
        self._told: set[int] = set()

    async def play(self, world: World) -> None:
        for step in range(STEPS):
            what = self.rng.random()
            if self.is_late and step == STEPS // 2:
                self.lines.append("descriptor c comes")
                world.register("c")
            elif what < 0.2:
                self.drift()
            elif what < 0.3:
                self.break_one()
            else:
                await self.change()
            await world.clock.advance(self.rng.choice((0.0, 0.0, 3.0, 9.0)))
            await world.scheduler.settle()
            self.tell_rest()

    # What happens.

    def drift(self) -> None:
        southbound, key = self.world.southbound, self.rng.choice((*STRANGERS, *NORTH))
        if key in southbound.held:
            self.lines.append(f"{key} is taken away")
            southbound.remove(key, announce=True)
        elif key in STRANGERS or self.rng.random() < 0.4:
            self.lines.append(f"others make {key}")
            southbound.add(key, Item(data=self.rng.randrange(2)), announce=True)

    def break_one(self) -> None:
        ours = sorted(key for key, held in self.world.southbound.held.items() if held.ours)
        if ours:
            key = self.rng.choice(ours)
            descriptor = self.world.rules.descriptor_of(key)
            assert isinstance(descriptor, SimulatedDescriptor)
            assert descriptor.port is not None
            self.lines.append(f"{key} breaks")
            descriptor.port.failed(key, RuntimeError("broken"))

    async def change(self) -> None:
        for _ in range(self.rng.randrange(3) if self.is_failing else 0):
            key, kind = self.rng.choice((*NORTH, *DERIVED)), self.rng.choice(KINDS)
            self.world.southbound.fail(key, kind, when=self.rng.choice(tuple(When)))
        before, after = self.wanted, changed(self.rng, self.on, self.wanted)
        resync = self.rng.choice(RESYNCS)
        revert = resync is None and self.rng.random() < 0.2
        change: Changes = after
        if resync is None:
            keys = [key for key in sorted({*after, *before}) if after.get(key) != before.get(key)]
            change = {key: after.get(key) for key in keys}
        retry = self.rng.choice((None, RETRY))
        self.lines.extend(f"want {key}: {value!r}" for key, value in change.items())
        options = {"resync": resync, "revert": revert, "retry": retry}
        transaction = self.world.transaction(change, **options)
        try:
            self.tell_plan(transaction.plan())
            result = await transaction.commit()
        except ClaimConflict as conflict:
            self.lines.append(f"refused: {conflict}")
            return
        self.lines.append("all or nothing:" if revert else "best effort:")
        self.tell_result(result)
        if not (revert and result.errors):
            self.wanted = after

    def tell_plan(self, plan: Plan) -> None:
        for number, one in enumerate(plan.operations):
            firsts = " ".join(map(str, sorted(plan.graph.predecessors(number))))
            self.lines.append(f"  {number}. {_told(one)} after [{firsts}]")
        self.lines.extend(f"  not {key}: {why}" for key, why in plan.pending.items())
        self.lines.extend(f"  invalid {key}: {why}" for key, why in plan.invalid.items())

    def tell_result(self, result: TransactionResult) -> None:
        """Tell what was done; only that it was, where that is what was planned."""
        operations = tuple(done.operation for done in result.operations)
        if result.ok and operations == result.plan.operations and self.lines[-2].startswith(" "):
            self.lines.append("  as planned")
            return
        for done in result.operations:
            error = "" if done.error is None else f" FAILS: {done.error}"
            back = "back: " if done.revert else ""
            self.lines.append(f"  {back}{_told(done.operation)}{error}")
        self.lines.extend(
            f"  error {key}: {error}" for key, error in sorted(result.errors.items())
        )

    def tell_rest(self) -> None:
        """Tell what the engine has done by itself since then, and what is not as it should be."""
        scheduler = self.world.scheduler
        for result in scheduler.history:
            if result.kind != "transaction" and result.number not in self._told:
                self.lines.append(f"{result.kind}:")
                self.tell_result(result)
            self._told.add(result.number)
        for status in scheduler.statuses():
            if status.state not in FINE:
                causes = "; ".join(str(one.cause) for one in status.unmet)
                self.lines.append(f"  {status.key} is {status.state.value} {causes}".rstrip())


def _told(one: Operation) -> str:
    again = ", recreated" if one.recreate else ""
    return f"{one.kind} {one.key} of {one.base or one.descriptor}{again} ({one.reason})"


def tell(seed: int) -> str:
    """Return the story of a seed."""
    logging.disable(logging.CRITICAL)  # what the engine warns of is part of the story
    try:
        teller = Teller(seed)
        play(teller.play, teller.world)
    finally:
        logging.disable(logging.NOTSET)
    return "\n".join([f"== {seed}", *teller.lines, ""])


if __name__ == "__main__":
    TOLD.write_text("".join(map(tell, SEEDS)))
