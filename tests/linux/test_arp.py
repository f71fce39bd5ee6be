# SPDX-License-Identifier: Apache-2.0
"""Fixed neighbours on the real kernel; what is there is asked of iproute2."""

from __future__ import annotations

import pytest

from kvs_descriptors.linux import ArpDescriptor, Kernel, Refused, keys
from kvs_descriptors.linux.links import neighbours
from kvs_descriptors.linux.netlink import codec
from kvscheduler import Depends, DependsOnAny, InvalidValue, Origin, Retrieved, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.arp_pb2 import ARPEntry
from tests.linux.bench import Bench, bridge, key_of, namespace, veth
from tests.linux.test_engine import apply, engine, reaches

A = veth("va", "vb", "left", "10.0.0.1/24", "fd00::1/64")
B = veth("vb", "va", "right", "10.0.0.2/24", phys_address="02:00:00:00:00:0b")
GROUND = (namespace("left"), namespace("right"), A, B)


def entry(address: str = "10.0.0.9", mac: str = "02:00:00:00:00:09") -> ARPEntry:
    return ARPEntry(interface="va", ip_address=address, hw_address=mac)


def fixed(bench: Bench) -> dict[str, tuple[str, str | None]]:
    """Return the fixed neighbours that iproute2 knows: MAC address and protocol."""
    shown = bench.ip("left", "neigh", "show", "nud", "permanent")
    return {one["dst"]: (one["lladdr"], one.get("protocol")) for one in shown}


async def cable(bench: Bench) -> None:
    await bench.make(*GROUND[:2])
    await bench.make(A, B)


@pytest.mark.parametrize("address", ["10.0.0.9", "fd00::9", "fe80::9"])
def test_a_neighbour_is_set_found_as_wanted_and_removed_however_often(
    bench: Bench, address: str
) -> None:
    one = entry(address)

    async def scenario() -> None:
        await cable(bench)
        await bench.make(one)
        await bench.make(one)

        assert fixed(bench) == {address: (one.hw_address, "107")}
        expected = await bench.retrieve("linux-arp", A, B, one)
        unexpected = await bench.retrieve("linux-arp", A, B)
        assert expected == {key_of(one): Retrieved(key_of(one), one, None, Origin.NORTHBOUND)}
        assert unexpected == expected

        await bench.delete(one)
        await bench.delete(one)
        assert fixed(bench) == {}

    bench.run(scenario())


def test_what_others_have_set_is_refused_left_alone_and_not_found(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)
        theirs = ["10.0.0.9", "lladdr", "02:00:00:00:00:99", "dev", "va", "nud", "permanent"]
        bench.ip("left", "neigh", "add", *theirs)

        with pytest.raises(Refused, match="others have set this neighbour"):
            await bench.make(entry())
        await bench.delete(entry())

        assert fixed(bench) == {"10.0.0.9": ("02:00:00:00:00:99", None)}
        assert await bench.retrieve("linux-arp", A, B, entry()) == {}

    bench.run(scenario())


@pytest.mark.parametrize("state", ["reachable", "stale", "failed"])
def test_what_the_kernel_has_found_out_gives_way(bench: Bench, state: str) -> None:
    async def scenario() -> None:
        await cable(bench)
        mac = [] if state == "failed" else ["lladdr", "02:00:00:00:00:99"]
        bench.ip("left", "neigh", "add", "10.0.0.9", *mac, "dev", "va", "nud", state)

        await bench.make(entry())

        assert fixed(bench) == {"10.0.0.9": ("02:00:00:00:00:09", "107")}

    bench.run(scenario())


def test_an_entry_that_is_no_longer_fixed_is_missing_and_is_made_again(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)
        await bench.make(entry())
        learned = ["10.0.0.9", "lladdr", "02:00:00:00:00:99", "dev", "va", "nud", "stale"]
        bench.ip("left", "neigh", "replace", *learned)

        assert await bench.retrieve("linux-arp", A, B, entry()) == {}
        await bench.make(entry())

        assert fixed(bench) == {"10.0.0.9": ("02:00:00:00:00:09", "107")}

    bench.run(scenario())


