# SPDX-License-Identifier: Apache-2.0
"""Addresses, ports and routes on the real kernel, each descriptor driven directly."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty

from kvs_descriptors.linux import Refused, keys
from kvscheduler import Depends, DependsOnAny, Derived, Origin, Retrieved
from ligato.linux.l3.route_pb2 import Route
from tests.linux.bench import Bench, bridge, key_of, namespace, veth

A = veth("va", "vb", "left", "10.0.0.1/24", "fd00::1/64")
B = veth("vb", "va", "right", "10.0.0.2/24", "fd00::2/64")

ROUTES = {
    "ipv4": Route(outgoing_interface="va", dst_network="10.9.0.0/16", gw_addr="10.0.0.2"),
    "ipv6": Route(outgoing_interface="va", dst_network="fd09::/64", gw_addr="fd00::2"),
    "default": Route(outgoing_interface="va", dst_network="0.0.0.0/0", gw_addr="10.0.0.2"),
    "default ipv6": Route(outgoing_interface="va", dst_network="::/0", gw_addr="fd00::2"),
    "link": Route(outgoing_interface="va", dst_network="10.8.0.0/16", scope=Route.LINK),
    "no scope": Route(outgoing_interface="va", dst_network="10.7.0.0/16"),
    "metric": Route(outgoing_interface="va", dst_network="10.6.0.0/16", metric=7),
    "ipv6 metric": Route(outgoing_interface="va", dst_network="fd06::/64", metric=7),
}


async def cable(bench: Bench) -> None:
    await bench.make(namespace("left"), namespace("right"))
    await bench.make(A, B)


def routes(bench: Bench) -> set[str]:
    both = [*bench.ip("left", "route", "show"), *bench.ip("left", "-6", "route", "show")]
    return {one["dst"] for one in both if one["protocol"] == "107"}


def test_an_address_is_set_found_and_removed_however_often(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)
        key = keys.address("va", "10.0.0.1/24")
        descriptor = bench.descriptor(key)

        await descriptor.create(key, Empty())
        found = await bench.retrieve("linux-address", A, B)

        assert bench.texts("left", "va") == {"10.0.0.1/24", "fd00::1/64"}
        assert set(found) == {
            keys.address(one.name, text) for one in (A, B) for text in one.ip_addresses
        }
        assert {one.origin for one in found.values()} == {Origin.NORTHBOUND}

        await descriptor.delete(key, Empty(), None)
        await descriptor.delete(key, Empty(), None)

        assert bench.texts("left", "va") == {"fd00::1/64"}

    bench.run(scenario())


def test_an_address_that_others_set_is_theirs(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)
        bench.ip("left", "address", "add", "10.5.0.1/24", "dev", "va")
        key = keys.address("va", "10.5.0.1/24")

        assert key not in await bench.retrieve("linux-address", A, B)

        wanted = [Retrieved(key, Empty())]
        (found,) = await bench.descriptor(key).retrieve(wanted, [key])
        assert (found.key, found.origin) == (key, Origin.UNKNOWN)

    bench.run(scenario())


def test_the_others_stay_when_the_first_of_several_addresses_in_a_subnet_goes(
    bench: Bench,
) -> None:
    many = veth("va", "vb", "left", *(f"10.0.0.{i}/24" for i in range(1, 5)))

    async def scenario() -> None:
        await bench.make(namespace("left"), namespace("right"))
        await bench.make(many, B)
        key = keys.address("va", "10.0.0.1/24")

        await bench.descriptor(key).delete(key, Empty(), None)

        assert bench.texts("left", "va") == {f"10.0.0.{i}/24" for i in range(2, 5)}

    bench.run(scenario())


def test_an_ipv6_address_can_be_used_at_once(bench: Bench) -> None:
    async def scenario() -> None:
        await cable(bench)

        (found,) = bench.ip("left", "-6", "address", "show", "dev", "va", "scope", "global")

        assert not any(one.get("tentative") for one in found["addr_info"])

    bench.run(scenario())


def test_what_belongs_to_a_vanished_interface_is_deleted_with_success(bench: Bench) -> None:
    route = ROUTES["ipv4"]

    async def scenario() -> None:
        await cable(bench)
        await bench.make(route)
        bench.ip("left", "link", "delete", "va")
        address = keys.address("va", "10.0.0.1/24")

        await bench.descriptor(address).delete(address, Empty(), None)
        await bench.delete(route)
        bench.kernel.namespaces.remove("left")
        await bench.descriptor(address).delete(address, Empty(), None)
        await bench.delete(route)
        bench.known.clear()
        bench.kernel.seen.clear()
        await bench.delete(route)

        assert await bench.retrieve("linux-route", route) == {}

    bench.run(scenario())


@pytest.mark.parametrize("kind", ROUTES)
def test_a_route_is_set_found_as_wanted_and_removed_however_often(bench: Bench, kind: str) -> None:
    route = ROUTES[kind]

    async def scenario() -> None:
        await cable(bench)
        await bench.make(route)
        await bench.make(route)

        expected = await bench.retrieve("linux-route", A, B, route)
        unexpected = await bench.retrieve("linux-route", A, B)

        descriptor = bench.descriptor(key_of(route))
        assert expected == {
            key_of(route): Retrieved(key_of(route), route, None, Origin.NORTHBOUND)
        }
        assert set(unexpected) == {key_of(route)}
        assert descriptor.equivalent(key_of(route), unexpected[key_of(route)].value, route)
        assert len(routes(bench)) == 1

        await bench.delete(route)
        await bench.delete(route)

        assert routes(bench) == set()

    bench.run(scenario())


def test_a_new_gateway_is_set_in_one_step(bench: Bench) -> None:
    old, new = (
        Route(outgoing_interface="va", dst_network="10.9.0.0/16", gw_addr=f"10.0.0.{i}")
        for i in (2, 3)
    )

    async def scenario() -> None:
        await cable(bench)
        await bench.make(old)
        descriptor = bench.descriptor(key_of(old))

        assert not descriptor.requires_recreate(key_of(old), old, new, None)
        await descriptor.update(key_of(old), old, new, None)

        (found,) = bench.ip("left", "route", "show", "10.9.0.0/16")
        assert found["gateway"] == "10.0.0.3"

    bench.run(scenario())


def test_anothers_route_is_neither_taken_over_nor_removed(bench: Bench) -> None:
    route = ROUTES["ipv4"]

    async def scenario() -> None:
        await cable(bench)
        bench.ip("left", "route", "add", "10.9.0.0/16", "via", "10.0.0.7")

        with pytest.raises(Refused, match="another route has the same destination"):
            await bench.make(route)
        await bench.delete(route)

        (found,) = bench.ip("left", "route", "show", "10.9.0.0/16")
        assert found["gateway"] == "10.0.0.7"
        assert await bench.retrieve("linux-route", A, B, route) == {}

    bench.run(scenario())


def test_a_port_is_plugged_in_and_pulled_out_however_often(bench: Bench) -> None:
    switch = bridge("sw", "left", "va")
    key = keys.port("sw", "va")

    async def scenario() -> None:
        await cable(bench)
        await bench.make(switch)
        descriptor = bench.descriptor(key)
        await descriptor.create(key, Empty())

        assert bench.link("left", "va")["master"] == "sw"

        await descriptor.delete(key, Empty(), None)
        await descriptor.delete(key, Empty(), None)

        assert "master" not in bench.link("left", "va")

    bench.run(scenario())


def test_a_port_that_others_have_plugged_in_elsewhere_is_left_there(bench: Bench) -> None:
    key = keys.port("sw", "va")

    async def scenario() -> None:
        await cable(bench)
        await bench.make(bridge("sw", "left", "va"))
        bench.ip("left", "link", "add", "theirs", "type", "bridge")
        bench.ip("left", "link", "set", "dev", "va", "master", "theirs")

        await bench.descriptor(key).delete(key, Empty(), None)

        assert bench.link("left", "va")["master"] == "theirs"

    bench.run(scenario())


def test_a_port_in_another_namespace_than_its_bridge_is_refused_for_good(bench: Bench) -> None:
    key = keys.port("sw", "vb")

    async def scenario() -> None:
        await cable(bench)
        await bench.make(bridge("sw", "left"))
        descriptor = bench.descriptor(key)

        with pytest.raises(Refused, match="different network namespaces") as caught:
            await descriptor.create(key, Empty())

        assert not descriptor.is_retriable(caught.value)

    bench.run(scenario())


def test_a_route_waits_for_its_interface_an_address_and_its_gateways_network() -> None:
    from kvs_descriptors.linux import Kernel, RouteDescriptor

    descriptor = RouteDescriptor(Kernel())
    route = ROUTES["ipv4"]

    up, address, gateway = descriptor.dependencies(key_of(route), route)

    assert isinstance(up, Depends)
    assert up.key == keys.state("va")
    assert isinstance(address, DependsOnAny)
    assert isinstance(gateway, DependsOnAny)
    assert [one.label for one in (up, address, gateway)] == [
        "outgoing-interface-is-up",
        "outgoing-interface-has-ip-address",
        "gw-reachable",
    ]
    assert address.matches(keys.address("va", "192.168.0.1/24"))
    assert not address.matches(keys.address("vb", "192.168.0.1/24"))
    assert gateway.matches(keys.address("va", "10.0.0.1/24"))
    assert not gateway.matches(keys.address("va", "10.0.1.1/24"))
    assert gateway.matches(keys.link_local_route("va", "10.0.0.2/32"))


def test_a_gateway_may_be_in_reach_through_a_link_local_route() -> None:
    from kvs_descriptors.linux import Kernel, RouteDescriptor

    descriptor = RouteDescriptor(Kernel())
    link, far = ROUTES["link"], ROUTES["ipv4"]

    assert list(descriptor.derived(key_of(link), link)) == [
        Derived("linux/link-local-route/va/dest-address/10.8.0.0/16", Empty())
    ]
    assert list(descriptor.derived(key_of(far), far)) == []
