# SPDX-License-Identifier: Apache-2.0
"""Allocated addresses on real interfaces, with real routes and neighbours; iproute2 looks on."""

from __future__ import annotations

import pathlib
import textwrap
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from kvs_agent.sources.config import Configuration, load_text, to_data
from kvs_descriptors import netalloc
from kvs_descriptors.linux import keys
from kvscheduler import Scheduler, TransactionResult, ValueState
from ligato.netalloc.netalloc_pb2 import IPAllocation
from tests.linux.bench import Bench
from tests.linux.test_engine import apply, engine, reaches

NETWORK = """
netallocConfig:
  ipAddresses:
    - {networkName: lan, interfaceName: va, address: 10.0.0.1/24, gw: 10.0.0.2}
    - {network_name: lan, interface_name: vb, address: 10.0.0.2/24}
    - {network_name: far, interface_name: elsewhere, address: 10.5.0.1/24}
linuxConfig:
  interfaces:
    - {name: va, type: VETH, enabled: true, namespace: {type: NSID, reference: left},
       ipAddresses: ["alloc:lan"], veth: {peerIfName: vb}}
    - {name: vb, type: VETH, enabled: true, namespace: {type: NSID, reference: right},
       ipAddresses: ["alloc:lan/vb", 10.5.0.1/24], veth: {peerIfName: va},
       physAddress: "02:00:00:00:00:0b"}
  routes:
    - {outgoingInterface: va, dstNetwork: "alloc:far/elsewhere", gwAddr: "alloc:lan/GW"}
  arpEntries:
    - {interface: va, ipAddress: "alloc:lan/vb", hwAddress: "02:00:00:00:00:0b"}
"""
VA = keys.address("va", "alloc:lan")
ROUTE = keys.route("alloc:far/elsewhere", "va")
ARP = keys.arp("va", "alloc:lan/vb")


def network() -> Configuration:
    return load_text(NETWORK, "net.yaml")


def allocated(network: str, interface: str, address: str, gw: str = "") -> dict[str, Message]:
    value = IPAllocation(network_name=network, interface_name=interface, address=address, gw=gw)
    return {netalloc.keys.ip(network, interface): value}


async def change(scheduler: Scheduler, values: Mapping[str, Message | None]) -> TransactionResult:
    transaction = scheduler.transaction()
    for key, value in values.items():
        if value is None:
            transaction.delete(key)
        else:
            transaction.set(key, value)
    return await transaction.commit()


def ours(bench: Bench) -> dict[str, Any]:
    """Return what iproute2 finds of ours in one namespace."""
    routes = bench.ip("left", "route", "show", "proto", "107")
    neighbours = bench.ip("left", "neigh", "show", "nud", "permanent")
    return {
        "addresses": bench.texts("left", "va"),
        "routes": {one["dst"]: one.get("gateway") for one in routes},
        "neighbours": {one["dst"]: one["lladdr"] for one in neighbours},
    }


STANDING = {
    "addresses": {"10.0.0.1/24"},
    "routes": {"10.5.0.0/24": "10.0.0.2"},
    "neighbours": {"10.0.0.2": "02:00:00:00:00:0b"},
}


def test_a_file_with_references_is_applied_and_leaves_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, network())

            assert done.ok, done.errors
            assert ours(bench) == STANDING
            assert reaches(bench, "left", "10.5.0.1")
            assert bench.texts("right", "vb") == {"10.0.0.2/24", "10.5.0.1/24"}

            assert (await apply(scheduler, network())).operations == ()
            assert (await apply(scheduler, {})).ok
        assert bench.listing() == set()

    bench.run(scenario())


def test_a_restart_without_a_journal_recognises_all_of_it(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, network())).ok
        bench.restart()

        async with engine(bench) as scheduler:
            again = await apply(scheduler, network())

            touched = {one.operation.key for one in again.operations}
            assert touched == set()
            assert ours(bench) == STANDING
            assert (await apply(scheduler, {})).ok
        assert bench.listing() == set()

    bench.run(scenario())