def test_an_ipv6_address_is_one_however_it_is_written(bench: Bench) -> None:
    one = entry("FD00:0::9", "02:00:00:00:00:0A")

    async def scenario() -> None:
        await cable(bench)
        await bench.make(one)

        found = await bench.retrieve("linux-arp", A, B, one)

        assert fixed(bench) == {"fd00::9": ("02:00:00:00:00:0a", "107")}
        assert {key: one.value for key, one in found.items()} == {key_of(one): one}

    bench.run(scenario())
    descriptor = ArpDescriptor(Kernel())
    same = entry("fd00::9", "02:00:00:00:00:0a")
    assert [*descriptor.claims(key_of(one), one)] == [*descriptor.claims(key_of(same), same)]
    assert descriptor.equivalent(key_of(one), one, same)


def test_entries_of_a_vanished_interface_or_namespace_are_gone(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)
        await bench.make(entry())
        bench.ip("left", "link", "delete", "va")
        await bench.delete(entry())

        bench.kernel.namespaces.remove("left")
        await bench.delete(entry())
        bench.known.clear()
        bench.kernel.seen.clear()
        await bench.delete(entry())

        assert await bench.retrieve("linux-arp", entry()) == {}

    bench.run(scenario())


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (entry(""), ("ip_address",)),
        (entry("10.0.0.0/24"), ("ip_address",)),
        (entry("224.0.0.1"), ("ip_address",)),
        (entry("::"), ("ip_address",)),
        (entry("fe80::1%va"), ("ip_address",)),
        (entry("alloc:"), ("ip_address",)),
        (entry(mac=""), ("hw_address",)),
        (entry(mac="02-00-00-00-00-01"), ("hw_address",)),
        (entry(mac="00:00:00:00:00:00"), ("hw_address",)),
        (ARPEntry(ip_address="10.0.0.9", hw_address="02:00:00:00:00:09"), ("interface",)),
    ],
)
def test_what_can_be_no_neighbour_is_refused_with_its_field(
    wrong: ARPEntry, fields: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidValue) as raised:
        ArpDescriptor(Kernel()).validate(key_of(wrong), wrong)

    assert raised.value.fields == fields


def test_the_mac_address_of_a_cluster_will_do() -> None:
    one = entry(mac="03:BF:0A:00:00:09")

    ArpDescriptor(Kernel()).validate(key_of(one), one)


def test_an_entry_waits_for_its_interface_to_be_up_and_to_have_an_address() -> None:
    descriptor = ArpDescriptor(Kernel())

    up, address = descriptor.dependencies(key_of(entry()), entry())
    (only,) = descriptor.dependencies(key_of(entry("fe80::9")), entry("fe80::9"))

    assert (up, only) == (Depends(keys.state("va"), "interface-is-up"),) * 2
    assert isinstance(address, DependsOnAny)
    assert address.label == "interface-has-ip-address"
    # With the last IPv4 address the kernel drops all IPv4 neighbours.
    assert address.where is not None
    assert address.where(keys.address("va", "10.7.0.1/24"))
    assert not address.where(keys.address("va", "fd00::1/64"))


