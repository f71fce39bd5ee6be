# SPDX-License-Identifier: Apache-2.0
"""Bad weather comes by chance, by one seed, and passes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from kvscheduler import RetryPolicy
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    Fault,
    Hang,
    Item,
    SimulatedDescriptor,
    SimulatedError,
    SimulatedSouthbound,
    VirtualClock,
    Weather,
    When,
)
from tests.sim.world import World, play

N = Item
EVERYTHING = Weather(
    **{field.name: 0.1 for field in dataclasses.fields(Weather) if field.name != "announced"}
)
CALLS = ("create", "update", "delete")
FAULTS = {
    "refused": (SimulatedError, True),
    "refused_for_good": (SimulatedError, False),
    "refused_after_effect": (SimulatedError, True),
}


def _storm(seed: int) -> World:
    """Live through bad weather."""
    world = World(kind=AsyncSimulatedDescriptor, seed=seed)
    world.southbound.latency_s = (0.1, 2.0)

    async def run(world: World) -> None:
        world.southbound.weather = EVERYTHING
        for number in range(6):
            change = {f"a/{n}": N(data=number, needs=("b/1",)) for n in range(4)}
            await world.commit({**change, "b/1": N(shape=number % 2)}, retry=RetryPolicy())
        world.southbound.heal()
        await world.clock.advance(500.0)
        await world.scheduler.resync("full")
        world.check()

    return play(run, world)


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    first, again, other = _storm(7), _storm(7), _storm(8)

    assert first.southbound.log == again.southbound.log
    assert first.southbound.injected == again.southbound.injected
    assert first.southbound.log != other.southbound.log
    assert first.southbound.injected.total() > 10


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("name", FAULTS)
def test_a_refusal_is_an_error_before_or_after_the_effect(name: str, kind: str) -> None:
    southbound = SimulatedSouthbound()
    plain = SimulatedDescriptor(southbound, "a", "a/")
    metadata = plain.create("a/1", N()) if kind != "create" else None
    southbound.weather = Weather(**{name: 1.0})

    calls: dict[str, Callable[[], object]] = {
        "create": lambda: plain.create("a/1", N(data=1)),
        "update": lambda: plain.update("a/1", N(), N(data=1), metadata),
        "delete": lambda: plain.delete("a/1", N(), metadata),
    }
    error, retriable = FAULTS[name]
    with pytest.raises(error) as caught:
        calls[kind]()

    assert plain.is_retriable(caught.value) is retriable
    done = southbound.ours() == ({} if kind == "delete" else {"a/1": N(data=1)})
    assert done is (name == "refused_after_effect")
    assert southbound.injected == {name: 1}


def test_what_is_unreadable_raises_from_retrieve_and_nothing_else_does() -> None:
    southbound = SimulatedSouthbound()
    plain = SimulatedDescriptor(southbound, "a", "a/")
    southbound.weather = Weather(unreadable=1.0)

    plain.create("a/1", N())

    with pytest.raises(SimulatedError, match="unreadable"):
        plain.retrieve([])


@pytest.mark.parametrize("announced", [0.0, 1.0])
@pytest.mark.parametrize("what", ["vanishing", "altered"])
def test_after_a_call_something_of_ours_drifts_and_the_engine_may_be_told(
    what: str, announced: float
) -> None:
    async def run(world: World) -> None:
        await world.commit({"a/1": N()})
        world.southbound.weather = Weather(**{what: 1.0}, announced=announced)
        await world.commit({"a/1": N(data=1)})
        world.southbound.heal()
        drifted = world.southbound.ours() != world.oracle.configured()
        assert drifted
        await world.scheduler.settle()
        mended = world.southbound.ours() == world.oracle.configured()
        assert mended is bool(announced)

    play(run)


def test_a_southbound_that_starts_anew_has_lost_everything() -> None:
    southbound = SimulatedSouthbound()
    plain = SimulatedDescriptor(southbound, "a", "a/")
    southbound.add("a/p", N())
    southbound.weather = Weather(restarting=1.0)

    plain.create("a/1", N())

    assert southbound.held == {}
    assert southbound.injected == {"restarting": 1}


@pytest.mark.parametrize("when", When)
def test_a_stubborn_hang_outlasts_the_cancellation_and_then_has_its_effect(when: When) -> None:
    async def run(world: World) -> None:
        hang = Hang()
        world.southbound.plan_fault(Fault(key="a/1", hang=hang, when=when, stubborn=True))
        result = await world.commit({"a/1": N()}, retry=RetryPolicy())
        assert result is not None
        assert set(result.errors) == {"a/1"}
        await world.clock.advance(100.0)
        assert world.southbound.under_way == {"a/1": 1}
        hang.release()
        await world.clock.advance(100.0)
        assert world.southbound.under_way == {}
        world.check()

    play(run, World(kind=AsyncSimulatedDescriptor))


def test_healing_ends_the_weather_and_what_hangs_in_it() -> None:
    southbound = SimulatedSouthbound(clock=VirtualClock())
    southbound.weather = Weather(stubborn=1.0)
    waiting = AsyncSimulatedDescriptor(southbound, "a", "a/")

    async def main() -> None:
        call = asyncio.ensure_future(waiting.create("a/1", N()))
        await southbound.clock.idle()
        assert not call.done()
        southbound.heal()
        assert await call is not None

    southbound.clock.run(main())
    assert southbound.ours() == {"a/1": N()}
