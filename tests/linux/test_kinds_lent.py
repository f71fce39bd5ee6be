# SPDX-License-Identifier: Apache-2.0
"""Interfaces of others: configured, and given back as they were; iproute2 is the witness."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvscheduler import Descriptor, Scheduler, ValueState
from ligato.linux.interfaces.interface_pb2 import Interface, TapLink
from tests.linux.bench import Bench, bridge, key_of, veth
from tests.linux.kinds import apply, engine, of_kind

VPP_TAP = "config/vpp/v2/interfaces/tap0"


@pytest.fixture
def theirs(bench: Bench) -> str:
    """Make a bridge of somebody else's in our own namespace, up."""
    name = bench.host("x")
    bench.ip("", "link", "add", name, "type", "bridge")
    bench.ip("", "link", "set", name, "address", "02:00:00:00:00:01", "up")
    return name


def existing(host: str, *addresses: str, **more: Any) -> Interface:
    return of_kind("EXISTING", "ours", "", *addresses, host_if_name=host, **more)


def as_shown(bench: Bench, namespace: str, name: str) -> Any:
    """Return a link with its addresses, less what changes by itself."""
    (found,) = bench.ip(namespace, "address", "show", "dev", name)
    found["addr_info"] = sorted(one["local"] for one in found["addr_info"])
    # A bridge's timers; and once it was up, a link has something to queue with.
    found.pop("linkinfo", None)
    found.pop("qdisc")
    return found


def test_an_existing_interface_is_configured_and_given_back_as_it_was(
    bench: Bench, theirs: str
) -> None:
    more: Any = {"mtu": 1400, "phys_address": "02:00:00:00:00:0A"}
    value = existing(theirs, "10.77.0.1/30", "10.77.0.2/30", **more)

    async def scenario() -> None:
        before = as_shown(bench, "", theirs)
        async with engine(bench) as scheduler:
            done = await apply(scheduler, value)
            link = bench.link("", theirs)
            assert done.ok, done.errors
            assert (link["mtu"], link["address"]) == (1400, "02:00:00:00:00:0a")
            assert bench.texts("", theirs) == set(value.ip_addresses)
            assert (await apply(scheduler, value)).operations == ()

            assert (await apply(scheduler, existing(theirs, "10.77.0.1/30"))).ok
            link = bench.link("", theirs)
            assert (link["mtu"], link["address"]) == (before["mtu"], before["address"])
            assert bench.texts("", theirs) == {"10.77.0.1/30"}

            assert (await apply(scheduler)).ok
        assert as_shown(bench, "", theirs) == before

    bench.run(scenario())


def test_it_is_given_back_by_the_next_engine_too(bench: Bench, theirs: str) -> None:
    async def scenario() -> None:
        before = as_shown(bench, "", theirs)
        value = existing(theirs, "10.77.0.1/30", mtu=1300, ipv4_forwarding=True)
        async with engine(bench) as scheduler:
            assert (await apply(scheduler, value)).ok
        bench.restart()

        async with engine(bench) as scheduler:
            assert (await apply(scheduler, value)).operations == ()
        bench.restart()
        async with engine(bench) as scheduler:
            assert (await apply(scheduler)).ok
        left = as_shown(bench, "", theirs)
        assert left == before | {"addr_info": left["addr_info"]}

    bench.run(scenario())


def test_drift_of_an_existing_interface_is_repaired(bench: Bench, theirs: str) -> None:
    async def scenario() -> None:
        async with engine(bench) as scheduler:
            value = existing(theirs, mtu=1300, phys_address="02:00:00:00:00:0a")
            await apply(scheduler, value)
            bench.ip("", "link", "set", theirs, "mtu", "1280", "address", "02:00:00:00:00:0b")

            done = await apply(scheduler, value)

            assert [one.operation.kind for one in done.operations] == ["update"]
            link = bench.link("", theirs)
            assert (link["mtu"], link["address"]) == (1300, "02:00:00:00:00:0a")
            await apply(scheduler)

    bench.run(scenario())


