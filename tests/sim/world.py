# SPDX-License-Identifier: Apache-2.0
"""One engine on one simulated southbound, with the oracle beside it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Mapping
from random import Random
from typing import Any

from kvscheduler import ClaimConflict, Plan, RetryPolicy, Scheduler, TransactionResult
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    Call,
    ConflictExpected,
    Item,
    Oracle,
    Rules,
    SimulatedDescriptor,
    SimulatedSouthbound,
    Unit,
    VirtualClock,
    check_graph,
    check_least_work,
    check_order,
)
from kvscheduler.testing.replay import cycles

__all__ = ["World", "check_all", "play"]

Changes = Mapping[str, Item | None]


class World:
    """An engine, what it drives, and what ought to become of it."""

    def __init__(
        self,
        *,
        kind: type[SimulatedDescriptor] = SimulatedDescriptor,
        prefixes: Iterable[str] = "abc",
        seed: int = 0,
        southbound: SimulatedSouthbound | None = None,
        loose: bool = False,
        marked: bool = True,
        **options: Any,
    ) -> None:
        self.clock = VirtualClock() if southbound is None else southbound.clock
        self.southbound = southbound or SimulatedSouthbound(seed=seed, clock=self.clock)
        self.kind, self.loose, self.marked = kind, loose, marked
        self.descriptors = [self.descriptor(name) for name in prefixes]
        self.scheduler = Scheduler(self.descriptors, clock=self.clock, **options)
        self.seed = seed

    # Made when they are asked for: most restarted engines are not.

    @functools.cached_property
    def rules(self) -> Rules:
        """The meaning of values."""
        return Rules(self.descriptors)

    @functools.cached_property
    def oracle(self) -> Oracle:
        """What ought to be wanted now."""
        return Oracle(self.rules)

    @functools.cached_property
    def coming(self) -> Oracle:
        """What is wanted once the change under way is in."""
        return self.oracle

    @functools.cached_property
    def random(self) -> Random:
        """Chance, seeded."""
        return Random(self.seed)

    def descriptor(self, name: str) -> SimulatedDescriptor:
        """Make a descriptor for the prefix of that name."""
        return self.kind(self.southbound, name, f"{name}/", loose=self.loose, marked=self.marked)

    def register(self, name: str) -> None:
        """Register one more descriptor with the running engine."""
        late = self.descriptor(name)
        self.rules.descriptors.append(late)
        self.scheduler.register(late)

    # What ought to be.

    def properties(self) -> dict[str, Item]:
        """Return what others made."""
        return self.southbound.others()

    def stand(self, oracle: Oracle | None = None) -> dict[str, Unit]:
        """Return what stands by law 1, less what others made."""
        units = (oracle or self.oracle).stand(self.properties())
        return {key: unit for key, unit in units.items() if key not in self.properties()}

    def given(self) -> set[str]:
        """Return the keys that others made, and what derives from them."""
        return self.oracle.given(self.properties())

    def check(self) -> None:
        """Check law 1 and what the southbound noticed."""
        self.southbound.check()
        ours, due = self.southbound.ours(), self.oracle.configured(self.properties())
        missing = sorted(due.keys() - ours.keys())
        extra = sorted(ours.keys() - due.keys())
        wrong = sorted(key for key in ours.keys() & due.keys() if ours[key] != due[key])
        assert not missing + extra + wrong, f"{missing=} {extra=} {wrong=}"

    def ahead(self, changes: Changes) -> Oracle | None:
        """Return the oracle as it will be after a change, None where it will be refused."""
        oracle = self.oracle.copy()
        try:
            oracle.change(changes)
        except ConflictExpected:
            return None
        return oracle

    def watch(self) -> None:
        """Look at law 2 after every single effect, whatever fails; rings apart."""
        self.southbound.moments.append(self._look)

    def _look(self, moment: str, call: Call) -> None:
        if moment != "after effect":
            return
        held = self.southbound.held
        units = {
            key: self.rules.unit(key, one.value, self.base_of(key))
            for key, one in held.items()
            if one.ours
        }
        facts = {name for key in held for name, _ in self.rules.derived(key, held[key].value)}
        there = set(held) | {name for name in facts if self.rules.descriptor_of(name) is None}
        coming = self.coming.units()
        rings, rings_to_be = cycles({**coming, **units}), cycles(coming)
        for key, unit in units.items():
            ring = rings.get(key, frozenset()) | rings_to_be.get(key, frozenset())
            for need in unit.holds_on_to():
                if need not in there and not (need in ring or len(ring) > 1):
                    self.southbound.violations.append(
                        f"after {call.kind} {call.key}: {key} stands without {need}"
                    )

    def base_of(self, key: str) -> str | None:
        """Return the base that a derived value stands on; it may have been handed over."""
        held = self.southbound.held
        bases = [base for base, one in held.items() if key in dict(one.value.derives)]
        owner = held[key].owner
        return owner if owner in bases or not bases else bases[0]

    # What is done.

    def transaction(self, changes: Changes, **options: Any) -> Any:
        """Return a transaction of the engine that holds the changes."""
        txn = self.scheduler.transaction(**options)
        for key, value in changes.items():
            if value is None:
                txn.delete(key)
            else:
                txn.set(key, value)
        return txn

    async def commit(
        self, changes: Changes, *, expect: Plan | None = None, **options: Any
    ) -> TransactionResult | None:
        """Commit; None where the change was refused, as the oracle must have said."""
        ahead = self.ahead(changes)
        self.coming = ahead or self.oracle
        try:
            transaction = self.transaction(changes, **options)
            result: TransactionResult = await transaction.commit(expect)
        except ClaimConflict:
            assert ahead is None, "the engine refuses what the laws allow"
            return None
        assert ahead is not None, "the engine allows what the laws refuse"
        self.oracle = ahead
        return result

    def plan(self, changes: Changes, **options: Any) -> Plan | None:
        """Plan; None where the change was refused, as the oracle must have said."""
        ahead = self.ahead(changes)
        try:
            plan: Plan = self.transaction(changes, **options).plan()
        except ClaimConflict:
            assert ahead is None, "the engine refuses what the laws allow"
            return None
        assert ahead is not None, "the engine allows what the laws refuse"
        return plan

    def order_problems(self, plan: Plan, changes: Changes) -> list[str]:
        """Check a plan against laws 2 and 4, in its own order and in any its graph allows."""
        before, after = self.around(changes)
        steps = plan.operations
        return check_order(self.rules, steps, before, after, self.given()) or check_graph(
            self.rules,
            steps,
            plan.graph,
            before,
            after,
            given=self.given(),
            rng=self.random,
        )

    def work_problems(self, plan: Plan, changes: Changes) -> list[str]:
        """Check a plan against law 3."""
        before, after = self.around(changes)
        return check_least_work(self.rules, plan.operations, before, after, self.given())

    def around(self, changes: Changes) -> tuple[dict[str, Unit], dict[str, Unit]]:
        """Return what stands before and after a change that is not refused."""
        ahead = self.ahead(changes)
        assert ahead is not None
        return self.stand(), self.stand(ahead)


def play(story: Callable[[World], Coroutine[Any, Any, None]], world: World | None = None) -> World:
    """Run a story in a world, in virtual time, between start and close of the engine."""
    chosen = world or World()

    async def main() -> None:
        async with chosen.scheduler:
            await story(chosen)

    chosen.clock.run(main())
    return chosen


def check_all(*story: Changes) -> list[list[tuple[str, str]]]:
    """Check plans, their graphs, their economy and their results, one change after another.

    Returns the kinds and keys of each plan's operations; a change that is refused has none.
    """
    done: list[list[tuple[str, str]]] = []

    async def run(world: World) -> None:
        for change in story:
            plan = world.plan(change)
            if plan is None:
                continue
            done.append([(one.kind, one.key) for one in plan.operations])
            assert world.order_problems(plan, change) == []
            assert world.work_problems(plan, change) == []
            await world.commit(change)
            world.check()

    play(run)
    return done


RETRY = RetryPolicy(first_delay=1.0, max_delay=8.0)
ASYNC = AsyncSimulatedDescriptor
