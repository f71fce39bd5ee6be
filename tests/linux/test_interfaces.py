# SPDX-License-Identifier: Apache-2.0
"""Interfaces on the real kernel, each descriptor driven directly; iproute2 is the witness."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvs_descriptors.linux import Refused, codec, keys
from kvs_descriptors.linux.channel import RTM_NEWLINK
from kvscheduler import Origin
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench, bridge, key_of, namespace, veth

A = veth("va", "vb", "left", mtu=1400)
B = veth("vb", "va", "right", phys_address="02:00:00:00:00:0B")


async def two_namespaces(bench: Bench) -> None:
    await bench.make(namespace("left"), namespace("right"))


async def create(bench: Bench, order: str) -> None:
    """Create both ends of a cable: at once, or one after the other."""
    if order == "together":
        await bench.make(A, B)
        return
    for value in (A, B) if order == "a first" else (B, A):
        await bench.create(key_of(value), value)


@pytest.mark.parametrize("order", ["together", "a first", "b first"])
def test_both_ends_of_a_cable_end_right_in_whatever_order_they_are_made(
    bench: Bench, order: str
) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        before = bench.names("")

        await create(bench, order)

        left, right = bench.link("left", "va"), bench.link("right", "vb")
        mark = bench.kernel.owner
        assert (left["ifalias"], right["ifalias"]) == (f"{mark}:va", f"{mark}:vb")
        assert (left["mtu"], right["mtu"]) == (1400, 1500)
        assert right["address"] == "02:00:00:00:00:0b"
        assert "UP" in left["flags"]
        assert "UP" in right["flags"]
        assert (left["group"], right["group"]) == ("default", "default")
        assert left["link_index"] == right["ifindex"] == bench.known["vb"].index
        assert bench.names("") == before

    bench.run(scenario())


def lasting(bench: Bench, where: str, name: str) -> tuple[Any, ...]:
    """Return what of a link does not change by itself, as the carrier does."""
    found = bench.link(where, name)
    return tuple(found[field] for field in ("ifindex", "link_index", "ifalias", "mtu", "address"))


@pytest.mark.parametrize("again", ["a", "b", "both"])
def test_a_create_that_had_its_effect_already_changes_nothing(bench: Bench, again: str) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.make(A, B)
        before = [lasting(bench, "left", "va"), lasting(bench, "right", "vb")]
        bench.kernel.close()
        bench.restart()

        values = {"a": [A], "b": [B], "both": [A, B]}[again]
        await asyncio.gather(*(bench.create(key_of(one), one) for one in values))

        assert [lasting(bench, "left", "va"), lasting(bench, "right", "vb")] == before

    bench.run(scenario())


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


@pytest.mark.parametrize("where", ["left", ""])
def test_deleting_either_end_takes_the_other_along_and_deleting_that_is_a_success(
    bench: Bench, where: str
) -> None:
    first, second = bench.host("a"), bench.host("b")
    one, other = veth(first, second, where), veth(second, first, where)

    async def scenario() -> None:
        await two_namespaces(bench)
        before = bench.names(where)
        await bench.make(one, other)

        for value in (one, other, one):
            await bench.delete(value)

        assert bench.names(where) == before
        assert await bench.retrieve("linux-interface", one, other) == {}

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


def crash_before_the_mark(bench: Bench, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Have the bench's requests to change links end with a crash, after so many of them."""
    count = 0
    channel = type(bench.kernel._channels["left"])
    call = channel.call

    async def limited(self: Any, kind: int, *args: Any, **more: Any) -> Any:
        nonlocal count
        count += kind == RTM_NEWLINK
        if count > after:
            raise asyncio.CancelledError
        return await call(self, kind, *args, **more)

    monkeypatch.setattr(channel, "call", limited)


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("comes", ["create", "delete", "create of another"])
def test_a_crash_between_create_and_mark_leaves_nothing_in_doubt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, after: int, comes: str
) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        await bench.kernel.channel("left")
        with monkeypatch.context() as patched:
            crash_before_the_mark(bench, patched, after)
            with pytest.raises(asyncio.CancelledError):
                await bench.make(A, B)
        assert bench.link("left", "va")["group"] != "default" or after == 2
        bench.kernel.close()
        bench.restart()

        if comes == "create":
            await bench.make(A, B)

            found = await bench.retrieve("linux-interface", A, B)
            assert {key: one.value for key, one in found.items()} == {
                key_of(A): A,
                key_of(B): B,
            }
        else:
            found = await bench.retrieve("linux-interface", *([A, B] if comes == "delete" else []))
            descriptor = bench.descriptors["linux-interface"]
            assert all(one.origin is Origin.NORTHBOUND for one in found.values())
            for one in found.values():
                await descriptor.delete(one.key, one.value, one.metadata)

            assert bench.names("left") == bench.names("right") == set()

    bench.run(scenario())


def test_half_of_a_cable_that_a_crash_has_left_elsewhere_is_taken_away(bench: Bench) -> None:
    async def scenario() -> None:
        await two_namespaces(bench)
        before = bench.names("")
        # The other end's place is not known yet, so it waits in our own namespace.
        await bench.create(key_of(A), A)
        assert bench.names("") != before
        bench.kernel.close()
        bench.restart()

        await bench.make(A, B)

        assert bench.names("") == before
        assert bench.link("left", "va")["link_index"] == bench.link("right", "vb")["ifindex"]

    bench.run(scenario())


def test_three_interfaces_in_a_ring_of_peers_are_refused(bench: Bench) -> None:
    ring = [veth(one, other, "left") for one, other in ("ab", "bc", "ca")]

    async def scenario() -> None:
        await two_namespaces(bench)
        results = await asyncio.gather(
            *(bench.create(key_of(one), one) for one in ring), return_exceptions=True
        )

        assert any(isinstance(one, Refused) for one in results)

        for one in ring:
            await bench.delete(one)

        assert bench.names("left") == set()

    bench.run(scenario())


def test_cables_with_the_same_indexes_are_told_apart(bench: Bench) -> None:
    places = [f"n{i}" for i in range(6)]
    ends = [veth(f"e{i}", f"e{i ^ 1}", place) for i, place in enumerate(places)]

    async def scenario() -> None:
        await bench.make(*map(namespace, places))
        await bench.make(*ends)
        bench.kernel.close()
        bench.restart()

        found = await bench.retrieve("linux-interface")

        assert len({one.metadata.index for one in found.values()}) < len(ends)
        assert {one.value.name: one.value.veth.peer_if_name for one in found.values()} == {
            one.name: one.veth.peer_if_name for one in ends
        }

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
