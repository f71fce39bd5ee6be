# SPDX-License-Identifier: Apache-2.0
"""All that a route can say, through the engine and on the real kernel; iproute2 is the witness."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
from google.protobuf.message import Message

from kvs_descriptors.linux import Kernel, RouteDescriptor, keys
from kvs_descriptors.linux.links import tables
from kvs_descriptors.linux.netlink import codec
from kvscheduler import DependsOnAny, InvalidValue, Scheduler, ValueState
from ligato.linux.l3.route_pb2 import Route
from tests.linux.bench import Bench, bridge, key_of, namespace, veth
from tests.linux.test_engine import apply, engine, reaches

SPACES = (namespace("left"), namespace("right"))
A = veth("va", "vb", "left", "10.0.0.1/24", "fd00::1/64")
B = veth("vb", "va", "right", "10.0.0.2/24", "fd00::2/64", "10.5.0.1/24", "fd05::1/64")


def route(destination: str, gateway: str = "", **more: Any) -> Route:
    return Route(outgoing_interface="va", dst_network=destination, gw_addr=gateway, **more)


def by_key(values: Iterable[Message]) -> dict[str, Message]:
    return {key_of(value): value for value in values}


def shown(bench: Bench) -> dict[str, Any]:
    """Return our routes by destination, as iproute2 tells of them."""
    both = [*bench.ip("left", "route", "show"), *bench.ip("left", "-6", "route", "show")]
    return {one["dst"]: one for one in both if one["protocol"] == "107"}


def kinds(scheduler: Scheduler) -> list[str]:
    return [one.operation.kind for one in scheduler.history[-1].operations]


@pytest.mark.parametrize(
    ("wanted", "scope"),
    [
        (route("10.8.0.0/16"), "link"),
        (route("10.8.0.0/16", scope=Route.LINK), "link"),
        (route("10.8.0.0/16", scope=Route.HOST), "host"),
        (route("10.8.0.0/16", scope=Route.SITE), "site"),
        (route("10.8.0.0/16", scope=Route.GLOBAL), "global"),
        (route("10.8.0.0/16", "10.0.0.2"), "global"),
        (route("10.8.0.0/16", "10.0.0.2", scope=Route.SITE), "site"),
        (route("10.8.0.0/16", "0.0.0.0"), "link"),  # noqa: S104 - no gateway
    ],
)
def test_each_scope_is_set_and_found_again(bench: Bench, wanted: Route, scope: str) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            done = await apply(scheduler, by_key([*SPACES, A, B, wanted]))
            assert done.ok, done.errors

            assert shown(bench)["10.8.0.0/16"].get("scope", "global") == scope

            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


@pytest.mark.parametrize(
    ("destination", "gateway", "far"),
    [("0.0.0.0/0", "10.0.0.2", "10.5.0.1"), ("::/0", "fd00::2", "fd05::1")],
)
def test_a_default_route_carries_packets(
    bench: Bench, destination: str, gateway: str, far: str
) -> None:
    wanted = by_key([*SPACES, A, B, route(destination, gateway)])

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, wanted)).ok

            assert shown(bench)["default"]["gateway"] == gateway
            assert reaches(bench, "left", far)

            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


@pytest.mark.parametrize(
    ("destination", "gateway"), [("10.9.0.0/16", "10.0.0.2"), ("fd09::/64", "fd00::2")]
)
def test_another_metric_is_another_route_and_another_gateway_an_update(
    bench: Bench, destination: str, gateway: str
) -> None:
    other = gateway.replace("::2", "::3").replace("0.2", "0.3")
    steps = {
        "7": (route(destination, gateway, metric=7), ["delete", "create"]),
        "9": (route(destination, gateway, metric=9), ["delete", "create"]),
        "9 again": (route(destination, other, metric=9), ["update"]),
    }

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            first = route(destination, gateway)
            assert (await apply(scheduler, by_key([*SPACES, A, B, first]))).ok
            for metric, (changed, expected) in steps.items():
                async with scheduler.transaction() as change:
                    change.set(key_of(changed), changed)

                assert kinds(scheduler) == expected
                there = shown(bench)[destination]
                assert (there["metric"], there["gateway"]) == (int(metric[0]), changed.gw_addr)
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_a_gateway_is_reached_through_a_link_route_and_waits_for_it(bench: Bench) -> None:
    beyond = route("10.9.0.0/16", "10.7.7.7")
    wanted = by_key([*SPACES, A, B, beyond])
    link = route("10.7.7.0/24", scope=Route.LINK)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, wanted)
            assert scheduler.status(key_of(beyond)).state is ValueState.PENDING

            async with scheduler.transaction() as change:
                change.set(key_of(link), link)
            assert set(shown(bench)) == {"10.7.7.0/24", "10.9.0.0/16"}
            assert keys.link_local_route("va", "10.7.7.0/24") in scheduler.values("", "configured")

            async with scheduler.transaction() as change:
                change.delete(key_of(link))
            assert shown(bench) == {}
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_a_gateway_is_reached_through_any_address_of_its_interface(bench: Bench) -> None:
    beyond = route("10.9.0.0/16", "10.0.0.2")
    addresses = (["10.0.0.1/24", "10.0.0.7/16"], ["10.0.0.7/16"], ["10.6.0.1/24"])
    ends = [veth("va", "vb", "left", *texts) for texts in addresses]

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, by_key([*SPACES, ends[0], B, beyond]))).ok
            for end, there in zip(ends, (True, True, False), strict=True):
                async with scheduler.transaction() as change:
                    change.set(key_of(end), end)

                assert (await scheduler.resync("full")).operations == ()
                assert ("10.9.0.0/16" in shown(bench)) == there
            assert scheduler.status(key_of(beyond)).state is ValueState.PENDING
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_ipv4_routes_go_with_the_last_ipv4_address_before_the_kernel_drops_them(
    bench: Bench,
) -> None:
    old, new = route("10.8.0.0/16"), route("fd08::/64")
    only_new = veth("va", "vb", "left", "fd00::1/64")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, by_key([*SPACES, A, B, old, new]))).ok

            async with scheduler.transaction() as change:
                change.set(key_of(only_new), only_new)

            assert set(shown(bench)) == {"fd08::/64"}
            assert scheduler.status(key_of(old)).state is ValueState.PENDING
            assert (await scheduler.resync("full")).operations == ()
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


def test_drifted_routes_are_repaired_and_others_routes_stay(bench: Bench) -> None:
    one, two = route("10.8.0.0/16", "10.0.0.2"), route("10.9.0.0/16", "10.0.0.2", metric=5)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, by_key([*SPACES, A, B, one, two]))).ok
            bench.ip("left", "route", "delete", "10.8.0.0/16")
            moved = ["10.9.0.0/16", "via", "10.0.0.3", "metric", "5", "protocol", "107"]
            bench.ip("left", "route", "replace", *moved)
            bench.ip("left", "route", "add", "10.10.0.0/16", "via", "10.0.0.3")

            repaired = await scheduler.resync("full")

            done = {one.operation.key: one.operation.kind for one in repaired.operations}
            assert done == {key_of(one): "create", key_of(two): "update"}
            assert {one["gateway"] for one in shown(bench).values()} == {"10.0.0.2"}
            assert any(r["dst"] == "10.10.0.0/16" for r in bench.ip("left", "route", "show"))
            assert (await apply(scheduler, {})).ok

    bench.run(scenario())


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (route("10.8.0.0/16", "10.0.0.2", scope=Route.LINK), ("scope", "gw_addr")),
        (route("10.8.0.0/16", "10.0.0.2", scope=Route.HOST), ("scope", "gw_addr")),
        (route("10.8.0.0/16", "fd00::2"), ("gw_addr",)),
        (route("10.8.0.0/16", scope=9), ("scope",)),
        (route("224.0.0.0/4"), ("dst_network",)),
        (route("alloc:/x"), ("dst_network",)),
        (route("10.8.0.0/16", "alloc:lan"), ("gw_addr",)),
        (route("10.8.0.0/16", "alloc:lan/vb/GW"), ("gw_addr",)),
        (route("10.8.0.0/16", "alloc:lan/GW", scope=Route.LINK), ("scope", "gw_addr")),
    ],
)
def test_what_can_be_no_route_is_refused_with_its_fields(
    wrong: Route, fields: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidValue) as raised:
        RouteDescriptor(Kernel()).validate(key_of(wrong), wrong)

    assert raised.value.fields == fields


def test_a_link_local_gateway_needs_no_address() -> None:
    wanted = route("fd09::/64", "fe80::2")

    (up,) = RouteDescriptor(Kernel()).dependencies(key_of(wanted), wanted)

    assert not isinstance(up, DependsOnAny)
    assert up.key == keys.state("va")


def test_a_route_in_another_table_is_what_iproute2_sends() -> None:
    # ip route add 10.9.0.0/16 dev va table 1001 protocol 107
    sent = bytes.fromhex(
        "02 10 00 00 00 6b fd 01 000000000800 0100 0a0900000800 0f00 e90300000800 0400 07000000"
    )
    one = codec.IPRoute(
        destination=bytes([10, 9, 0, 0]), length=16, index=7, scope=253, protocol=107, table=1001
    )

    body = codec.route_body(one)

    head = codec.RTMSG.size
    assert body[:head] == sent[:head]
    assert codec.decode_attributes(body, head) == codec.decode_attributes(sent, head)
    assert codec.decode_route(sent) == one


def test_an_interface_in_a_bridge_has_its_routes_in_the_main_table(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(*SPACES)
        await bench.make(A, B, bridge("sw", "left", "va"))
        within = await bench.kernel.channel("left")

        assert await tables.table_of(within, bench.known["va"].index) == codec.RT_TABLE_MAIN
        assert await tables.table_of(within, 9999) == codec.RT_TABLE_MAIN
        assert await tables.tables(within) == {}

    bench.run(scenario())


def test_routes_over_an_interface_in_a_vrf_go_to_the_vrfs_table(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.make(*SPACES)
        try:
            bench.ip("left", "link", "add", "red", "type", "vrf", "table", "1001")
        except subprocess.CalledProcessError:
            assert not tables.may_be_vrfs()
            pytest.skip("this kernel has no VRFs")
        assert tables.may_be_vrfs()
        await bench.make(A, B)
        bench.ip("left", "link", "set", "va", "master", "red", "up")
        wanted = route("10.9.0.0/16", "10.0.0.2")
        await bench.make(wanted)

        (there,) = bench.ip("left", "route", "show", "table", "1001", "10.9.0.0/16")
        assert there["protocol"] == "107"
        assert "10.9.0.0/16" not in shown(bench)
        assert set(await bench.retrieve("linux-route", A, B, wanted)) == {key_of(wanted)}
        await bench.delete(wanted)
        assert bench.ip("left", "route", "show", "table", "1001", "10.9.0.0/16") == []

    bench.run(scenario())
