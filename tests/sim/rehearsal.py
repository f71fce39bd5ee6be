# SPDX-License-Identifier: Apache-2.0
"""Dry runs, before a transaction and in its middle: they have to be right, and do nothing."""

from __future__ import annotations

import random

from kvscheduler import ClaimConflict, Plan, TransactionResult
from tests.sim.expected import Edge, difference
from tests.sim.tally import Tally
from tests.sim.universe_world import UniverseWorld
from tests.sim.verdicts import Violation

__all__ = ["Rehearsal"]

# In so many of the moments of a transaction somebody plans what they might want.
SHARE = 0.05


class Rehearsal:
    """The dry runs around one commit.

    They ``may_clash`` where an undo puts back what had failed before: it holds claims meanwhile
    that it is not wanted to hold.
    """

    def __init__(self, world: UniverseWorld, edge: Edge, rng: random.Random, tally: Tally) -> None:
        self._world, self._edge, self._random, self._tally = world, edge, rng, tally
        self.may_clash = False

    def plan(self) -> Plan:
        """Return what the commit has to do."""
        return self._dry_run(back=False)

    def now_and_then(self, moment: str) -> None:
        """Plan something at this moment, perhaps; what is wrong is for the southbound to tell."""
        if self._random.random() < SHARE:
            try:
                self._dry_run(back=self._random.random() < 0.5)
            except ClaimConflict as error:
                if not self.may_clash:
                    self._note(moment, error)
            except Exception as error:  # noqa: BLE001 - in a call: the engine would catch it
                self._note(moment, error)

    def _note(self, moment: str, error: Exception) -> None:
        self._world.southbound.violations.append(f"a dry run at {moment}: {error!r}")

    def compare(self, plan: Plan, again: Plan) -> None:
        """Compare a dry run with the plan that the commit has made of the same for itself."""
        if _parts(plan) != _parts(again):
            raise Violation("equal input gives different plans")

    def check(self, plan: Plan, result: TransactionResult) -> None:
        """Compare what was done, where nothing failed, with what was planned."""
        place = {(one.kind, one.key): number for number, one in enumerate(plan.operations)}
        done = [(one.operation.kind, one.operation.key) for one in result.operations]
        if len(done) != len(place) or set(done) != place.keys():
            raise Violation(f"planned {list(place)}, done {done}")
        before: set[int] = set()
        for step in done:
            number = place[step]
            if not before.issuperset(plan.edges[number]):
                raise Violation(f"{step} was done before what it has to wait for")
            before.add(number)

    def _dry_run(self, *, back: bool) -> Plan:
        world, edge = self._world, self._edge
        revision, calls = world.scheduler._engine.graph.revision, len(world.southbound.log)
        changes = edge.changes
        if back:
            changes = difference(edge.after.wanted, edge.before.wanted)
        plan: Plan = world.transaction(changes).plan()
        self._tally.dry_runs += 1
        if (world.scheduler._engine.graph.revision, len(world.southbound.log)) != (
            revision,
            calls,
        ):
            raise Violation("a dry run has touched something")
        return plan


def _parts(plan: Plan) -> tuple[object, ...]:
    return plan.operations, plan.edges, plan.pending, plan.invalid, plan.revision
