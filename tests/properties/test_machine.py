# SPDX-License-Identifier: Apache-2.0
"""Everything that can happen to an engine, in any order, with the oracle looking on."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from kvscheduler import RetryPolicy
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    ConflictExpected,
    Fault,
    Item,
    SimulatedDescriptor,
    SimulatedError,
    When,
)
from tests.sim.drift import drift
from tests.sim.states import check_reasons, check_states, must_revert, states
from tests.sim.world import World
from tests.strategies import Changes, Features, changes, features

T = TypeVar("T")
RETRY = RetryPolicy(first_delay=1.0, max_delay=8.0)
MARK = Item(data=7)


class Engine(RuleBasedStateMachine):
    """One engine's life. ``broken``: something failed that a retry has not mended yet."""

    def __init__(self) -> None:
        super().__init__()
        self.on = Features()
        self.broken = False
        self.world: World | None = None

    @initialize(
        on=features(),
        kind=st.sampled_from((SimulatedDescriptor, AsyncSimulatedDescriptor)),
        late=st.booleans(),
        seed=st.integers(0, 99),
    )
    def start(
        self, on: Features, kind: type[SimulatedDescriptor], seed: int, *, late: bool
    ) -> None:
        self.on = on
        self.world = World(kind=kind, prefixes="ab" if late else "abc", seed=seed, retry=RETRY)
        self.runner = self.world.clock.runner()
        self.late = late
        self.run(self.world.scheduler.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        if self.world is None:
            return
        self.world.southbound.heal()
        self.run(self.world.scheduler.close())
        self.runner.close()

    # What the northbound does.

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        self.run(self.of.commit(data.draw(changes(self.on))))

    @rule(data=st.data())
    def plan_then_commit(self, data: st.DataObject) -> None:
        change = data.draw(changes(self.on))
        plan = self.of.plan(change)
        if plan is None:
            return
        if not self.broken:
            assert self.of.order_problems(plan, change) == []
            assert self.of.work_problems(plan, change) == []
        result = self.run(self.of.commit(change, expect=plan))
        assert result is not None
        if not self.broken:
            assert sorted(one.operation for one in result.operations) == sorted(plan.operations)

    @rule(data=st.data(), when=st.sampled_from(When), times=st.integers(1, 3))
    def commit_with_a_failure(self, data: st.DataObject, when: When, times: int) -> None:
        change = data.draw(changes(self.on))
        if self.doom(data, change, when, times):
            self.broken = True
            self.run(self.of.commit(change, retry=RETRY))

    @precondition(lambda self: not self.broken)
    @rule(data=st.data(), when=st.sampled_from(When))
    def revert(self, data: st.DataObject, when: When) -> None:
        change = data.draw(changes(self.on))
        before, oracle = states(self.of), self.of.oracle
        if self.of.plan(change) is None or self.sets_invalid(change):
            return
        doomed = self.doom(data, change, when, 1)
        due = doomed != "" and must_revert(self.of, change, doomed)
        result = self.run(self.of.commit(change, revert=True, retry=RETRY))
        assert result is not None
        assert result.reverted is due
        if due:
            assert states(self.of) == before
            self.of.oracle = oracle
        else:
            self.broken = bool(doomed)

    def sets_invalid(self, change: Changes) -> bool:
        """Tell whether the change sets, or derives, an invalid value: refused first."""
        ahead = self.of.ahead(change)
        assert ahead is not None
        set_now = set(change)
        for value in change.values():
            set_now |= {name for name, _ in value.derives} if value is not None else set()
        return bool(ahead.invalid() & set_now)

    def doom(self, data: st.DataObject, change: Changes, when: When, times: int) -> str:
        """Have one operation of the change fail; return its key."""
        plan = self.of.plan(change)
        if plan is None or plan.is_empty:
            return ""
        doomed = data.draw(st.sampled_from(plan.operations))
        fault = Fault(
            key=doomed.key, kind=doomed.kind, error=SimulatedError(), when=when, times=times
        )
        self.of.southbound.plan_fault(fault)
        return str(doomed.key)

    @precondition(lambda self: self.late)
    @rule()
    def register_late(self) -> None:
        self.late = False
        twin = self.of.oracle.copy()
        twin.rules = type(twin.rules)([*self.of.descriptors, self.of.descriptor("c")])
        try:
            twin.reconsider()
        except ConflictExpected:
            return  # then only the later key is refused: looked at in law 4
        self.of.register("c")
        self.of.oracle.reconsider()
        self.run(self.of.scheduler.settle())

    # What the southbound does.

    @precondition(lambda self: not self.broken)
    @rule(data=st.data(), kind=st.sampled_from(("full", "downstream")))
    def drift_and_resync(self, data: st.DataObject, kind: str) -> None:
        for _ in range(data.draw(st.integers(1, 3))):
            drift(self.of, data)
        self.run(self.of.scheduler.resync(kind))

    @precondition(lambda self: not self.broken)
    @rule(data=st.data())
    def drift_and_notify(self, data: st.DataObject) -> None:
        async def tell() -> None:  # on the loop, as a descriptor's watch would
            drift(self.of, data, announce=True)
            await self.of.scheduler.settle()

        self.run(tell())

    @rule(seconds=st.sampled_from((0.5, 3.0, 20.0)))
    def wait(self, seconds: float) -> None:
        self.run(self.of.clock.advance(seconds))

    @rule()
    def heal(self) -> None:
        self.of.southbound.heal()
        self.run(self.of.clock.advance(100.0))
        self.run(self.of.scheduler.settle())
        self.broken = False

    @precondition(lambda self: not self.broken)
    @rule()
    def resync_for_nothing(self) -> None:
        begun = len(self.of.southbound.log)
        self.run(self.of.scheduler.resync("full"))
        events = self.of.southbound.log[begun:]
        assert [event for event in events if event.phase == "start"] == []

    # What must always be.

    @property
    def of(self) -> World:
        assert self.world is not None
        return self.world

    @invariant()
    def the_southbound_was_asked_for_nothing_wrong(self) -> None:
        if self.world is not None:
            self.world.southbound.check()

    @invariant()
    def what_can_stand_stands(self) -> None:
        if self.world is not None and not self.broken:
            self.world.check()
            check_states(self.world)
            check_reasons(self.world)

    @invariant()
    def the_history_is_in_order(self) -> None:
        if self.world is not None:
            numbers = [result.number for result in self.world.scheduler.history]
            assert numbers == sorted(set(numbers))


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=max(20, settings().max_examples // 2), stateful_step_count=15
)
