# SPDX-License-Identifier: Apache-2.0
"""Routes and fixed neighbours that others set, read as values, on answers as kernels give them."""

from __future__ import annotations

import ipaddress

import pytest

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.links.neighbours import NDA_DST, NDA_LLADDR, NDMSG, NUD_PERMANENT
from kvs_descriptors.linux.netlink import codec
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from tests.linux.answers import NIC, answer, of, understood

MAIN, GLOBAL, LINK, UNICAST, BLACKHOLE, STATIC = 254, 0, 253, 1, 6, 4
PLAIN = {"tos": 0, "table": MAIN, "protocol": STATIC, "scope": LINK, "kind": UNICAST, "flags": 0}


def route(text: str, *attributes: bytes, **more: int) -> bytes:
    """Return what a kernel tells of a route."""
    network = ipaddress.ip_network(text)
    packed = network.network_address.packed
    one = {**PLAIN, **more}
    head = codec.RTMSG.pack(codec.family_of(packed), network.prefixlen, 0, *one.values())
    out = codec.number(codec.RTA_OIF, 2)
    return head + codec.attribute(codec.RTA_DST, packed) + out + b"".join(attributes)


def gateway(text: str) -> bytes:
    return codec.attribute(codec.RTA_GATEWAY, ipaddress.ip_address(text).packed)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (route("10.1.0.0/16"), Route(dst_network="10.1.0.0/16")),
        (
            route("10.1.0.0/16", gateway("10.0.0.1"), scope=GLOBAL),
            Route(dst_network="10.1.0.0/16", gw_addr="10.0.0.1"),
        ),
        (
            route("fd01::/64", gateway("fe80::1"), codec.number(6, 1024), scope=GLOBAL),
            Route(dst_network="fd01::/64", gw_addr="fe80::1"),
        ),
        (
            route("fd01::/64", codec.number(6, 5), scope=GLOBAL),
            Route(dst_network="fd01::/64", metric=5),
        ),
        (route("10.1.0.0/16", scope=254), Route(dst_network="10.1.0.0/16", scope=Route.HOST)),
    ],
)
def test_a_route_is_said_as_it_is(told: bytes, read: Route) -> None:
    read.outgoing_interface = "eth0"

    found = understood(of([answer(NIC, 2)], routes=[told]))

    assert found.left == ()
    assert found.values[keys.route(read.dst_network, "eth0")] == read


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([route("10.1.0.0/16", tos=16)], "a file cannot say tos"),
        ([route("10.1.0.0/16", table=100)], "a file cannot say table 100"),
        ([route("10.1.0.0/16", flags=4)], "a file cannot say onlink"),
        ([route("10.1.0.0/16", scope=77)], "a file cannot say scope 77"),
        ([route("10.1.0.0/16", kind=BLACKHOLE)], "a file cannot say blackhole"),
        ([route("10.1.0.0/16", protocol=16)], "dhcp has set it, and goes on so"),
        ([route("10.1.0.0/16", protocol=99)], "protocol 99 has set it, and goes on so"),
        ([route("10.1.0.0/16", codec.number(30, 5))], "a file cannot say a next hop object"),
        ([route("10.1.0.0/16", codec.attribute(9, b""))], "a file cannot say several next hops"),
        ([route("fd01::/64", codec.byte(20, 1))], "a file cannot say a preference"),
        ([route("10.1.0.0/16")] * 2, "another one has the same destination and metric"),
    ],
)
def test_a_route_that_no_file_can_say_is_left(told: list[bytes], why: str) -> None:
    found = understood(of([answer(NIC, 2)], routes=told))

    assert [one.why for one in found.left] == [why] * len(told)


@pytest.mark.parametrize(
    "told",
    [
        route("10.1.0.0/16", protocol=2),
        route("10.1.0.0/16", flags=0x200),
        route("10.1.0.0/16", table=255),
    ],
)
def test_the_routes_of_the_kernel_are_passed_over(told: bytes) -> None:
    found = understood(of([answer(NIC, 2)], routes=[told]))

    assert (list(found.values), found.left) == ([keys.interface("eth0")], ())


def neighbour(text: str, mac: bytes, *, state: int = NUD_PERMANENT, flags: int = 0) -> bytes:
    """Return what a kernel tells of a neighbour."""
    packed = ipaddress.ip_address(text).packed
    head = NDMSG.pack(codec.family_of(packed), 2, state, flags, 1)
    return head + codec.attribute(NDA_DST, packed) + codec.attribute(NDA_LLADDR, mac)


MAC = bytes([2, 0, 0, 0, 0, 9])


@pytest.mark.parametrize(
    ("told", "says", "leaves"),
    [
        (neighbour("10.0.0.9", MAC), True, False),
        (neighbour("10.0.0.9", MAC, state=2), False, False),
        (neighbour("10.0.0.9", MAC, flags=0x10), False, True),
        (neighbour("10.0.0.9", b""), False, True),
    ],
)
def test_a_fixed_neighbour_is_said_what_the_kernel_found_out_is_not(
    told: bytes, *, says: bool, leaves: bool
) -> None:
    found = understood(of([answer(NIC, 2)], neighbours=[told]))

    wanted = ARPEntry(interface="eth0", ip_address="10.0.0.9", hw_address=MAC.hex(":"))
    assert found.values.get(keys.arp("eth0", "10.0.0.9")) == (wanted if says else None)
    assert bool(found.left) is leaves
