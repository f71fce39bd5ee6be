# SPDX-License-Identifier: Apache-2.0
"""Interfaces in VRFs: to the kernel it is as being in a bridge, which stands in for one here.

It is then an EXISTING interface: for being put into it only its number counts.
"""

from __future__ import annotations

from typing import Any

import pytest

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.kinds.vrf import LISTEN_EVERYWHERE
from kvscheduler import ValueState
from ligato.linux.interfaces.interface_pb2 import Interface, TunTapLink, VrfDevLink
from tests.linux.bench import Bench, bridge, key_of, veth
from tests.linux.kinds import apply, engine, has_kind, of_kind

MEMBERSHIP = keys.vrf("t", "red")
ADDRESSES = ("10.1.0.1/24", "fd01::1/64")


@pytest.fixture
def theirs(bench: Bench) -> Interface:
    """Have a master of somebody else's, and the value that speaks of it."""
    name = bench.host("m")
    bench.ip("", "link", "add", name, "type", "bridge")
    bench.ip("", "link", "set", name, "up")
    return of_kind("EXISTING", "red", host_if_name=name, link_only=True)


def member(bench: Bench, vrf: str = "red", **more: Any) -> Interface:
    host = bench.host("t")
    link = TunTapLink()
    more = {"vrf_master_interface": vrf, **more}
    return of_kind("TAP", "t", "", *ADDRESSES, host_if_name=host, tuntap=link, **more)


def master_of(bench: Bench, value: Interface) -> Any:
    found = bench.link(value.namespace.reference, value.host_if_name or value.name)
    return found.get("master")


def test_an_interface_is_put_in_before_its_addresses_are_set(
    bench: Bench, theirs: Interface
) -> None:
    value = member(bench)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, theirs, value)

            assert done.ok, done.errors
            assert master_of(bench, value) == theirs.host_if_name
            assert bench.texts("", value.host_if_name) == set(ADDRESSES)
            order = [one.operation.key for one in done.operations]
            for text in ADDRESSES:
                assert order.index(MEMBERSHIP) < order.index(keys.address("t", text))
            assert (await apply(scheduler, theirs, value)).operations == ()
            assert (await apply(scheduler)).ok

    bench.run(scenario())


def test_addresses_wait_for_the_vrf_and_say_so(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, member(bench))

            (unmet,) = scheduler.status(MEMBERSHIP).unmet
            assert str(unmet).startswith("vrf-device-is-created: ")
            (unmet,) = scheduler.status(keys.address("t", ADDRESSES[0])).unmet
            assert str(unmet).startswith("interface-assigned-to-vrf: ")
            assert bench.texts("", bench.host("t")) == set()
            await apply(scheduler)

    bench.run(scenario())


@pytest.mark.parametrize("way", ["in", "out"])
def test_addresses_survive_a_change_of_vrf(bench: Bench, theirs: Interface, way: str) -> None:
    values = [member(bench, ""), member(bench)]

    async def scenario() -> None:
        first, then = values if way == "in" else reversed(values)
        async with engine(bench) as scheduler:
            await apply(scheduler, theirs, first)
            index = bench.link("", bench.host("t"))["ifindex"]
            done = await apply(scheduler, theirs, then)

            assert done.ok, done.errors
            found = bench.link("", bench.host("t"))
            assert (found["ifindex"], "master" in found) == (index, way == "in")
            assert bench.texts("", bench.host("t")) == set(ADDRESSES)
            await apply(scheduler)

    bench.run(scenario())


def test_one_that_others_take_out_is_put_back(bench: Bench, theirs: Interface) -> None:
    value = member(bench)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, theirs, value)
            bench.ip("", "link", "set", value.host_if_name, "nomaster")
            done = await apply(scheduler, theirs, value)

            assert MEMBERSHIP in [one.operation.key for one in done.operations]
            assert master_of(bench, value) == theirs.host_if_name
            assert bench.texts("", value.host_if_name) == set(ADDRESSES)
            await apply(scheduler)

    bench.run(scenario())


def test_the_next_engine_finds_it_in(bench: Bench, theirs: Interface) -> None:
    value = member(bench)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, theirs, value)
        bench.restart()
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, theirs, value)).operations == ()
            await apply(scheduler)

    bench.run(scenario())


def test_an_interface_that_is_left_alone_is_put_in_by_others(
    bench: Bench, theirs: Interface
) -> None:
    host = bench.host("e")
    value = of_kind("EXISTING", "t", host_if_name=host, link_only=True, vrf_master_interface="red")

    async def scenario() -> None:
        bench.ip("", "tuntap", "add", "dev", host, "mode", "tap")
        bench.ip("", "link", "set", host, "up")
        async with engine(bench) as scheduler:
            await apply(scheduler, theirs, value)
            (unmet,) = scheduler.status(MEMBERSHIP).unmet
            assert str(unmet).startswith("inserted-into-vrf-externally: ")
            assert "master" not in bench.link("", host)

    bench.run(scenario())


def test_it_is_in_a_bridge_or_in_a_vrf_but_not_in_both(bench: Bench, theirs: Interface) -> None:
    switch = bridge(bench.host("b"), "", "t")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, theirs, member(bench), switch)

            assert not done.ok or done.plan.invalid
            refused = scheduler.status(key_of(switch)), scheduler.status(key_of(member(bench)))
            assert ValueState.INVALID in {one.state for one in refused}
            await apply(scheduler)

    bench.run(scenario())


def test_a_vrf_elsewhere_is_refused_and_not_tried_for_ever(bench: Bench) -> None:
    far = of_kind("EXISTING", "t", host_if_name=bench.host("f"), vrf_master_interface="sw")
    bench.ip("", "tuntap", "add", "dev", far.host_if_name, "mode", "tap")
    bench.ip("", "link", "set", far.host_if_name, "up")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, bridge("sw", "left"), far)

            error = done.errors[keys.vrf("t", "sw")]
            assert "different network namespaces" in str(error)
            assert scheduler.status(keys.vrf("t", "sw")).state is ValueState.FAILED
            await apply(scheduler)

    bench.run(scenario())


@pytest.mark.skipif(not has_kind("vrf"), reason="this kernel has no vrf")
def test_a_vrf_of_ours_has_interfaces_and_their_routes(bench: Bench) -> None:
    red = of_kind("VRF_DEVICE", "red", "left", vrf_dev=VrfDevLink(routing_table=10))
    inside = veth("t", "u", "left", *ADDRESSES, vrf_master_interface="red")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, red, inside, veth("u", "t", "right", "10.1.0.2/24"))
            assert done.ok, done.errors
            assert bench.link("left", "t")["master"] == "red"
            assert bench.texts("left", "t") == set(ADDRESSES)
            assert bench.ip("left", "route", "show", "table", "10")
            again = await apply(scheduler, red, inside, veth("u", "t", "right", "10.1.0.2/24"))
            assert again.operations == ()

    bench.run(scenario())


@pytest.mark.skipif(not LISTEN_EVERYWHERE.exists(), reason="this kernel has no l3mdev")
def test_servers_are_reached_through_a_vrf_in_a_namespace_of_ours_only(bench: Bench) -> None:
    own = LISTEN_EVERYWHERE.read_text()

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            red = of_kind("VRF_DEVICE", "red", "left", vrf_dev=VrfDevLink(routing_table=10))
            await apply(scheduler, bridge("sw", "left"), red)

            assert bench.read("left", LISTEN_EVERYWHERE) == "1"
            assert bench.read("", LISTEN_EVERYWHERE) == own.strip()

    bench.run(scenario())
