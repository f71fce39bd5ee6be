# SPDX-License-Identifier: Apache-2.0
"""Random topologies on the real kernel: made, changed under traffic, spoilt, mended, destroyed.

HYPOTHESIS_EXAMPLES says how many of each size. What must be there says a witness that shares no
code with what is tested; what is there say ip and iptables-save.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvscheduler import Scheduler
from tests.linux.bench import Bench
from tests.linux.echo import Echo, Wire
from tests.linux.machine import Machine, apply, in_own_network
from tests.linux.showing import Place
from tests.linux.spoiling import spoil
from tests.linux.tally import counting
from tests.linux.topologies import Draft, Part, document, drafts_of, topology, varied
from tests.linux.witness import host_name, place_of

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
LARGE = 200
# To make a link takes two, to change or to delete one less.
MESSAGES_EACH = 2
NOTHING: dict[str, Any] = {"linux_config": {}}
FATES = st.sampled_from(["keep", "keep", "paint", "shape", "go"])


@st.composite
def small(draw: st.DrawFn) -> tuple[int, list[Draft], list[Draft]]:
    """Draw the drafts of a topology, and of another one in its place."""
    fates = draw(st.lists(FATES, min_size=1, max_size=8))
    first = [Draft(number) for number in range(len(fates))]
    changed = {"keep": (0, 0), "paint": (0, 1), "shape": (1, 0)}
    second = [Draft(n, *changed[fate]) for n, fate in enumerate(fates) if fate in changed]
    second += [Draft(len(fates) + number) for number in range(draw(st.integers(0, 2)))]
    return draw(st.integers(0, 1 << 20)), first, second


@pytest.mark.timeout(120 + 10 * EXAMPLES)
@settings(
    max_examples=EXAMPLES or 8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(small())
def test_any_topology_after_any_other_is_as_wanted_and_leaves_nothing(
    bench: Bench, drawn: tuple[int, list[Draft], list[Draft]]
) -> None:
    in_own_network(lambda: live(bench, *drawn))


@pytest.mark.parametrize("seed", range(EXAMPLES or 2))
def test_two_hundred_interfaces_change_under_traffic_and_leave_nothing(
    bench: Bench, seed: int
) -> None:
    drafts = drafts_of(seed, LARGE)

    in_own_network(lambda: live(bench, seed, drafts, varied(seed, drafts)))


def live(bench: Bench, seed: int, drafts: Sequence[Draft], later: Sequence[Draft]) -> None:
    """Have one topology, then another one, spoil it, mend it, have none."""
    machine = Machine(bench)
    has_filters = machine.has_filters
    first = topology(seed, drafts, has_filters=has_filters)
    second = topology(seed, later, has_filters=has_filters)

    async def scenario() -> None:
        async with machine.scheduler() as scheduler:
            (await apply(scheduler, document(first))).check()
            assert machine.wrong(document(first)) == []

            await change(machine, scheduler, first, second)

            done = spoil(machine, random.Random(seed))
            (await apply(scheduler, document(second))).check()
            assert machine.wrong(document(second)) == [], done
            assert (await apply(scheduler, document(second))).operations == ()

            (await apply(scheduler, NOTHING)).check()
            assert machine.traces() == []

    try:
        machine.bench.run(scenario())
    finally:
        machine.clean()


async def change(
    machine: Machine, scheduler: Scheduler, first: Sequence[Part], second: Sequence[Part]
) -> None:
    """Have another topology in the place of the first: what is in both is left alone."""
    kept = [part for part in first if part in second]
    places = {one for part in kept for one in links(part)}
    before = machine.indexes(places)

    open_ones = [part for part in kept if not is_shut(part, [*first, *second])]
    with counting() as tally, Echo(wires(machine, open_ones)) as echo:
        (await apply(scheduler, document(second))).check()

    assert machine.wrong(document(second)) == []
    assert echo.lost == 0, f"of {echo.sent}"
    assert machine.indexes(places) == before
    untouched = {(place, index) for (place, _), index in before.items()}
    assert not untouched & tally.changes.keys()
    changed = [part for part in (*first, *second) if part not in kept]
    assert tally.total <= MESSAGES_EACH * sum(map(values, changed))


def links(part: Part) -> list[Place]:
    """Return where the links of a part are, less those that others have made."""
    ours = [one for one in part.interfaces if one["type"] not in {"LOOPBACK", "EXISTING"}]
    return [(place_of(one), host_name(one)) for one in ours]


def values(part: Part) -> int:
    """Return how many values a part is made of, with the addresses and ports that they derive."""
    derived = [*part.interfaces, *(one.get("bridge", {}) for one in part.interfaces)]
    texts = (one.get(name, ()) for one in derived for name in ("ip_addresses", "ports"))
    return part.size + sum(map(len, texts))


def wires(machine: Machine, parts: Sequence[Part]) -> list[Wire]:
    """Return the wires of parts whose ends can talk: up, each alone with its network."""
    found = []
    for part in parts:
        ends = [one for one in part.interfaces if one["name"] in (part.wire or ())]
        if all(one["enabled"] for one in part.interfaces) and is_distinct(part):
            spots = [(place_of(one), old_address(one)) for one in ends]
            if len(spots) == 2 and all(text for _, text in spots):
                (here, near), (there, far) = spots
                found.append(Wire(machine.path(here), near, machine.path(there), far))
    return found


def is_shut(part: Part, parts: Sequence[Part]) -> bool:
    """Tell whether a switch is where nothing is forwarded: many kernels ask for frames, too."""
    chains = [chain for other in parts for chain in other.chains]
    shut = {place_of(chain) for chain in chains if chain.get("default_policy") == "DROP"}
    return any(one["type"] == "BRIDGE" and place_of(one) in shut for one in part.interfaces)


def is_distinct(part: Part) -> bool:
    """Tell whether no two interfaces of a part have addresses in one namespace."""
    having = [place_of(one) for one in part.interfaces if one.get("ip_addresses")]
    return len(having) == len(set(having))


def old_address(one: Mapping[str, Any]) -> str:
    """Return the IPv4 address of an end that is in the network of its wire, "" for none."""
    texts = (text for text in one.get("ip_addresses", ()) if text.endswith("/24"))
    return next((text.partition("/")[0] for text in texts), "")
