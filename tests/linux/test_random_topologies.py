# SPDX-License-Identifier: Apache-2.0
"""Any topology, then any other on top, then drift: the kernel is as wanted, says iproute2."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_descriptors import linux
from kvs_descriptors.linux import with_namespaces
from kvscheduler import Scheduler
from ligato.linux.interfaces.interface_pb2 import Interface
from tests.linux.bench import Bench, bridge, key_of, veth

PLACES = ["n0", "n1", "n2"]


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a cable, as drawn."""

    place: str
    name: str
    mtu: int
    enabled: bool
    addresses: tuple[str, ...]


ENDS = st.builds(
    End,
    place=st.sampled_from(PLACES),
    name=st.sampled_from(["eth0", "eth1", "eth2", "eth3"]),
    mtu=st.sampled_from([0, 1400, 9000]),
    enabled=st.booleans(),
    addresses=st.lists(
        st.sampled_from(["10.0.0.1/24", "10.0.0.2/24", "10.1.0.1/16", "fd00::1/64", "fd00::2/64"]),
        max_size=3,
        unique=True,
    ).map(tuple),
)


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Interface]:
    """Draw cables between namespaces, and a switch that some of them are plugged into."""
    values: dict[str, Interface] = {}
    taken: set[tuple[str, str]] = set()
    for number in range(draw(st.integers(0, 3))):
        one, other = draw(ENDS), draw(ENDS)
        places = {(one.place, one.name), (other.place, other.name)}
        if len(places) == 2 and not places & taken:
            taken |= places
            for own, peer, end in (("a", "b", one), ("b", "a", other)):
                value = as_value(f"{own}{number}", f"{peer}{number}", end)
                values[key_of(value)] = value
    if draw(st.booleans()):
        place = draw(st.sampled_from(PLACES))
        ports = [one.name for one in values.values() if one.namespace.reference == place]
        switch = bridge("sw", place, *ports, stp=draw(st.booleans()))
        values[key_of(switch)] = switch
    return values


def as_value(name: str, peer: str, end: End) -> Interface:
    more: dict[str, Any] = {"mtu": end.mtu, "enabled": end.enabled, "host_if_name": end.name}
    return veth(name, peer, end.place, *end.addresses, **more)


def wanted_of(values: Mapping[str, Interface]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return what iproute2 is to show of each link, by place and name."""
    names = {one.name: one.host_if_name or one.name for one in values.values()}
    masters = {port.name: one.name for one in values.values() for port in one.bridge.ports}
    return {
        (one.namespace.reference, names[one.name]): (
            one.enabled,
            names.get(one.veth.peer_if_name),
            one.mtu or (1500 if one.type == Interface.VETH else None),
            frozenset(one.ip_addresses),
            masters.get(one.name),
        )
        for one in values.values()
    }


def shown_by_ip(bench: Bench) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return what iproute2 shows of each link."""
    links = {
        (place, one["ifname"]): one
        for place in bench.listing()
        for one in bench.ip(place, "address", "show")
        if one["ifname"] != "lo"
    }
    return {
        (place, name): (
            "UP" in one["flags"],
            peer_of(place, one, links),
            one["mtu"] if one["linkinfo"]["info_kind"] == "veth" else None,
            frozenset(
                f"{address['local']}/{address['prefixlen']}"
                for address in one["addr_info"]
                if address["scope"] != "link"
            ),
            one.get("master"),
        )
        for (place, name), one in links.items()
    }


def peer_of(
    place: str, one: Mapping[str, Any], links: Mapping[tuple[str, str], Mapping[str, Any]]
) -> str | None:
    """Return the name of a cable's other end, told by the mark, the index and the place."""
    if one["linkinfo"]["info_kind"] != "veth":
        return None
    if "link" in one:
        return str(one["link"])
    owner, _, name = one["ifalias"].partition(":")
    other = f"{owner}:{'ba'['ab'.index(name[0])]}{name[1:]}"
    return next(
        elsewhere
        for (there, elsewhere), found in links.items()
        if there != place
        and found.get("ifalias") == other
        and found["ifindex"] == one["link_index"]
        and found["link_index"] == one["ifindex"]
    )


async def apply(scheduler: Scheduler, values: Mapping[str, Message]) -> None:
    transaction = scheduler.transaction(resync="full")
    for key, value in with_namespaces(values).items():
        transaction.set(key, value)
    result = await transaction.commit()
    assert result.ok, result.errors


DRIFTS = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(
            [
                ("link", "delete", "dev"),
                ("address", "flush", "dev"),
                ("link", "set", "down", "dev"),
                ("link", "set", "mtu", "1300", "dev"),
                ("link", "set", "nomaster", "dev"),
            ]
        ),
    ),
    max_size=3,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(topologies(), topologies(), DRIFTS)
def test_the_kernel_ends_as_wanted_whatever_was_there_before(
    bench: Bench,
    first: dict[str, Interface],
    second: dict[str, Interface],
    drifts: list[tuple[int, tuple[str, ...]]],
) -> None:
    bench.restart()

    async def scenario() -> None:
        async with Scheduler(linux.descriptors(kernel=bench.kernel)) as scheduler:
            await apply(scheduler, first)
            assert shown_by_ip(bench) == wanted_of(first)

            await apply(scheduler, second)
            assert shown_by_ip(bench) == wanted_of(second)

            for number, command in drifts:
                spoil(bench, number, command)
            await apply(scheduler, second)
            assert shown_by_ip(bench) == wanted_of(second)

            await apply(scheduler, {})
            assert bench.listing() == set()

    bench.run(scenario())


def spoil(bench: Bench, number: int, command: tuple[str, ...]) -> None:
    """Change something behind the engine's back."""
    links = sorted(shown_by_ip(bench))
    if links:
        place, name = links[number % len(links)]
        bench.ip(place, *command, name)
