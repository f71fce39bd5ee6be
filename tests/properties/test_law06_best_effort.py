# SPDX-License-Identifier: Apache-2.0
"""Law 6: a failure holds back only what depends on it, and retries end in law 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler import RetryPolicy, ValueState
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    Item,
    SimulatedDescriptor,
    When,
)
from tests.sim.world import World, play
from tests.strategies import DERIVED, NORTH, Changes, Features, changes, features, stories

N = Item
RETRY = RetryPolicy(first_delay=1.0, max_delay=8.0)
FAILED = {ValueState.FAILED, ValueState.RETRYING}


@given(
    on=features(),
    data=st.data(),
    broken=st.sets(st.sampled_from(NORTH + DERIVED), min_size=1, max_size=2),
    when=st.sampled_from(When),
)
def test_creates_that_fail_hold_back_only_what_depends_on_them(
    on: Features, data: st.DataObject, broken: set[str], when: When
) -> None:
    change = data.draw(changes(on, most=7))

    async def run(world: World) -> None:
        for key in broken:
            world.southbound.fail(key, "create", when=when, times=None)
        result = await world.commit(change)
        if result is None:
            return
        await world.scheduler.settle()

        world.southbound.check()
        due = set(world.oracle.configured(blocked=broken))
        stands = set(world.southbound.ours())
        if when is When.BEFORE_EFFECT:
            assert stands == due
        assert due <= stands
        tried = {op.operation.key for op in result.operations}
        assert set(result.errors) - world.oracle.invalid() == broken & tried
        for key in broken & tried:
            assert world.scheduler.status(key).state in FAILED

    play(run)


@given(
    story=stories(),
    data=st.data(),
    kind=st.sampled_from((SimulatedDescriptor, AsyncSimulatedDescriptor)),
    seed=st.integers(0, 99),
)
def test_when_the_cause_is_gone_in_time_the_result_is_that_of_law_1(
    story: tuple[Features, list[Changes]],
    data: st.DataObject,
    kind: type[SimulatedDescriptor],
    seed: int,
) -> None:
    keys = st.sampled_from((*NORTH, *DERIVED))
    kinds = st.sampled_from(("create", "update", "delete", ""))

    async def run(world: World) -> None:
        world.watch()
        if kind is AsyncSimulatedDescriptor:
            world.southbound.latency_s = (0.01, 0.2)
        for change in story[1]:
            for _ in range(data.draw(st.integers(0, 2))):
                world.southbound.fail(
                    data.draw(keys),
                    data.draw(kinds),
                    when=data.draw(st.sampled_from(When)),
                    times=data.draw(st.sampled_from((1, 2, None))),
                )
            await world.commit(change, retry=RETRY)
            await world.clock.advance(data.draw(st.sampled_from((0.0, 0.5, 3.0))))
        world.southbound.heal()
        await world.clock.advance(100.0)
        await world.scheduler.settle()
        world.check()

    play(run, World(kind=kind, seed=seed))


@given(story=stories(most=3), seed=st.integers(0, 99))
def test_blocking_descriptors_converge_alike(
    story: tuple[Features, list[Changes]], seed: int
) -> None:
    async def run(world: World) -> None:
        world.southbound.latency_s = (0.1, 2.0)
        world.southbound.fail("a/1", "create")
        for change in story[1]:
            await world.commit(change, retry=RETRY)
        await world.clock.advance(100.0)
        await world.scheduler.settle()
        world.check()

    play(run, World(kind=BlockingSimulatedDescriptor, seed=seed))


@given(story=stories(invalid=False), data=st.data())
def test_setting_a_failed_value_again_tries_it_again(
    story: tuple[Features, list[Changes]], data: st.DataObject
) -> None:
    async def run(world: World) -> None:
        key = data.draw(st.sampled_from(NORTH))
        world.southbound.fail(key, data.draw(st.sampled_from(("create", "update", ""))))
        for change in story[1]:
            await world.commit(change)
        again = dict(world.oracle.wanted)
        world.southbound.heal()
        gone = [key for key in NORTH if key not in again]
        await world.commit({**again, **dict.fromkeys(gone)})
        await world.scheduler.settle()
        world.check()

    play(run)


def test_retries_wait_longer_each_time_and_stop_at_the_limit() -> None:
    world = World()

    async def run(world: World) -> None:
        world.southbound.fail("a/1", times=None)
        policy = RetryPolicy(first_delay=1.0, factor=2.0, max_delay=5.0, max_attempts=4)
        await world.commit({"a/1": N()}, retry=policy)
        assert world.scheduler.status("a/1").state is ValueState.RETRYING
        await world.clock.advance(1000.0)
        assert world.scheduler.status("a/1").state is ValueState.FAILED

    play(run, world)

    times = [event.at_s for event in world.southbound.log if event.phase == "start"]
    assert times == pytest.approx([0.0, 1.0, 3.0, 7.0, 12.0])


def test_an_error_that_is_not_retriable_is_not_retried() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("a/1", retriable=False, times=None)
        await world.commit({"a/1": N()}, retry=RETRY)
        assert world.scheduler.status("a/1").state is ValueState.FAILED
        calls = len(world.southbound.log)
        await world.clock.advance(1000.0)
        assert len(world.southbound.log) == calls

    play(run)


def test_a_cycle_with_a_failed_member_is_taken_down_whole() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("a/2", "create", times=None)
        await world.commit({"a/1": N(needs=("a/2",)), "a/2": N(needs=("a/1",))})
        await world.scheduler.settle()
        assert world.southbound.ours() == {}
        world.southbound.check()

    play(run)


def test_a_value_keeps_the_policy_of_the_transaction_that_set_it() -> None:
    async def run(world: World) -> None:
        world.southbound.fail("a/1", times=2)
        await world.commit({"a/1": N(needs=("b/1",))}, retry=RETRY)
        await world.commit({"b/1": N()})
        assert world.scheduler.status("a/1").state is ValueState.RETRYING
        await world.clock.advance(100.0)
        world.check()

    play(run)
