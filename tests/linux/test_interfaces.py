# SPDX-License-Identifier: Apache-2.0
"""Interfaces on the real kernel, each descriptor driven directly; iproute2 is the witness."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvs_descriptors.linux import Refused, keys
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.netlink.channel import RTM_NEWLINK
from kvscheduler import Origin
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench, bridge, key_of, namespace, veth
from tests.linux.tally import counting

A = veth("va", "vb", "left", mtu=1400)
B = veth("vb", "va", "right", phys_address="02:00:00:00:00:0B")


async def two_namespaces(bench: Bench) -> None:
    await bench.make(namespace("left"), namespace("right"))


def test_what_is_made_is_retrieved_as_it_was_wanted(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        switch = bridge("sw", "left", "va", stp=True, ageing_time_s=30)
        await bench.make(A, B, switch)

        found = await bench.retrieve("linux-interface", A, B, switch)
        ports = await bench.retrieve("linux-bridge-port", A, B, switch)

        assert {key: one.value for key, one in found.items()} == {
            key_of(one): one for one in (A, B, switch)
        }
        assert {one.origin for one in found.values()} == {Origin.NORTHBOUND}
        assert {key: one.metadata for key, one in found.items()} == {
            key_of(one): bench.known[one.name] for one in (A, B, switch)
        }
        assert list(ports) == [keys.port("sw", "va")]
        assert bench.link("left", "va")["master"] == "sw"

    bench.run(scenario())


def test_what_bears_our_mark_is_found_though_nobody_expects_it(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)
        bench.kernel.close()
        bench.restart()

        found = await bench.retrieve("linux-interface")

        descriptor = bench.descriptors["linux-interface"]
        assert set(found) == {key_of(A), key_of(B)}
        for wanted in (A, B):
            seen = found[key_of(wanted)]
            assert seen.origin is Origin.NORTHBOUND
            assert not descriptor.requires_recreate(seen.key, seen.value, wanted, seen.metadata)

    bench.run(scenario())


def test_many_links_are_deleted_together_and_others_stay(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        bench.ip("left", "link", "add", "x0", "type", "veth")
        strangers = bench.names("left")
        ends = [
            veth(f"{end}{i}", f"{peer}{i}", "left")
            for i in range(20)
            for end, peer in ("pq", "qp")
        ]
        await bench.make(*ends)

        await asyncio.gather(*map(bench.delete, ends))

        assert bench.names("left") == strangers

    bench.run(scenario())


def test_links_gather_while_others_are_being_deleted(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        switches = [bridge(f"sw{number}", "left") for number in range(4)]
        await bench.make(*switches)
        deleting = []

        with counting() as tally:
            async with bench.kernel.deleting:
                for one in switches:
                    deleting.append(asyncio.ensure_future(bench.delete(one)))
                    await asyncio.sleep(0.02)
                assert tally.waits == 0
            await asyncio.gather(*deleting)

        assert tally.waits == 1
        assert not bench.names("left") & {one.name for one in switches}

    bench.run(scenario())


CHANGES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "mtu": ({"mtu": 9000}, "mtu", 9000),
    "no mtu": ({"mtu": 0}, "mtu", 1500),
    "mac": ({"mtu": 1400, "phys_address": "02:00:00:00:00:aa"}, "address", "02:00:00:00:00:aa"),
    "down": ({"mtu": 1400, "enabled": False}, "operstate", "DOWN"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_made_in_place(bench: Bench, change: str) -> None:
    fields, attribute, expected = CHANGES[change]
    changed = veth("va", "vb", "left", **fields)

    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)
        descriptor = bench.descriptors["linux-interface"]
        before = bench.link("left", "va")["ifindex"]

        assert not descriptor.equivalent(key_of(A), A, changed)
        assert not descriptor.requires_recreate(key_of(A), A, changed, None)

        await descriptor.update(key_of(A), A, changed, bench.known["va"])

        assert bench.link("left", "va")[attribute] == expected
        assert bench.link("left", "va")["ifindex"] == before
        found = await bench.retrieve("linux-interface", changed, B)
        assert found[key_of(A)].value == changed

    bench.run(scenario())


def test_a_bridges_options_are_changed_in_place(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        old, new = bridge("sw", "left"), bridge("sw", "left", stp=True, ageing_time_s=60)
        await bench.make(old)
        descriptor = bench.descriptors["linux-interface"]

        await descriptor.update(key_of(old), old, new, bench.known["sw"])

        data = bench.link("left", "sw")["linkinfo"]["info_data"]
        assert (data["stp_state"], data["ageing_time"]) == (1, 6000)

    bench.run(scenario())


def test_ipv6_addresses_survive_being_taken_down_and_up(bench: Bench) -> None:
    texts = {"fd00::1/64", "fd00::2/64", "10.0.0.1/24"}
    up = veth("va", "vb", "left", *texts)
    down = veth("va", "vb", "left", *texts, enabled=False)

    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(up, B)
        descriptor = bench.descriptors["linux-interface"]

        await descriptor.update(key_of(up), up, down, bench.known["va"])
        assert bench.texts("left", "va") == texts

        await descriptor.update(key_of(up), down, up, bench.known["va"])
        assert bench.texts("left", "va") == texts

    bench.run(scenario())


DRIFT: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "down": (("set", "va", "down"), {"enabled": False}),
    "mtu": (("set", "va", "mtu", "1300"), {"mtu": 1300}),
    "renamed": (("set", "va", "name", "z"), {"host_if_name": "z"}),
}


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_seen_in_the_field_that_has_drifted_and_no_other(bench: Bench, kind: str) -> None:
    command, fields = DRIFT[kind]

    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)

        bench.ip("left", "link", *command)
        found = await bench.retrieve("linux-interface", A, B)

        drifted = Interface()
        drifted.CopyFrom(A)
        drifted.MergeFrom(Interface(**fields))
        drifted.enabled = fields.get("enabled", True)
        assert found[key_of(A)].value == drifted
        assert found[key_of(B)].value == B

    bench.run(scenario())


def test_a_strangers_link_of_the_wanted_name_is_not_touched(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        bench.ip("left", "link", "add", "va", "type", "bridge")
        before = bench.ip("left", "link", "show"), bench.names("")

        refused, _ = await asyncio.gather(
            *(bench.create(key_of(one), one) for one in (A, B)), return_exceptions=True
        )
        for value in (A, B):
            await bench.delete(value)

        assert isinstance(refused, Refused)
        assert "another's interface has the name va" in str(refused)
        assert (bench.ip("left", "link", "show"), bench.names("")) == before
        assert bench.names("right") == set()
        assert await bench.retrieve("linux-interface", A, B) == {}

    bench.run(scenario())


def test_what_has_come_to_stand_at_our_index_is_not_deleted(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)
        index = bench.known["va"].index
        bench.ip("left", "link", "delete", "va")
        bench.ip("left", "link", "add", "x", "index", str(index), "type", "bridge")

        await bench.delete(A)

        assert bench.link("left", "x")["ifindex"] == index

    bench.run(scenario())


def test_a_namespace_that_vanishes_takes_its_interfaces_without_an_error(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)
        bench.kernel.namespaces.remove("left")

        found = await bench.retrieve("linux-interface", A, B)
        await bench.delete(A)

        assert key_of(A) not in found

    bench.run(scenario())


def test_only_the_keys_that_are_asked_for_are_retrieved(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        switch = bridge("sw", "left", "va")
        await bench.make(A, B, switch)
        from kvscheduler import Retrieved

        expected = [Retrieved(key_of(one), one) for one in (A, B, switch)]
        descriptor = bench.descriptors["linux-interface"]
        found = await descriptor.retrieve(expected, [key_of(B)])
        port = await bench.descriptors["linux-bridge-port"].retrieve([], [keys.port("sw", "va")])

        assert [(one.key, one.value) for one in found] == [(key_of(B), B)]
        assert [one.key for one in port] == [keys.port("sw", "va")]

    bench.run(scenario())


def test_the_kernel_ignores_an_alias_given_at_creation(bench: Bench) -> None:
    """The reason for making links in two steps."""

    async def scenario() -> None:
        await two_namespaces(bench)
        kind = codec.nested(codec.IFLA_LINKINFO, codec.text(codec.IFLA_INFO_KIND, "bridge"))
        name, alias = codec.text(codec.IFLA_IFNAME, "x"), codec.text(codec.IFLA_IFALIAS, "mark")
        channel = await bench.kernel.channel("left")

        await channel.call(RTM_NEWLINK, 0x600, codec.link_body([name, alias, kind]), "x")

        assert "ifalias" not in bench.link("left", "x")

    bench.run(scenario())
