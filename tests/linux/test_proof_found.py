# SPDX-License-Identifier: Apache-2.0
"""What random topologies have found wrong, each as small as it can be."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from kvs_descriptors.linux.kinds.kind import Half
from kvs_descriptors.linux.kinds.making import Making
from kvs_descriptors.linux.kinds.veth import Veth
from kvs_descriptors.linux.links.gate import Gates
from tests.linux.bench import Bench, key_of, namespace, veth
from tests.linux.machine import Machine, apply, in_own_network
from tests.linux.tally import counting
from tests.linux.topologies import OTHERS


def inside(place: str) -> dict[str, str]:
    return {"type": "NSID", "reference": place}


def cable(number: int, here: str, there: str) -> list[dict[str, Any]]:
    near, far = f"ca{number}", f"cb{number}"
    ends = ((near, far, here), (far, near, there))
    return [
        {
            "name": end,
            "type": "VETH",
            "enabled": True,
            "namespace": inside(place),
            "veth": {"peer_if_name": peer},
        }
        for end, peer, place in ends
    ]


def config(**sections: Any) -> dict[str, Any]:
    return {"linux_config": sections}


def play(bench: Bench, scenario: Any) -> None:
    """Run a scenario that is given a machine and an engine; in the end nothing may be left."""

    def run() -> None:
        machine = Machine(bench)

        async def whole() -> None:
            async with machine.scheduler() as scheduler:
                await scenario(machine, scheduler)
                (await apply(scheduler, config())).check()
                assert machine.traces() == []

        try:
            machine.bench.run(whole())
        finally:
            machine.clean()

    in_own_network(run)


def test_others_fixed_neighbours_outlast_the_mac_address_that_we_lend_their_interface(
    bench: Bench,
) -> None:
    existing = {"name": "e", "type": "EXISTING", "host_if_name": OTHERS[0], "enabled": True}
    data = config(interfaces=[{**existing, "phys_address": "02:00:00:00:00:33"}])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()

        assert machine.before.neighbours
        assert machine.wrong(data) == []

    play(bench, scenario)


def test_an_mtu_that_is_put_right_costs_no_neighbours(bench: Bench) -> None:
    ends = cable(1, "left", "right")
    ends[0].update(phys_address="02:00:00:00:00:01", ip_addresses=["10.1.0.1/24"])
    entry = {"interface": "ca1", "ip_address": "10.1.0.7", "hw_address": "02:00:00:00:00:44"}
    data = config(interfaces=ends, arp_entries=[entry])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()
        machine.do("left", "ip link set ca1 mtu 1300")

        (await apply(scheduler, data)).check()

        assert machine.wrong(data) == []

    play(bench, scenario)


@pytest.mark.parametrize("end", [0, 1])
def test_a_cable_of_which_somebody_has_taken_a_mark_away_is_made_anew_at_once(
    bench: Bench, end: int
) -> None:
    places = ("left", "right")
    ends = cable(1, *places)
    switch = {
        "name": "sw",
        "type": "BRIDGE",
        "enabled": True,
        "namespace": {"type": "NSID", "reference": "left"},
        "bridge": {"stp": False, "ports": [{"name": "ca1"}]},
    }
    data = config(interfaces=[*ends, switch])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()
        machine.do(places[end], f"ip link set {ends[end]['name']} alias somebodys")

        (await apply(scheduler, data)).check()

        assert machine.wrong(data) == []
        assert (await apply(scheduler, data)).operations == ()

    play(bench, scenario)


def test_a_neighbour_that_goes_with_the_old_mac_address_does_not_come_back(bench: Bench) -> None:
    def data(mac: str, *neighbours: str) -> dict[str, Any]:
        ends = cable(1, "left", "right")
        ends[0].update(phys_address=mac, ip_addresses=["10.1.0.1/24"])
        entries = [
            {"interface": "ca1", "ip_address": one, "hw_address": "02:00:00:00:00:44"}
            for one in neighbours
        ]
        return config(interfaces=ends, arp_entries=entries)

    async def scenario(machine: Machine, scheduler: Any) -> None:
        for number in range(6):
            old = data(f"02:00:00:00:00:0{number}", "10.1.0.7", "10.1.0.8")
            new = data(f"02:00:00:00:01:0{number}", "10.1.0.8", "10.1.0.9")
            for one in (old, new):
                (await apply(scheduler, one)).check()
                assert machine.wrong(one) == []

    play(bench, scenario)


def test_a_closed_gate_keeps_others_out_and_waits_for_those_who_are_in() -> None:
    within: Any = pytest.MonkeyPatch()  # anything that can be referred to weakly
    gates, seen = Gates(), []

    async def pass_by(name: str, leave: asyncio.Event) -> None:
        async with gates.passing(within, 1):
            seen.append(f"{name} in")
            await leave.wait()
            seen.append(f"{name} out")

    async def close() -> None:
        async with gates.closed(within, 1):
            seen.append("alone")

    async def scenario() -> None:
        leave = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for call in (pass_by("a", leave), pass_by("b", leave), close(), pass_by("c", leave)):
                group.create_task(call)
                await asyncio.sleep(0)
            leave.set()

    asyncio.run(scenario())

    assert seen == ["a in", "b in", "a out", "b out", "alone", "c in", "c out"]
    assert not gates._gates[within]


def test_a_vxlan_elsewhere_than_its_parent_is_not_made_again_by_a_resync(bench: Bench) -> None:
    tunnels = [
        {
            "name": f"v{number}",
            "type": "VXLAN",
            "enabled": True,
            "namespace": inside("far"),
            "vxlan": {"vni": number, "dst_addr": "10.1.0.2", "parent_if_name": "ca1", "ttl": 5,
                      "no_learning": False},
        }
        for number in range(3)
    ]  # fmt: skip
    # So that a number in one namespace is the number of something else in the other.
    data = config(interfaces=[*cable(1, "near", "far"), *cable(2, "near", "far"), *tunnels])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()

        assert (await apply(scheduler, data)).operations == ()

    play(bench, scenario)


def test_the_other_end_of_a_cable_into_a_namespace_that_lives_on_without_a_name_is_made_anew(
    bench: Bench,
) -> None:
    data = config(interfaces=cable(1, "near", "far"))

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()
        fd = os.open(machine.path("far"), os.O_RDONLY)
        try:
            machine.do("", "umount -l $folder/far; rm $folder/far")

            (await apply(scheduler, data)).check()

            assert machine.wrong(data) == []
        finally:
            os.close(fd)

    play(bench, scenario)


def test_an_end_that_the_other_ends_create_has_just_finished_is_not_in_the_way(
    bench: Bench,
) -> None:
    one, other = veth("one", "other", "here"), veth("other", "one", "there")

    async def scenario() -> None:
        for name in ("here", "there"):
            await bench.create(key_of(namespace(name)), namespace(name))
        making: Making = bench.descriptor(key_of(one))._making
        async with asyncio.timeout(10):
            await asyncio.gather(
                bench.create(key_of(one), one), bench.create(key_of(other), other)
            )
        # As if the second create had been told that a name is taken before the first was done.
        making.note({"other": Half(await bench.kernel.channel("there"), 2)})

        await Veth().make_way(making, other)

        assert bench.names("here") == {"one"}
        assert bench.names("there") == {"other"}

    bench.run(scenario())


def test_what_a_namespace_that_is_being_cleared_away_still_holds_is_waited_for(
    bench: Bench,
) -> None:
    tunnel = {
        "name": "v1",
        "type": "VXLAN",
        "enabled": True,
        "namespace": inside("far"),
        "vxlan": {"vni": 7, "dst_addr": "10.1.0.2", "parent_if_name": "ca1", "ttl": 5,
                  "no_learning": False},
    }  # fmt: skip
    data = config(interfaces=[*cable(1, "near", "near"), tunnel])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, data)).check()
        machine.do("", "umount -l $folder/far; rm $folder/far")

        (await apply(scheduler, data)).check()

        assert machine.wrong(data) == []

    play(bench, scenario)


@pytest.mark.parametrize("kind", ["FORWARD", "CUSTOM"])
def test_a_chain_without_rules_that_others_flush_gets_its_mark_back(
    bench: Bench, kind: str
) -> None:
    chain = {"name": "g", "chain_type": kind, "protocol": "IPV4", "table": "FILTER", "rules": []}
    more = {"chain_name": "own"} if kind == "CUSTOM" else {"default_policy": "DROP"}
    data = config(rule_chains=[{**chain, **more, "namespace": inside("here")}])

    async def scenario(machine: Machine, scheduler: Any) -> None:
        if not machine.has_filters:
            pytest.skip("iptables does not work here")
        (await apply(scheduler, data)).check()
        machine.do("here", "iptables -w -F")

        (await apply(scheduler, data)).check()

        assert machine.wrong(data) == []

    play(bench, scenario)


def test_to_tell_the_ends_of_many_cables_apart_few_are_asked_after(bench: Bench) -> None:
    ends = [
        one
        for number in range(60)
        for one in cable(number, f"n{number % 3}", f"n{(number + 1) % 3}")
    ]

    async def scenario(machine: Machine, scheduler: Any) -> None:
        (await apply(scheduler, config(interfaces=ends))).check()

        with counting() as tally:
            again = await apply(scheduler, config(interfaces=ends))

        assert again.operations == ()
        assert tally.total == 0
        assert tally.asked <= 6

    play(bench, scenario)
