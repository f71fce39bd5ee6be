# SPDX-License-Identifier: Apache-2.0
"""One change among two hundred interfaces: how many netlink messages it takes, to the message."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.linux.bench import Bench
from tests.linux.machine import Machine, have, in_own_network, loaded
from tests.linux.tally import counting

CABLES = 100
PLACES = 5

Data = dict[str, Any]


def cables() -> Data:
    """Return cables between namespaces; each has an address, a route and a neighbour."""
    interfaces, routes, neighbours = [], [], []
    for number in range(CABLES):
        names = (f"ca{number}", f"cb{number}")
        for end, (name, peer) in enumerate((names, names[::-1])):
            place = {"type": "NSID", "reference": f"n{(number + end) % PLACES}"}
            interfaces.append(
                {
                    "name": name,
                    "type": "VETH",
                    "enabled": True,
                    "namespace": place,
                    "ip_addresses": [f"10.{number}.0.{1 + end}/24"],
                    "veth": {"peer_if_name": peer},
                }
            )
        near = names[0]
        routes.append({"outgoing_interface": near, "dst_network": f"172.16.{number}.0/24"})
        entry = {"ip_address": f"10.{number}.0.9", "hw_address": "02:00:00:00:00:09"}
        neighbours.append({"interface": near, **entry})
    sections = {"interfaces": interfaces, "routes": routes, "arp_entries": neighbours}
    return {"linux_config": sections}


def first(data: Data, section: str) -> Data:
    return data["linux_config"][section][0]  # type: ignore[no-any-return]  # plain data


def with_new_cable(data: Data) -> None:
    extra = copy.deepcopy(data["linux_config"]["interfaces"][:2])
    for one in extra:
        one["name"] = f"x{one['name']}"
        one["veth"]["peer_if_name"] = f"x{one['veth']['peer_if_name']}"
        one["ip_addresses"] = []
    data["linux_config"]["interfaces"] += extra


def without_last_cable(data: Data) -> None:
    for section, count in (("interfaces", 2), ("routes", 1), ("arp_entries", 1)):
        del data["linux_config"][section][-count:]


def with_address(data: Data) -> None:
    first(data, "interfaces")["ip_addresses"].append("fd00::1/64")


CHANGES: dict[str, tuple[Callable[[Data], object], int]] = {
    "nothing": (lambda data: None, 0),
    "an MTU": (lambda data: first(data, "interfaces").update(mtu=1400), 1),
    "an address more": (with_address, 1),
    "another address": (
        lambda data: first(data, "interfaces").update(ip_addresses=["10.0.0.7/24"]),
        2,
    ),
    "a gateway": (lambda data: first(data, "routes").update(gw_addr="10.0.0.3"), 1),
    "a route less": (lambda data: data["linux_config"]["routes"].pop(), 1),
    "a neighbour's MAC address": (
        lambda data: first(data, "arp_entries").update(hw_address="02:00:00:00:00:0a"),
        1,
    ),
    # Made together, then each end finished.
    "a cable more": (with_new_cable, 3),
    # A route, a neighbour, two addresses, and both ends: each in a namespace of its own.
    "a cable less": (without_last_cable, 6),
}


@pytest.mark.parametrize("resync", ["full", None])
def test_a_change_takes_as_many_messages_as_it_has_parts(bench: Bench, resync: str | None) -> None:
    in_own_network(lambda: count(bench, resync))


def count(bench: Bench, resync: str | None) -> None:
    machine = Machine(bench)
    taken: dict[str, int] = {}

    async def scenario() -> None:
        async with machine.scheduler() as scheduler:
            for name, (change, _) in CHANGES.items():
                (await have(scheduler, loaded(cables()))).check()
                data = cables()
                change(data)
                with counting() as tally:
                    (await have(scheduler, loaded(data), resync)).check()
                assert machine.wrong(data) == []
                taken[name] = tally.total
            (await have(scheduler, {})).check()
            assert machine.traces() == []

    try:
        machine.bench.run(scenario())
    finally:
        machine.clean()
    assert taken == {name: messages for name, (_, messages) in CHANGES.items()}
