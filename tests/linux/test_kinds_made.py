# SPDX-License-Identifier: Apache-2.0
"""Every kind of link that is made, on a kernel that has it; iproute2 is the witness."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from kvs_descriptors.linux import keys
from kvscheduler import Origin, ValueState
from ligato.linux.interfaces.interface_pb2 import (
    BondLink,
    Interface,
    IpvlanLink,
    MacvlanLink,
    TunTapLink,
    VlanLink,
    VrfDevLink,
    VxlanLink,
)
from tests.linux.bench import Bench, bridge, namespace
from tests.linux.kinds import apply, engine, has_kind, of_kind

PARENT = bridge("pa", "left")


@dataclasses.dataclass(frozen=True)
class Case:
    """An interface, how iproute2 shows its kind's options, and a change with how that is shown.

    ``is_kept``: the change is made in place. ``drift`` changes it behind the engine's back.
    """

    value: Interface
    shown: dict[str, Any]
    changed: Interface
    then: dict[str, Any]
    is_kept: bool = True
    drift: tuple[str, ...] = ("set", "x", "down")

    @property
    def kind(self) -> str:
        return str(Interface.Type.Name(self.value.type)).lower().removesuffix("_device")


def mac(mode: str, where: str = "right", **more: Any) -> Interface:
    link = MacvlanLink(parent_if_name="pa", mode=mode)
    return of_kind("MACVLAN", "x", where, macvlan=link, **more)


def vx(where: str = "right", **more: Any) -> Interface:
    return of_kind("VXLAN", "x", where, "10.1.0.1/24", vxlan=VxlanLink(**more))


def tap(mode: str, **more: Any) -> Interface:
    link = TunTapLink(mode=mode, **more)
    return of_kind("TAP", "x", "right", "10.1.0.1/24", tuntap=link)


def vlan(number: int) -> Interface:
    return of_kind("VLAN", "x", "right", vlan=VlanLink(parent_if_name="pa", vlan_id=number))


def ipvlan(mode: str) -> Interface:
    link = IpvlanLink(parent_if_name="pa", mode=mode)
    return of_kind("IPVLAN", "x", "right", ipvlan=link)


def bond(mode: str, **more: Any) -> Interface:
    return of_kind("BOND", "x", "right", bond=BondLink(mode=mode, **more))


GROUP: dict[str, Any] = {"vni": 7, "dst_addr": "239.1.1.1", "parent_if_name": "pa"}
CASES = {
    "macvlan elsewhere": Case(
        mac("BRIDGE"), {"mode": "bridge"}, mac("PRIVATE"), {"mode": "private"}
    ),
    "macvlan beside": Case(mac("VEPA", "left"), {"mode": "vepa"}, mac("BRIDGE", "left"), {}),
    "all of the parent": Case(
        mac("PASSTHRU"), {"mode": "passthru"}, mac("VEPA"), {"mode": "vepa"}, is_kept=False
    ),
    "macvlan with settings": Case(
        mac("BRIDGE", mtu=1400, phys_address="02:00:00:00:00:0A"),
        {},
        mac("BRIDGE", phys_address="02:00:00:00:00:0b"),
        {},
        is_kept=False,
    ),
    "vxlan alone": Case(
        vx(vni=5, src_addr="10.9.0.1", dst_addr="10.9.0.2"),
        {"id": 5, "local": "10.9.0.1", "remote": "10.9.0.2", "port": 4789, "learning": True},
        vx(vni=5, src_addr="10.9.0.1", dst_addr="10.9.0.2", ttl=9, no_learning=True),
        {"ttl": 9, "learning": False},
    ),
    "vxlan to a group": Case(
        vx(**GROUP),
        {"group": "239.1.1.1"},
        vx(**GROUP, dst_port=99),
        {"port": 99},
        is_kept=False,
    ),
    "vxlan over IPv6": Case(
        vx("left", vni=5, dst_addr="FD00:0::2"),
        {"remote6": "fd00::2"},
        vx("left", vni=6, dst_addr="fd00::2"),
        {"id": 6},
        is_kept=False,
    ),
    "tap": Case(
        tap("TAP", user=4321),
        {"type": "tap", "persist": True, "user": 4321, "pi": False},
        tap("TAP", user=4321, group=4322),
        {"user": 4321, "group": 4322},
        is_kept=False,
    ),
    "tun": Case(tap("TUN"), {"type": "tun"}, tap("TAP"), {"type": "tap"}, is_kept=False),
    "vlan": Case(vlan(5), {"id": 5, "protocol": "802.1Q"}, vlan(6), {"id": 6}, is_kept=False),
    "ipvlan": Case(ipvlan("L2"), {"mode": "l2"}, ipvlan("L3"), {"mode": "l3"}),
    "bond": Case(
        bond("ACTIVE_BACKUP"),
        {"mode": "active-backup", "miimon": 100},
        bond("ACTIVE_BACKUP", miimon_ms=50),
        {"miimon": 50},
    ),
    "dummy": Case(of_kind("DUMMY", "x", "right"), {}, of_kind("DUMMY", "x", "right", mtu=900), {}),
    "vrf": Case(
        of_kind("VRF_DEVICE", "x", "right", vrf_dev=VrfDevLink(routing_table=10)),
        {"table": 10},
        of_kind("VRF_DEVICE", "x", "right", vrf_dev=VrfDevLink(routing_table=11)),
        {"table": 11},
        is_kept=False,
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    found = CASES[request.param]
    if found.kind != "tap" and not has_kind(found.kind):
        pytest.skip(f"this kernel has no {found.kind}")
    return found


def shown(bench: Bench, value: Interface) -> dict[str, Any]:
    """Return the options of a link as iproute2 shows them."""
    found = bench.link(value.namespace.reference, value.name)
    return dict(found["linkinfo"].get("info_data", {}))


def test_a_link_is_made_kept_changed_repaired_and_removed(bench: Bench, case: Case) -> None:
    value, where = case.value, case.value.namespace.reference

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, PARENT, value)
            assert done.ok, done.errors
            assert case.shown.items() <= shown(bench, value).items()
            assert bench.texts(where, "x") == set(value.ip_addresses)
            assert bench.link(where, "x")["group"] == "default"
            index = bench.link(where, "x")["ifindex"]
            assert (await apply(scheduler, PARENT, value)).operations == ()

            bench.ip(where, "link", *case.drift)
            assert (await apply(scheduler, PARENT, value)).ok
            assert "UP" in bench.link(where, "x")["flags"]

            assert (await apply(scheduler, PARENT, case.changed)).ok
            assert case.then.items() <= shown(bench, value).items()
            is_kept = bench.link(where, "x")["ifindex"] == index
            assert is_kept or not case.is_kept
            assert (await apply(scheduler)).ok
        assert bench.listing() == set()

    bench.run(scenario())


def test_the_next_engine_finds_all_as_it_was_wanted(bench: Bench, case: Case) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, PARENT, case.value)).ok
        bench.restart()

        async with engine(bench) as scheduler:
            assert (await apply(scheduler, PARENT, case.value)).operations == ()
            changed = await apply(scheduler, PARENT, case.changed)
            assert changed.ok, changed.errors
            is_recreated = {one.operation.kind for one in changed.operations} >= {"create"}
            assert is_recreated is not case.is_kept
            assert (await apply(scheduler)).ok

    bench.run(scenario())


@pytest.mark.parametrize("kind", ["macvlan", "tap"])
def test_one_that_others_remove_is_made_again(bench: Bench, kind: str) -> None:
    value = mac("BRIDGE") if kind == "macvlan" else tap("TAP")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, PARENT, value)
            bench.ip("right", "link", "delete", "x")
            done = await apply(scheduler, PARENT, value)

            assert [one.operation.key for one in done.operations][:1] == [keys.interface("x")]
            assert "UP" in bench.link("right", "x")["flags"]

    bench.run(scenario())


def test_a_parent_that_others_remove_comes_back_with_all_that_is_upon_it(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, PARENT, mac("BRIDGE"))
            bench.ip("left", "link", "delete", "pa")
            done = await apply(scheduler, PARENT, mac("BRIDGE"))

            assert done.ok, done.errors
            assert bench.link("right", "x")["linkinfo"]["info_kind"] == "macvlan"
            assert (await apply(scheduler, PARENT, mac("BRIDGE"))).operations == ()

    bench.run(scenario())


def test_it_waits_for_its_parent(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, mac("BRIDGE"))
            status = scheduler.status(keys.interface("x"))

            assert status.state is ValueState.PENDING
            assert [str(one).split(":")[0] for one in status.unmet] == ["parent-exists"]

            assert (await apply(scheduler, PARENT, mac("BRIDGE"))).ok
            assert bench.names("right") == {"x"}

    bench.run(scenario())


def test_another_parent_takes_a_new_link(bench: Bench) -> None:
    other = bridge("down", "left")
    moved = of_kind("MACVLAN", "x", "right", macvlan=MacvlanLink(parent_if_name="down"))

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, PARENT, other, mac("BRIDGE"))
        bench.restart()
        async with engine(bench) as scheduler:
            done = await apply(scheduler, PARENT, other, moved)

            assert done.ok, done.errors
            index = bench.link("right", "x")["link_index"]
            assert index == bench.link("left", "down")["ifindex"]

    bench.run(scenario())


@pytest.mark.parametrize("kind", ["tap", "macvlan", "vxlan"])
def test_a_strangers_link_of_the_name_is_neither_taken_nor_touched(
    bench: Bench, kind: str
) -> None:
    value = {"tap": tap("TAP"), "macvlan": mac("BRIDGE"), "vxlan": vx(vni=5)}[kind]

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, PARENT, bridge("other", "right"))
            bench.ip("right", "link", "add", "x", "type", "bridge")
            before = bench.link("right", "x")

            done = await apply(scheduler, PARENT, bridge("other", "right"), value)

            assert "another's interface has the name x" in str(done.errors[keys.interface("x")])
            assert bench.link("right", "x") == before

    bench.run(scenario())


@pytest.mark.parametrize("kind", ["tap", "macvlan", "vxlan"])
def test_what_a_cancelled_create_leaves_is_found_and_goes_when_it_is_wanted_no_more(
    bench: Bench, kind: str
) -> None:
    value = {"tap": tap("TAP"), "macvlan": mac("BRIDGE"), "vxlan": vx(vni=5)}[kind]
    descriptor, key = bench.descriptors["linux-interface"], keys.interface("x")

    async def is_cut_at(turn: int) -> bool:
        create = asyncio.ensure_future(bench.create(key, value))
        for _ in range(turn):
            await asyncio.sleep(0)
        return not create.done() and create.cancel()

    async def scenario() -> None:
        await bench.make(namespace("left"), namespace("right"))
        await bench.make(PARENT)
        turn = 1
        while await is_cut_at(turn):
            await asyncio.sleep(0.01)
            found = await bench.retrieve("linux-interface", PARENT, value)
            assert (key in found) == ("x" in bench.names("right")), turn
            if key in found:
                assert found[key].origin is Origin.NORTHBOUND, turn
                await descriptor.delete(key, found[key].value, found[key].metadata)
            assert bench.names("right") == set(), turn
            turn += 1
        assert turn > 3

    bench.run(scenario())


def test_what_the_kernel_says_is_taken_is_passed_on(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, PARENT, bridge("other", "right"))
            bench.ip("right", "link", "add", "y", "type", "vxlan", "id", "5", "dstport", "4789")

            done = await apply(scheduler, PARENT, bridge("other", "right"), vx(vni=5))

            assert "already exists" in str(done.errors[keys.interface("x")])
            assert bench.names("right") == {"y", "other"}

    bench.run(scenario())
