# SPDX-License-Identifier: Apache-2.0
"""Law 12: a descriptor that misbehaves costs its own values, never the engine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler import (
    Depends,
    DependsOnAny,
    Descriptor,
    RegistrationError,
    RetryPolicy,
    Scheduler,
    ValueState,
)
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    Item,
    SimulatedDescriptor,
    SimulatedSouthbound,
    VirtualClock,
    When,
)
from tests.sim.world import World, play
from tests.strategies import Changes, Features, stories

N = Item
NONSENSE = (None, 42, "text", b"", [None], [42], [("c/9",)], {7: 1}, object(), [object()])
METHODS = (
    "validate",
    "equivalent",
    "dependencies",
    "derived",
    "requires_recreate",
    "claims",
    "label",
    "is_retriable",
    "create",
    "update",
    "delete",
    "retrieve",
)


class Hostile(SimulatedDescriptor):
    """Raises, or returns nonsense, wherever it is told to."""

    broken: dict[str, object]

    def misbehave(self, method: str) -> object:
        what = self.broken[method]
        if isinstance(what, Exception):
            raise what
        return what


def _hostile(method: str) -> Callable[..., object]:
    honest = getattr(SimulatedDescriptor, method)

    def call(self: Hostile, *args: object) -> object:
        return self.misbehave(method) if method in self.broken else honest(self, *args)

    return call


for _method in METHODS:
    setattr(Hostile, _method, _hostile(_method))

ERRORS: tuple[Callable[[], object], ...] = (
    lambda: ValueError("broken"),
    lambda: KeyError("broken"),
    StopIteration,
    lambda: RecursionError("broken"),
    AssertionError,
)


@given(
    story=stories(claims=False, properties=False),
    methods=st.sets(st.sampled_from(METHODS), min_size=1, max_size=3),
    seed=st.integers(0, 999),
    resync=st.booleans(),
)
def test_a_descriptor_that_raises_or_returns_nonsense_costs_only_its_own_values(
    story: tuple[Features, list[Changes]], methods: set[str], seed: int, resync: bool
) -> None:
    rng = random.Random(seed)
    world = World(prefixes="ab")
    hostile = Hostile(world.southbound, "c", "c/")
    choices = [lambda value=value: value for value in NONSENSE] + list(ERRORS)
    hostile.broken = {method: rng.choice(choices)() for method in sorted(methods)}
    world.scheduler.register(hostile)

    async def run(world: World) -> None:
        for change in story[1]:
            apart = {key: value for key, value in change.items() if _is_apart(value)}
            mixed = {**apart, "c/1": N(data=rng.randrange(3)), "c/2": N(needs=("c/1",))}
            if rng.random() < 0.3:
                mixed["c/1"] = None
            if await world.commit(mixed) is None:
                return
            await world.scheduler.settle()
            if resync:
                await world.scheduler.resync("full")
            check_apart(world)
        await world.scheduler.notify("c/3", N())
        check_apart(world)

    play(run, world)


def _is_apart(value: Item | None) -> bool:
    """Tell whether a value has nothing to do with the hostile descriptor's keys."""
    if value is None:
        return True
    parts = [value, *(item for _, item in value.derives)]
    names = [key for part in parts for key in (*part.needs, *map(str, part.any_of))]
    names += [name for name, _ in value.derives]
    return not any("c/" in name for name in names)


def check_apart(world: World) -> None:
    """Check law 1 for all but the hostile descriptor's keys."""
    due = {key: v for key, v in world.oracle.configured().items() if not key.startswith("c/")}
    ours = {key: v for key, v in world.southbound.ours().items() if not key.startswith("c/")}
    assert ours == due


@pytest.mark.parametrize("kind", [AsyncSimulatedDescriptor, BlockingSimulatedDescriptor])
@pytest.mark.parametrize("when", When)
def test_a_call_past_its_deadline_costs_its_value_until_it_has_ended_and_is_looked_at(
    kind: type[SimulatedDescriptor], when: When
) -> None:
    async def run(world: World) -> None:
        hang = world.southbound.hang("a/1", "create", when)
        retry = RetryPolicy(first_delay=1.0, max_delay=4.0)
        begun = world.clock.monotonic()
        result = await world.commit(
            {"a/1": N(), "a/2": N(needs=("a/1",)), "b/1": N()}, retry=retry
        )
        assert world.clock.monotonic() - begun == pytest.approx(30.0)
        assert result is not None
        assert set(result.errors) == {"a/1"}
        assert "b/1" in world.southbound.ours()
        assert world.scheduler.status("a/1").state in {ValueState.FAILED, ValueState.RETRYING}
        await world.clock.advance(100.0)
        world.southbound.check()  # two calls at once for a key would show here
        hang.release()
        await world.clock.advance(100.0)
        await world.scheduler.settle()
        world.check()
        assert world.scheduler.status("a/1").state is ValueState.CONFIGURED

    play(run, World(kind=kind))


