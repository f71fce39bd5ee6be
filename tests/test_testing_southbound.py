# SPDX-License-Identifier: Apache-2.0
"""The simulated southbound keeps what it is given, sees what is wrong, and fails as planned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from kvscheduler.errors import PartialRetrieve
from kvscheduler.model import Origin
from kvscheduler.testing import (
    AsyncSimulatedDescriptor,
    BlockingSimulatedDescriptor,
    Fault,
    Item,
    NotificationFaults,
    SimulatedDescriptor,
    SimulatedError,
    SimulatedSouthbound,
    When,
)

ONE = Item(data=1)
TWO = Item(data=2)


@pytest.fixture
def southbound() -> SimulatedSouthbound:
    return SimulatedSouthbound(seed=7)


@pytest.fixture
def plain(southbound: SimulatedSouthbound) -> SimulatedDescriptor:
    return SimulatedDescriptor(southbound, "a", "a/")


def test_a_correct_life_of_a_value_is_logged_and_violates_nothing(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    metadata = plain.create("a/1", ONE)
    plain.update("a/1", ONE, TWO, metadata)
    held = southbound.ours()
    plain.delete("a/1", TWO, metadata)

    southbound.check()
    assert held == {"a/1": TWO}
    assert not southbound.held
    assert [(event.phase, event.kind) for event in southbound.log] == [
        ("start", "create"),
        ("end", "create"),
        ("start", "update"),
        ("end", "update"),
        ("start", "delete"),
        ("end", "delete"),
    ]


Misuse = Callable[[SimulatedSouthbound, SimulatedDescriptor], object]


def deletes_twice(_southbound: SimulatedSouthbound, a: SimulatedDescriptor) -> None:
    metadata = a.create("a/1", ONE)
    a.delete("a/1", ONE, metadata)
    a.delete("a/1", ONE, metadata)


def deletes_with_wrong_metadata(_southbound: SimulatedSouthbound, a: SimulatedDescriptor) -> None:
    a.create("a/1", ONE)
    a.delete("a/1", ONE, 99)


def deletes_of_others(southbound: SimulatedSouthbound, a: SimulatedDescriptor) -> None:
    southbound.add("a/1", ONE)
    a.delete("a/1", ONE, None)


MISUSES: Sequence[tuple[str, Misuse]] = [
    ("creates what is there", lambda _, a: (a.create("a/1", ONE), a.create("a/1", ONE))),
    ("deletes what is not there", deletes_twice),
    ("updates from", lambda _, a: a.update("a/1", TWO, ONE, a.create("a/1", ONE))),
    ("has metadata 99", deletes_with_wrong_metadata),
    ("others made", deletes_of_others),
    (
        "takes ['c'] that a/1 holds",
        lambda _, a: [a.create(f"a/{i}", Item(claims=("c",))) for i in (1, 2)],
    ),
    ("under way", lambda sb, _: [sb.begin("delete", "a/1") for _ in range(2)]),
]


@pytest.mark.parametrize(("message", "misuse"), MISUSES, ids=[name for name, _ in MISUSES])
def test_what_no_correct_engine_asks_for_is_a_violation(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor, message: str, misuse: Misuse
) -> None:
    misuse(southbound, plain)

    with pytest.raises(AssertionError) as caught:
        southbound.check()
    assert message in str(caught.value)


def test_a_planned_fault_strikes_once_before_or_after_the_effect(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    southbound.fail("a/1", "create", retriable=False)
    southbound.fail("a/2", when=When.AFTER_EFFECT)

    with pytest.raises(SimulatedError) as first:
        plain.create("a/1", ONE)
    with pytest.raises(SimulatedError) as second:
        plain.create("a/2", ONE)
    plain.create("a/1", ONE)
    plain.create("a/2", ONE)  # the engine cannot know: no violation

    southbound.check()
    assert (plain.is_retriable(first.value), plain.is_retriable(second.value)) == (False, True)
    assert southbound.ours() == {"a/1": ONE, "a/2": ONE}


@pytest.mark.parametrize("kind", [AsyncSimulatedDescriptor, BlockingSimulatedDescriptor])
def test_calls_take_virtual_time_and_hang_until_released(
    southbound: SimulatedSouthbound, kind: type[SimulatedDescriptor]
) -> None:
    descriptor = kind(southbound, "a", "a/")
    southbound.plan_fault(Fault(key="a/1", delay_s=5.0))
    hang = southbound.hang("a/2")

    async def create(key: str) -> object:
        if descriptor.blocking:
            return await asyncio.to_thread(descriptor.create, key, ONE)
        return await descriptor.create(key, ONE)  # type: ignore[misc]  # the async variant

    async def main() -> None:
        await create("a/1")
        assert southbound.clock.monotonic() == 5.0
        task = asyncio.create_task(create("a/2"))
        await southbound.clock.sleep(1000)
        assert hang.reached
        assert not task.done()
        hang.release()
        await task

    southbound.clock.run(main())

    southbound.check()
    assert southbound.ours() == {"a/1": ONE, "a/2": ONE}


def test_a_plain_call_refuses_to_wait(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    southbound.hang("a/1")

    with pytest.raises(TypeError, match="plain def call cannot wait"):
        plain.create("a/1", ONE)


@pytest.mark.parametrize("mute", [False, True])
def test_a_base_shows_what_is_there_of_derived_values_that_cannot_be_retrieved(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor, mute: bool
) -> None:
    other = SimulatedDescriptor(southbound, "b", "b/", retrieves=not mute)
    base = Item(derives=(("b/x", ONE), ("b/y", ONE), ("fact/1", ONE)))
    plain.create("a/1", base)
    other.create("b/x", ONE)
    other.create("b/y", ONE)
    southbound.remove("b/x")
    southbound.alter("b/y", TWO)

    found = list(plain.retrieve(()))

    really = Item(derives=(("b/y", TWO), ("fact/1", ONE)))
    assert [(one.key, one.value) for one in found] == [("a/1", really if mute else base)]
    assert found[0].origin is Origin.NORTHBOUND


def test_retrieve_tells_ours_from_others_only_where_they_are_marked(
    southbound: SimulatedSouthbound,
) -> None:
    marked = SimulatedDescriptor(southbound, "a", "a/")
    unmarked = SimulatedDescriptor(southbound, "b", "b/", marked=False)
    southbound.add("a/1", ONE)
    southbound.add("b/1", ONE)

    assert [one.origin for one in marked.retrieve(())] == [Origin.SOUTHBOUND]
    assert [one.origin for one in unmarked.retrieve(())] == [Origin.UNKNOWN]


def test_what_is_unreadable_is_said_to_be_unknown(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    plain.create("a/1", ONE)
    plain.create("a/secret/1", ONE)
    southbound.unreadable.add("a/secret/")

    with pytest.raises(PartialRetrieve) as caught:
        plain.retrieve(())

    assert [one.key for one in caught.value.found] == ["a/1"]
    assert caught.value.unknown == ("a/secret/",)


def test_a_base_that_drifts_away_takes_its_derived_values_along(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    plain.create("a/1", Item(derives=(("a/1/x", ONE),)))
    plain.create("a/1/x", ONE)

    southbound.remove("a/1")

    assert not southbound.held
    plain.delete("a/1/x", ONE, None)
    southbound.check()


def test_what_a_base_no_longer_derives_stays_until_it_is_deleted(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    base = Item(derives=(("a/1/x", ONE),))
    plain.create("a/1", base)
    plain.create("a/1/x", ONE)

    southbound.alter("a/1", TWO)
    changed = set(southbound.held)
    plain.delete("a/1", base, None)

    assert changed == {"a/1", "a/1/x"}
    assert set(southbound.held) == {"a/1/x"}


@pytest.mark.parametrize("first", ["a/1", "a/2"])
def test_a_derived_value_that_was_handed_over_goes_with_its_new_base(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor, first: str
) -> None:
    base = Item(derives=(("x", ONE),))
    plain.create("a/1", base)
    plain.create("a/2", ONE)
    plain.create("x", ONE)
    updates = {"a/1": (base, ONE), "a/2": (ONE, base)}

    for key in sorted(updates, key=lambda key: key != first):
        plain.update(key, *updates[key], None)
    southbound.remove("a/1")
    stayed = set(southbound.held)
    southbound.remove("a/2")

    assert stayed == {"a/2", "x"}
    assert not southbound.held


def test_what_others_made_stays_when_the_base_that_derives_it_goes(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    southbound.add("x", ONE)
    plain.create("a/1", Item(derives=(("x", ONE),)))

    southbound.remove("a/1")

    assert southbound.others() == {"x": ONE}


def test_notifications_are_lost_doubled_and_overtaken_as_the_seed_says() -> None:
    def heard(seed: int) -> list[int]:
        southbound = SimulatedSouthbound(seed=seed)
        southbound.notification_faults = NotificationFaults(lost=0.3, doubled=0.3, overtaken=0.3)
        got: list[int] = []
        southbound.connect("p/", lambda changes: got.append(changes["p/1"].data))  # type: ignore[union-attr]
        for data in range(100):
            southbound.add("p/1", Item(data=data), announce=True)
        return got

    first = heard(1)

    assert first == heard(1)
    assert first != heard(2)
    assert len(set(first)) < 100  # some were lost
    assert len(set(first)) < len(first)  # some came twice
    assert first != sorted(first)  # some were overtaken


def test_a_copy_holds_the_same_and_lives_on_its_own(
    southbound: SimulatedSouthbound, plain: SimulatedDescriptor
) -> None:
    plain.create("a/1", ONE)

    twin = southbound.copy()
    twin.restart()

    assert southbound.ours() == {"a/1": ONE}
    assert not twin.held