def test_drift_is_seen_repaired_and_touches_nothing_else(bench: Bench) -> None:
    wanted = {key_of(one): one for one in (*GROUND, entry(), entry("fd00::9"))}

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, wanted)).ok
            moved = ["10.0.0.9", "lladdr", "02:00:00:00:00:99", "dev", "va", "nud", "permanent"]
            bench.ip("left", "neigh", "replace", *moved)
            bench.ip("left", "neigh", "delete", "fd00::9", "dev", "va")

            repaired = await scheduler.resync("full")

            done = [(one.operation.kind, one.operation.key) for one in repaired.operations]
            assert sorted(done) == [
                ("create", key_of(entry("fd00::9"))),
                ("update", key_of(entry())),
            ]
            assert set(fixed(bench)) == {"10.0.0.9", "fd00::9"}
            assert fixed(bench)["10.0.0.9"] == ("02:00:00:00:00:09", "107")
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_packets_go_where_an_entry_says_from_one_transaction_to_the_next(bench: Bench) -> None:
    right, wrong = entry("10.0.0.2", "02:00:00:00:00:0b"), entry("10.0.0.2")
    wanted = {key_of(one): one for one in GROUND}

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, {**wanted, key_of(wrong): wrong})).ok
            assert not reaches(bench, "left", "10.0.0.2", seconds=1)

            async with scheduler.transaction() as change:
                change.set(key_of(right), right)

            assert reaches(bench, "left", "10.0.0.2")
            last = scheduler.history[-1].operations
            assert [one.operation.kind for one in last] == ["update"]
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_entries_outlive_a_change_of_their_interfaces_mac_address(bench: Bench) -> None:
    wanted = {key_of(one): one for one in (*GROUND, entry(), entry("fd00::9"))}
    changed = Interface()
    changed.CopyFrom(A)
    changed.phys_address = "02:00:00:00:00:0a"

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, wanted)).ok

            async with scheduler.transaction() as change:
                change.set(key_of(changed), changed)

            assert set(fixed(bench)) == {"10.0.0.9", "fd00::9"}
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_entries_over_a_bridge_outlive_ports_that_come_and_go(bench: Bench) -> None:
    ports = [f"p{number}" for number in range(8)]
    cables = [
        veth(name, peer, "left", phys_address=f"02:00:00:00:00:{number:02x}")
        for number, port in enumerate(ports)
        for name, peer in ((port, f"q{number}"), (f"q{number}", port))
    ]
    one = ARPEntry(interface="br", ip_address="10.0.0.9", hw_address="02:00:00:00:00:09")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            for plugged in (ports[4:], ports, ports[6:], []):
                switch = bridge("br", "left", *plugged)
                switch.ip_addresses.append("10.0.0.1/24")
                wanted = {key_of(value): value for value in (*GROUND[:1], *cables, switch, one)}
                (await apply(scheduler, wanted)).check()
                assert fixed(bench) == {"10.0.0.9": ("02:00:00:00:00:09", "107")}

    bench.run(scenario())


def test_an_entry_goes_with_the_last_address_of_its_kind_and_comes_with_the_next(
    bench: Bench,
) -> None:
    wanted = {key_of(one): one for one in (*GROUND, entry())}

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, wanted)).ok
            for addresses, is_there in ((["fd00::1/64"], False), (["10.0.0.5/24"], True)):
                changed = Interface()
                changed.CopyFrom(A)
                del changed.ip_addresses[:]
                changed.ip_addresses.extend(addresses)
                async with scheduler.transaction() as change:
                    change.set(key_of(changed), changed)

                stands = scheduler.status(key_of(entry())).state is ValueState.CONFIGURED
                assert stands == is_there == ("10.0.0.9" in fixed(bench))
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_a_message_is_what_iproute2_sends() -> None:
    # ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev va nud permanent protocol 107
    sent = bytes.fromhex(
        "02000000 07000000 8000 00 00"
        "0500 0c00 6b000000"
        "0800 0100 0a000009"
        "0a00 0200 020000000009 0000"
    )
    one = neighbours.Neighbour(
        index=7, address=bytes([10, 0, 0, 9]), mac=bytes.fromhex("020000000009")
    )

    body = neighbours.body(one)

    head = neighbours.NDMSG.size
    assert body[:head] == sent[:head]
    assert codec.decode_attributes(body, head) == codec.decode_attributes(sent, head)
    assert neighbours.decode(sent) == one