def test_the_engine_closes_while_a_call_hangs() -> None:
    async def run(world: World) -> None:
        world.southbound.hang("a/1")
        await world.commit({"a/1": N(), "b/1": N()})

    play(run, World(kind=AsyncSimulatedDescriptor))


class Chain(Descriptor[int, None]):
    """Values that each need the one before."""

    name = "chain"
    key_prefix = "n/"

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def dependencies(self, key: str, value: int) -> Iterable[Depends | DependsOnAny]:
        return () if value == 0 else (Depends(f"n/{value - 1}"),)

    def create(self, key: str, value: int) -> None:
        assert value == 0 or f"n/{value - 1}" in self.held
        self.held[key] = value

    def update(self, key: str, old: int, new: int, metadata: None) -> None:
        self.held[key] = new

    def delete(self, key: str, value: int, metadata: None) -> None:
        assert f"n/{value + 1}" not in self.held
        del self.held[key]


class Ring(Chain):
    """The same, and the first needs the last."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def dependencies(self, key: str, value: int) -> Iterable[Depends | DependsOnAny]:
        return (Depends(f"n/{(value - 1) % self.count}"),)

    def create(self, key: str, value: int) -> None:
        self.held[key] = value

    def delete(self, key: str, value: int, metadata: None) -> None:
        del self.held[key]


@pytest.mark.parametrize("closed", [False, True], ids=["chain", "ring"])
def test_chains_of_a_hundred_thousand_values_overflow_no_stack(*, closed: bool) -> None:
    count = 100_000
    chain = Ring(count) if closed else Chain()
    scheduler = Scheduler([chain], clock=VirtualClock())

    async def main() -> None:
        async with scheduler:
            first = scheduler.transaction()
            for number in range(1, count):
                first.set(f"n/{number}", number)
            await first.commit()
            assert not chain.held
            status = scheduler.status(f"n/{count - 1}")
            assert status.state is ValueState.PENDING
            second = scheduler.transaction()
            second.set("n/0", 0)
            (await second.commit()).check()
            assert len(chain.held) == count
            third = scheduler.transaction()
            third.delete("n/0")
            (await third.commit()).check()
            assert not chain.held

    asyncio.run(main())


def test_the_longest_prefix_that_fits_selects_the_descriptor() -> None:
    southbound = SimulatedSouthbound()
    short = SimulatedDescriptor(southbound, "short", "a/")
    long = SimulatedDescriptor(southbound, "long", "a/b")
    world = World(prefixes="", southbound=southbound)
    world.scheduler.register(short)
    world.scheduler.register(long)

    async def run(world: World) -> None:
        plan = world.transaction({"a/1": N(), "a/b1": N(), "a/b/1": N()}).plan()
        assert {op.key: op.descriptor for op in plan.operations} == {
            "a/1": "short",
            "a/b1": "long",
            "a/b/1": "long",
        }

    play(run, world)


def test_equal_prefixes_and_names_and_unknown_names_are_refused_at_registration() -> None:
    southbound = SimulatedSouthbound()
    one = SimulatedDescriptor(southbound, "one", "a/")

    for other in (
        SimulatedDescriptor(southbound, "two", "a/"),
        SimulatedDescriptor(southbound, "one", "b/"),
        SimulatedDescriptor(southbound, "three", "c/", retrieve_after=("nobody",)),
    ):
        scheduler = Scheduler([one])
        with pytest.raises(RegistrationError):
            scheduler.register(other)
        with pytest.raises(RegistrationError):
            Scheduler([one, other])


def test_a_key_that_two_descriptors_select_is_invalid_and_both_are_named() -> None:
    class Selecting(SimulatedDescriptor):
        def selects(self, key: str) -> bool:
            return "shared" in key

    southbound = SimulatedSouthbound()
    world = World(prefixes="b", southbound=southbound)
    for name in ("first", "second"):
        world.scheduler.register(Selecting(southbound, name, ""))

    async def run(world: World) -> None:
        result = await world.transaction({"a/shared": N(), "b/1": N()}).commit()
        assert set(result.errors) == {"a/shared"}
        status = world.scheduler.status("a/shared")
        assert status.state is ValueState.INVALID
        assert "first" in str(status.error)
        assert "second" in str(status.error)
        assert set(southbound.ours()) == {"b/1"}

    play(run, world)


def test_a_watch_that_fails_is_begun_again() -> None:
    class Watching(SimulatedDescriptor):
        begun = 0

        async def watch(self) -> None:
            self.begun += 1
            if self.begun < 3:
                raise ConnectionError
            assert self.port is not None
            self.port.notify({"w/1": N()})
            await asyncio.Event().wait()

    world = World()
    watching = Watching(world.southbound, "w", "w/")
    world.scheduler.register(watching)

    async def run(world: World) -> None:
        await world.commit({"a/1": N(needs=("w/1",))})
        await world.clock.advance(600.0)
        assert watching.begun == 3
        assert set(world.southbound.ours()) == {"a/1"}

    play(run, world)
