# SPDX-License-Identifier: Apache-2.0
"""Allocations alone: what they mean, and that they are values like others."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

from kvs_descriptors import netalloc
from kvs_descriptors.netalloc import Allocation, AllocationDescriptor, keys
from kvscheduler import InvalidValue, Scheduler
from ligato.netalloc.netalloc_pb2 import IPAllocation

KEY = keys.ip("lan", "eth0")


def allocation(address: str = "10.0.0.5/24", gw: str = "") -> IPAllocation:
    return IPAllocation(network_name="lan", interface_name="eth0", address=address, gw=gw)


@pytest.mark.parametrize(
    ("address", "gw", "known"),
    [
        ("10.0.0.5/24", "", Allocation("10.0.0.5/24")),
        ("10.0.0.5", "", Allocation("10.0.0.5/32")),
        ("10.0.0.5/24", "10.0.0.1", Allocation("10.0.0.5/24", "10.0.0.1/24")),
        ("10.0.0.5/24", "10.0.0.1/16", Allocation("10.0.0.5/24", "10.0.0.1/16")),
        ("10.0.0.5/24", "10.9.0.1", Allocation("10.0.0.5/24", "10.9.0.1/32")),
        ("FD00::5/64", "fd00:0::1", Allocation("fd00::5/64", "fd00::1/64")),
        ("fd00::5", "fd09::1", Allocation("fd00::5/128", "fd09::1/128")),
    ],
)
def test_addresses_are_known_in_one_writing_and_with_their_lengths(
    address: str, gw: str, known: Allocation
) -> None:
    descriptor, value = AllocationDescriptor(), allocation(address, gw)
    descriptor.validate(KEY, value)

    assert descriptor.create(KEY, value) == known
    same = allocation(known.address, known.gateway)
    assert descriptor.equivalent(KEY, value, same)
    assert not descriptor.equivalent(KEY, value, allocation("192.0.2.1"))


@pytest.mark.parametrize(
    ("gw", "is_neighbour"),
    [("", False), ("10.0.0.1", True), ("10.0.0.1/32", True), ("10.9.0.1/24", False)],
)
def test_the_address_is_brought_along_and_that_the_gateway_is_a_neighbour(
    gw: str, *, is_neighbour: bool
) -> None:
    derived = {one.key for one in AllocationDescriptor().derived(KEY, allocation(gw=gw))}

    address = "netalloc/address/interface/eth0/network/lan/10.0.0.5/24"
    neighbour = "netalloc/neigh-gw/network/lan/interface/eth0"
    assert derived == {address, neighbour} if is_neighbour else {address}
    assert keys.parse_address(address) == ("lan", "eth0", "10.0.0.5/24")
    assert keys.parse_address(neighbour) is None


def test_even_an_interface_with_slashes_in_its_name_can_be_told_from_a_key() -> None:
    key = keys.address("lan", "Gigabit0/8/network/1", "fd00::5/64")

    assert keys.parse_address(key) == ("lan", "Gigabit0/8/network/1", "fd00::5/64")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (IPAllocation(interface_name="eth0", address="10.0.0.5"), "network_name"),
        (
            IPAllocation(network_name="a/b", interface_name="eth0", address="10.0.0.5"),
            "network_name",
        ),
        (IPAllocation(network_name="lan", address="10.0.0.5"), "interface_name"),
        (allocation(""), "address"),
        (allocation("10.0.0.5/255.255.255.0"), "address"),
        (allocation("10.0.0.5/33"), "address"),
        (allocation("fe80::1%eth0/64"), "address"),
        (allocation("alloc:lan"), "address"),
        (allocation("224.0.0.1"), "address"),
        (allocation("0.0.0.0/0"), "address"),
        (allocation(gw="fd00::1"), "gw"),
        (allocation(gw="nowhere"), "gw"),
    ],
)
def test_what_can_be_no_allocation_is_refused_with_its_field(
    value: IPAllocation, field: str
) -> None:
    with pytest.raises(InvalidValue) as raised:
        AllocationDescriptor().validate(keys.ip(value.network_name, value.interface_name), value)

    assert raised.value.fields == (field,)


def test_a_key_that_is_anothers_is_refused() -> None:
    with pytest.raises(InvalidValue, match="the key is another's"):
        AllocationDescriptor().validate(keys.ip("lan", "eth1"), allocation())


def test_without_a_southbound_that_sets_addresses_all_of_it_are_facts() -> None:
    async def scenario() -> None:
        async with Scheduler(netalloc.descriptors()) as scheduler:
            async with scheduler.transaction() as change:
                change.set(KEY, allocation(gw="10.0.0.1"))

            assert set(scheduler.values("", "configured")) == {
                KEY,
                keys.neighbour_gateway("lan", "eth0"),
                keys.address("lan", "eth0", "10.0.0.5/24"),
            }
            known = scheduler.metadata(netalloc.reference.ALLOCATIONS)
            assert dict(known) == {
                "network/lan/interface/eth0": Allocation("10.0.0.5/24", "10.0.0.1/24")
            }

    asyncio.run(scenario())


def test_a_restart_with_a_journal_knows_what_was_allocated(tmp_path: pathlib.Path) -> None:
    journal = tmp_path / "journal"

    async def scenario() -> None:
        first = Scheduler(netalloc.descriptors(), journal=journal)
        async with first, first.transaction() as change:
            change.set(KEY, allocation())
        async with Scheduler(netalloc.descriptors(), journal=journal) as scheduler:
            await scheduler.settle()

            known = scheduler.metadata(netalloc.reference.ALLOCATIONS)
            assert dict(known) == {"network/lan/interface/eth0": Allocation("10.0.0.5/24")}
            assert (await scheduler.resync("full")).operations == ()

    asyncio.run(scenario())


def test_a_resync_finds_what_is_wanted_and_passes_over_what_is_invalid() -> None:
    from kvscheduler import Retrieved

    wrong, right = allocation("nowhere"), allocation()
    expected = [Retrieved(KEY, wrong), Retrieved(KEY, right)]

    (found,) = AllocationDescriptor().retrieve(expected)

    assert (found.value, found.metadata) == (right, Allocation("10.0.0.5/24"))
    assert list(AllocationDescriptor().retrieve(expected, ["another"])) == []