def test_an_address_that_is_there_already_is_not_taken_away_with_ours(
    bench: Bench, theirs: str
) -> None:
    async def scenario() -> None:
        bench.ip("", "address", "add", "10.77.0.1/30", "dev", theirs)
        async with engine(bench) as scheduler:
            done = await apply(scheduler, existing(theirs, "10.77.0.1/30", "10.77.1.1/30"))
            assert done.ok, done.errors
            assert (await apply(scheduler)).ok

        assert bench.texts("", theirs) == {"10.77.0.1/30"}

    bench.run(scenario())


def test_it_is_waited_for_and_its_going_is_no_error(bench: Bench) -> None:
    host = bench.host("y")
    value = existing(host, "10.77.0.1/30")

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, value)
            assert scheduler.status(key_of(value)).state is ValueState.PENDING
            unmet = str(scheduler.status(key_of(value)).unmet[0])
            assert unmet.startswith(f"host-interface-exists: {keys.host_interface(host)}")

            bench.ip("", "link", "add", host, "type", "bridge")
            bench.ip("", "link", "set", host, "up")
            assert (await apply(scheduler, value)).ok
            assert bench.texts("", host) == {"10.77.0.1/30"}

            bench.ip("", "link", "delete", host)
            assert (await apply(scheduler, value)).ok
            assert scheduler.status(key_of(value)).state is ValueState.PENDING

    bench.run(scenario())


def test_with_link_only_nothing_is_touched_and_addresses_are_waited_for(
    bench: Bench, theirs: str
) -> None:
    value = existing(theirs, "10.77.0.1/30", mtu=1300, link_only=True)
    address = keys.existing_address("ours", "10.77.0.1/30")

    async def scenario() -> None:
        before = as_shown(bench, "", theirs)
        async with engine(bench) as scheduler:
            await apply(scheduler, value)
            assert as_shown(bench, "", theirs) == before
            assert scheduler.status(key_of(value)).state is ValueState.CONFIGURED
            (unmet,) = scheduler.status(address).unmet
            assert str(unmet).startswith("address-assigned-to-interface: ")

            bench.ip("", "address", "add", "10.77.0.1/30", "dev", theirs)
            await apply(scheduler, value)
            assert scheduler.status(address).state is ValueState.CONFIGURED
            assert (await apply(scheduler, value)).operations == ()
            await apply(scheduler)
        assert bench.texts("", theirs) == {"10.77.0.1/30"}

    bench.run(scenario())


def test_a_loopback_is_configured_and_given_back(bench: Bench) -> None:
    switch = bridge("sw", "left")
    lo = of_kind("LOOPBACK", "own-lo", "left", "10.77.0.1/32", "127.0.0.1/8", mtu=9000)

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, switch)
            before = as_shown(bench, "left", "lo")

            done = await apply(scheduler, switch, lo)
            assert done.ok, done.errors
            assert bench.link("left", "lo")["mtu"] == 9000
            assert {"10.77.0.1/32", "127.0.0.1/8"} <= bench.texts("left", "lo")
            assert (await apply(scheduler, switch, lo)).operations == ()
            down = of_kind("LOOPBACK", "own-lo", "left", "10.77.0.1/32", enabled=False)
            assert (await apply(scheduler, switch, down)).ok
            assert "UP" not in bench.link("left", "lo")["flags"]
            assert bench.link("left", "lo")["mtu"] == 65536

            assert (await apply(scheduler, switch)).ok
            assert as_shown(bench, "left", "lo") == before

    bench.run(scenario())


def test_two_values_for_one_loopback_are_refused(bench: Bench) -> None:
    one, other = (of_kind("LOOPBACK", name, "left") for name in ("one", "other"))

    async def scenario() -> None:
        async with engine(bench) as scheduler:
            await apply(scheduler, one)
            done = await apply(scheduler, one, other)

            assert scheduler.status(key_of(one)).state is ValueState.CONFIGURED
            assert key_of(other) in done.plan.invalid

    bench.run(scenario())


@dataclasses.dataclass(frozen=True)
class Made:
    """What VPP tells of an interface."""

    host_if_name: str


