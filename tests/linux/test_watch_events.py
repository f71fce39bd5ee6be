# SPDX-License-Identifier: Apache-2.0
"""Notifications of the kernel become keys: packed by hand here, as the kernel packs them."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from kvs_descriptors.linux import keys
from kvs_descriptors.linux.links.link import Link
from kvs_descriptors.linux.links.lookup import Seen
from kvs_descriptors.linux.netlink import codec, message
from kvs_descriptors.linux.watching import events
from kvs_descriptors.linux.watching.events import Moved

NEW_LINK, OLD_LINK, NEW_ADDRESS, OLD_ADDRESS, NEW_ROUTE, NEW_NEIGHBOUR = 16, 17, 20, 21, 24, 28
SETTINGS, BRIDGE_FAMILY = 80, 7
UP = 1

SEEN = {
    "va": Link(2, "left", "va", "veth"),
    "sw": Link(3, "left", "sw", "bridge"),
    "pair": Link(4, "left", "pair", "bond"),
    "far": Link(2, "right", "far", "veth"),
}


def moved() -> Moved:
    seen = Seen(SEEN)
    return Moved("left", lambda: seen)


def told(*messages: tuple[int, bytes]) -> dict[str, bool]:
    collected = moved()
    for kind, body in messages:
        collected.take(message.pack(0, kind, 0, body))
    return collected.keys()


def link(index: int, flags: int = UP, family: int = 0, *attributes: bytes) -> bytes:
    return struct.pack("=BxHiII", family, 0, index, flags, 0) + b"".join(attributes)


def address(index: int) -> bytes:
    return struct.pack("=BBBBI", 2, 24, 0, 0, index)


def route(network: str, kind: int = 1, protocol: int = 4) -> bytes:
    there = ipaddress.ip_network(network)
    family = 2 if there.version == 4 else 10
    head = struct.pack("=BBBBBBBBI", family, there.prefixlen, 0, 0, 254, protocol, 0, kind, 0)
    packed = there.network_address.packed
    return head + (codec.attribute(1, packed) if there.prefixlen else b"")


def test_a_link_is_its_interface_and_what_hangs_on_it_when_it_is_down_or_gone() -> None:
    va, pair = keys.interface("va"), keys.port("pair", "va")

    assert told((NEW_LINK, link(2))) == {va: False, pair: False}
    assert told((NEW_LINK, link(2, flags=0)))[va] is True
    assert told((OLD_LINK, link(2)))[va] is True
    assert told((NEW_LINK, link(2, flags=0)), (NEW_LINK, link(2)))[va] is True


def test_what_is_not_ours_is_nothing() -> None:
    assert told((NEW_LINK, link(9)), (NEW_ADDRESS, address(9)), (99, b"")) == {}


def test_an_address_is_all_of_its_interface() -> None:
    assert told((NEW_ADDRESS, address(2))) == {keys.address_prefix("va"): False}
    assert told((OLD_ADDRESS, address(2))) == {keys.address_prefix("va"): True}


def test_a_port_is_told_with_its_bridge() -> None:
    plugged = link(2, UP, BRIDGE_FAMILY, codec.number(codec.IFLA_MASTER, 3))
    elsewhere = link(2, UP, BRIDGE_FAMILY, codec.number(codec.IFLA_MASTER, 8))

    assert told((OLD_LINK, plugged)) == {keys.port("sw", "va"): False}
    assert told((OLD_LINK, elsewhere), (OLD_LINK, link(2, UP, BRIDGE_FAMILY))) == {}


@pytest.mark.parametrize("network", ["10.9.0.0/16", "0.0.0.0/0", "fd09::/64", "::/0"])
def test_a_route_is_told_whatever_it_goes_out_of(network: str) -> None:
    assert told((NEW_ROUTE, route(network))) == {f"{keys.ROUTE}{network}/": False}


@pytest.mark.parametrize("kind", [2, 3, 4, 5])
def test_the_kernels_own_routes_are_nothing(kind: int) -> None:
    assert told((NEW_ROUTE, route("10.9.0.0/16", kind))) == {}
    assert told((NEW_ROUTE, route("10.9.0.0/16", protocol=2))) == {}
    assert told((NEW_ROUTE, struct.pack("=BBBBBBBBI", 128, 0, 0, 0, 254, 4, 0, 1, 0))) == {}


def test_a_neighbour_is_all_of_its_interface_and_a_bridges_is_nothing() -> None:
    near = struct.pack("=BxxxiHBB", 2, 2, 0x80, 0, 1)
    learnt = struct.pack("=BxxxiHBB", BRIDGE_FAMILY, 2, 0x80, 0, 1)

    assert told((NEW_NEIGHBOUR, near)) == {f"{keys.ARP}va/": False}
    assert told((NEW_NEIGHBOUR, learnt)) == {}


def test_settings_are_the_interfaces_and_those_of_all_are_nothing() -> None:
    def settings(index: int) -> bytes:
        return bytes([2, 0, 0, 0]) + codec.attribute(1, struct.pack("=i", index))

    assert told((SETTINGS, settings(3)))[keys.interface("sw")] is False
    assert told((SETTINGS, settings(-1)), (SETTINGS, bytes(4))) == {}


def test_a_storm_takes_the_room_of_one() -> None:
    collected = moved()
    for _ in range(10_000):
        collected.take(message.pack(0, NEW_LINK, 0, link(2)))

    assert len(collected.keys()) == 2
    assert collected.keys() == {}


def test_too_many_links_are_all_there_are_and_too_many_routes_all_routes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "MAX_THINGS", 10)
    everything = {keys.interface(name): True for name in ("va", "sw", "pair")}

    assert told(*((NEW_LINK, link(index)) for index in range(2, 20))) == everything
    routes = told(*((NEW_ROUTE, route(f"10.{n}.0.0/16")) for n in range(11)))
    assert routes == {keys.ROUTE: False}


def test_what_was_lost_is_everything_once() -> None:
    collected = moved()
    collected.lose()

    assert collected.keys() == {keys.interface(name): True for name in ("va", "sw", "pair")}
    assert collected.keys() == {}


def test_a_link_that_becomes_ours_a_little_later_is_told_then() -> None:
    seen = Seen()
    collected = Moved("left", lambda: seen)
    collected.take(message.pack(0, OLD_LINK, 0, link(2)))
    assert collected.keys() == {}
    assert collected.has_unknown

    seen["va"] = SEEN["va"]

    assert collected.keys() == {keys.interface("va"): True}
    assert not collected.has_unknown
    collected.take(message.pack(0, OLD_LINK, 0, link(3)))
    assert collected.keys() == {}
    collected.give_up()
    assert not collected.has_unknown


def test_links_are_found_by_name_and_by_place_and_index() -> None:
    seen = Seen(SEEN)
    assert dict(seen.at("left")) == {2: "va", 3: "sw", 4: "pair"}

    seen["va"] = Link(7, "right", "va")
    seen["other"] = Link(7, "right", "other")
    del seen["va"]

    assert dict(seen.at("right")) == {2: "far", 7: "other"}
    assert dict(seen.at("left")) == {3: "sw", 4: "pair"}
    seen.clear()
    assert seen.places() == [] == list(seen)