def test_a_restart_with_a_journal_does_nothing_and_knows_how_to_remove_it(
    bench: Bench, tmp_path: pathlib.Path
) -> None:
    journal = tmp_path / "journal"

    async def scenario() -> None:
        async with engine(bench, journal=journal) as scheduler:
            assert (await apply(scheduler, network())).ok
        bench.restart()

        async with engine(bench, journal=journal) as scheduler:
            assert (await apply(scheduler, network())).operations == ()
            assert (await apply(scheduler, {})).ok
        assert bench.listing() == set()

    bench.run(scenario())


def test_a_changed_allocation_reaches_everything_that_refers_to_it(bench: Bench) -> None:
    moved = {
        **allocated("lan", "va", "10.6.0.1/24", "10.6.0.2"),
        **allocated("lan", "vb", "10.6.0.2/24"),
    }

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, network())).ok
            result = await change(scheduler, moved)

            assert result.ok, result.errors
            assert ours(bench) == {
                "addresses": {"10.6.0.1/24"},
                "routes": {"10.5.0.0/24": "10.6.0.2"},
                "neighbours": {"10.6.0.2": "02:00:00:00:00:0b"},
            }
            assert reaches(bench, "left", "10.5.0.1")
            touched = {one.operation.key for one in result.operations}
            assert {VA, ROUTE, ARP} <= touched
            assert not any(key.startswith(keys.INTERFACE) for key in touched)
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_an_allocation_that_is_taken_back_takes_along_what_refers_to_it(bench: Bench) -> None:
    key = netalloc.keys.ip("lan", "va")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, network())).ok
            assert (await change(scheduler, {key: None})).ok

            assert ours(bench) == {"addresses": set(), "routes": {}, "neighbours": {}}
            status = scheduler.status(VA)
            assert (status.state, str(status.unmet[0]).split(":")[0]) == (
                ValueState.PENDING,
                "alloc",
            )

            assert (await change(scheduler, {key: network()[key]})).ok
            assert ours(bench) == STANDING
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_an_invalid_change_of_an_allocation_leaves_all_as_it_is(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, network())).ok
            await change(scheduler, allocated("lan", "va", "nowhere"))

            key = netalloc.keys.ip("lan", "va")
            assert scheduler.status(key).state is ValueState.INVALID
            assert ours(bench) == STANDING
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_drift_of_what_refers_is_repaired(bench: Bench) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, network())).ok
            bench.ip("left", "address", "flush", "dev", "va")
            bench.ip("left", "route", "add", "10.5.0.0/24", "dev", "va")

            repaired = await scheduler.resync("full")

            touched = {one.operation.key for one in repaired.operations}
            assert {VA, ARP} <= touched
            assert ours(bench)["addresses"] == STANDING["addresses"]
            assert scheduler.status(ROUTE).state is ValueState.FAILED
            bench.ip("left", "route", "delete", "10.5.0.0/24", "dev", "va", "proto", "boot")
            assert (await scheduler.resync("full")).ok
            assert ours(bench) == STANDING
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


REACH = """
netallocConfig:
  ipAddresses:
    - {networkName: lan, interfaceName: va, address: 10.0.0.1/24}
    - {networkName: wan, interfaceName: va, address: 10.7.0.1/24}
linuxConfig:
  interfaces:
    - {name: va, type: VETH, enabled: true, namespace: {type: NSID, reference: left},
       ipAddresses: [%s], veth: {peerIfName: vb}}
    - {name: vb, type: VETH, enabled: true, namespace: {type: NSID, reference: left},
       veth: {peerIfName: va}}
  routes:
    - {outgoingInterface: va, dstNetwork: 10.9.0.0/16, gwAddr: 10.7.0.9}
"""