class Vpp(Descriptor[str, Made]):
    """What VPP does for a TAP: it makes one, in the namespace that it runs in."""

    name = "vpp-interface"
    key_prefix = "config/vpp/v2/interfaces/"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def create(self, key: str, value: str) -> Made:
        self.bench.ip("", "tuntap", "add", "dev", value, "mode", "tap")
        return Made(value)

    def delete(self, key: str, value: str, metadata: Made | None) -> None:
        self.bench.ip("", "link", "delete", value)


def tap(where: str, host: str, **more: Any) -> Interface:
    link = TapLink(vpp_tap_if_name="tap0")
    return of_kind("TAP_TO_VPP", "t", where, "10.1.0.1/24", tap=link, host_if_name=host, **more)


async def with_vpp(scheduler: Scheduler, tap_name: str, *values: Interface) -> Any:
    transaction = scheduler.transaction(resync="full")
    wanted = linux.with_namespaces({key_of(one): one for one in values})
    for key, value in {VPP_TAP: tap_name, **wanted}.items():
        transaction.set(key, value)
    return await transaction.commit()


@pytest.mark.parametrize("where", ["left", ""])
def test_the_linux_side_of_vpps_tap_is_taken_and_given_back(bench: Bench, where: str) -> None:
    made, name = bench.host("v"), bench.host("t")
    value = tap(where, name, mtu=1400, phys_address="02:00:00:00:00:0a")

    async def scenario() -> None:
        descriptors = [*linux.descriptors(kernel=bench.kernel), Vpp(bench)]
        async with Scheduler(descriptors) as scheduler:
            assert (await with_vpp(scheduler, made)).ok
            before = as_shown(bench, "", made)
            done = await with_vpp(scheduler, made, value)

            assert done.ok, done.errors
            found = bench.link(where, name)
            shown = (found["mtu"], found["address"], "UP" in found["flags"])
            assert shown == (1400, "02:00:00:00:00:0a", True)
            assert bench.texts(where, name) == {"10.1.0.1/24"}
            assert (await with_vpp(scheduler, made, value)).operations == ()

            assert (await with_vpp(scheduler, made)).ok
            index = bench.link("", made)["ifindex"]
            assert as_shown(bench, "", made) == before | {"ifindex": index}
            assert (await apply(scheduler)).ok
        assert bench.link("", made) is None

    bench.run(scenario())


def test_vpps_tap_is_found_again_and_goes_before_vpp_removes_it(bench: Bench) -> None:
    made, value = bench.host("v"), tap("left", "t0")

    async def scenario() -> None:
        vpp = Vpp(bench)
        async with Scheduler([*linux.descriptors(kernel=bench.kernel), vpp]) as scheduler:
            assert (await with_vpp(scheduler, made, value)).ok
            bench.ip("left", "link", "set", "t0", "mtu", "1300")
            done = await with_vpp(scheduler, made, value)
            assert [one.operation.kind for one in done.operations] == ["update"]
            assert bench.link("left", "t0")["mtu"] == 1500

            transaction = scheduler.transaction()
            transaction.delete(VPP_TAP)
            assert (await transaction.commit()).ok
            (unmet,) = scheduler.status(key_of(value)).unmet
            assert str(unmet).startswith("vpp-tap-interface-exists: ")
            assert bench.names("left") == set()
            assert bench.link("", made) is None

    bench.run(scenario())


def test_another_type_of_the_same_name_gives_back_what_was_lent(bench: Bench, theirs: str) -> None:
    first = existing(theirs, mtu=1300)
    ends = (veth("ours", "peer", "left"), veth("peer", "ours", "left"))

    async def scenario() -> None:
        before = as_shown(bench, "", theirs)
        for values in ((first,), ends, (first,), ()):
            async with engine(bench) as scheduler:
                done = await apply(scheduler, *values)
                assert done.ok, done.errors
            bench.restart()
        assert as_shown(bench, "", theirs) == before
        assert bench.listing() == set()

    bench.run(scenario())
