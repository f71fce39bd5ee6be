# SPDX-License-Identifier: Apache-2.0
"""Cables on the real kernel: two values that the kernel makes and deletes at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kvs_descriptors.linux import Refused
from kvs_descriptors.linux.netlink.channel import RTM_NEWLINK
from kvscheduler import Origin
from tests.linux.bench import Bench, key_of, namespace, veth

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
@pytest.mark.parametrize("comes", ["create", "delete", "delete of the unexpected"])
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

        refused = [one for one in results if isinstance(one, Refused)]
        assert refused
        assert not bench.descriptors["linux-interface"].is_retriable(refused[0])

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