def test_a_plain_gateway_is_reached_through_an_allocated_address_once_it_is_set(
    bench: Bench,
) -> None:
    """That it is allocated is not enough, nor is another allocated address."""

    def reach(addresses: str) -> Configuration:
        return load_text(REACH % addresses)

    route = keys.route("10.9.0.0/16", "va")
    steps = [
        ('"alloc:lan"', ValueState.PENDING),
        ('"alloc:lan", "alloc:wan/va"', ValueState.CONFIGURED),
        ('"alloc:wan"', ValueState.CONFIGURED),
        ('"alloc:lan"', ValueState.PENDING),
    ]

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            for addresses, state in steps:
                done = await apply(scheduler, reach(addresses))

                assert done.ok, done.errors
                assert scheduler.status(route).state is state
                assert ("10.9.0.0/16" in ours(bench)["routes"]) == (state is ValueState.CONFIGURED)
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_an_allocated_gateway_beyond_the_network_takes_a_link_route_to_it_by_name(
    bench: Bench,
) -> None:
    far = {**network(), **allocated("lan", "va", "10.0.0.1/24", "10.8.0.1")}
    more = load_text(
        textwrap.dedent("""
        linux_config:
          routes: [{outgoing_interface: va, dst_network: "alloc:lan/va/GW", scope: LINK}]
        """)
    )

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, far)
            status = scheduler.status(ROUTE)
            assert status.state is ValueState.PENDING
            assert [str(one).split(":")[0] for one in status.unmet] == ["gw-reachable"]

            assert (await change(scheduler, more)).ok
            assert ours(bench)["routes"] == {"10.8.0.1": None, "10.5.0.0/24": "10.8.0.1"}
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_a_gateway_of_the_other_version_fails_for_good_and_the_rest_goes_on(bench: Bench) -> None:
    other = {**network(), **allocated("far", "elsewhere", "fd05::1/64")}

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, other)

            status = scheduler.status(ROUTE)
            assert status.state is ValueState.FAILED
            assert "IPv4 (10.0.0.2) cannot lead to IPv6" in str(status.error)
            assert ours(bench) == {**STANDING, "routes": {}}
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_an_allocated_ipv6_address_outlives_its_interface_being_down(bench: Bench) -> None:
    six = load_text(
        textwrap.dedent("""
        netalloc_config:
          ip_addresses: [{network_name: lan, interface_name: va, address: fd00::1/64}]
        linux_config:
          interfaces:
            - {name: va, type: VETH, enabled: true, ip_addresses: ["alloc:lan"],
               namespace: {type: NSID, reference: left}, veth: {peer_if_name: vb}}
            - {name: vb, type: VETH, enabled: true, veth: {peer_if_name: va},
               namespace: {type: NSID, reference: left}}
        """)
    )
    up = six[keys.interface("va")]
    down = type(up)()
    down.CopyFrom(up)
    down.enabled = False  # type: ignore[attr-defined]  # an interface

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, six)).ok
            for value in (down, up):
                assert (await change(scheduler, {keys.interface("va"): value})).ok

                assert bench.texts("left", "va") == {"fd00::1/64"}
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


@pytest.mark.parametrize("ways", [('"alloc:lan"', "10.0.0.1/24"), ("10.0.0.1/24", '"alloc:lan"')])
def test_an_address_that_goes_by_another_name_stays_what_it_is(
    bench: Bench, ways: tuple[str, str]
) -> None:
    before, after = (load_text(REACH % way) for way in ways)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, before)).ok
            key = keys.interface("va")
            assert (await change(scheduler, {key: after[key]})).ok
            assert bench.texts("left", "va") == {"10.0.0.1/24"}

            await scheduler.refresh("linux/interface/")
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_what_is_wrong_with_a_reference_is_told_with_its_line(bench: Bench) -> None:
    wrong = load_text(
        NETWORK.replace('["alloc:lan/vb", 10.5', '["alloc:lan/va", 10.5'), "net.yaml"
    )

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, wrong)

            key = keys.interface("vb")
            error = scheduler.status(key).error
            assert error is not None
            text = str(wrong.problem(key, error))
            assert text.startswith(f"net.yaml:12: {key}: ip_addresses[0]: is to an address of")
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_a_configuration_with_allocations_can_be_written_out_and_read_back() -> None:
    from kvs_agent.sources.config import from_data

    assert dict(from_data(to_data(network()), "kept")) == dict(network())
