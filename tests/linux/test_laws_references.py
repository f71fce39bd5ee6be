# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors for neighbours, and for all that refers to allocated addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from hypothesis import strategies as st

from kvs_descriptors.linux import keys
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from ligato.netalloc.netalloc_pb2 import IPAllocation
from tests.linux.test_laws import Cabled, by_key, keyed, laws


def allocation(network: str, interface: str, address: str, gw: str = "") -> IPAllocation:
    return IPAllocation(network_name=network, interface_name=interface, address=address, gw=gw)


ALLOCATIONS = by_key(
    allocation("lan", "va", "10.0.0.1/24", "10.0.0.2"),
    allocation("lan", "vb", "10.0.0.2/24"),
    allocation("far", "x", "10.9.0.1/16", "10.9.0.9"),
    allocation("new", "va", "fd07::1/64", "fd07::2"),
)


class Referring(Cabled):
    """Neighbours, routes and addresses are the values; each may go by a name."""

    ground: Mapping[str, Any] = {**ALLOCATIONS, **Cabled.ground}

    def open(self) -> None:
        super().open()
        self.bench.ip("theirs", "link", "set", "va", "up")
        self.others_set("theirs", "10.0.0.3")

    def others_set(self, place: str, neighbour: str) -> None:
        more = ["lladdr", "02:00:00:00:00:99", "dev", "va", "nud", "permanent"]
        self.bench.ip(place, "neigh", "replace", neighbour, *more)

    def snapshot(self) -> dict[Any, Any]:
        seen = super().snapshot()
        for place in self.bench.listing() & {"left", "theirs"}:
            for one in self.bench.ip(place, "neigh", "show", "nud", "permanent"):
                found = (one["dev"], one["lladdr"], one.get("protocol"))
                seen[place, "neighbour", one["dst"]] = found
        return seen

    def stranger(self, key: str, value: Message) -> bool:
        if isinstance(value, ARPEntry):
            self.others_set("left", value.ip_address.replace("alloc:lan/vb", "10.0.0.2"))
        elif isinstance(value, Route):
            destination = value.dst_network.replace("alloc:far/x", "10.9.0.0/16")
            metric = ["metric", str(value.metric)] if value.metric else []
            self.bench.ip("left", "route", "add", "blackhole", destination, *metric)
        else:
            text = (keys.parse_address(key) or ("", ""))[1].replace("alloc:new", "fd07::1/64")
            self.bench.ip("left", "address", "add", text, "dev", "va")
        return True


MACS = st.sampled_from(["02:00:00:00:00:09", "02:00:00:00:00:0A", "02:00:00:00:00:0a"])
NEIGHBOURS = st.builds(
    ARPEntry,
    interface=st.just("va"),
    ip_address=st.sampled_from(["10.0.0.8", "10.0.0.9", "fd00::9", "alloc:lan/vb"]),
    hw_address=MACS,
)
ROUTES = st.builds(
    Route,
    outgoing_interface=st.just("va"),
    dst_network=st.sampled_from(["alloc:far/x", "10.8.0.0/24"]),
    gw_addr=st.sampled_from(["", "alloc:lan/va/GW", "alloc:lan/GW", "10.0.0.3"]),
    metric=st.sampled_from([0, 7]),
)
ADDRESSES = st.sampled_from(["alloc:new", "10.0.0.5/24"]).map(
    lambda text: (keys.address("va", text), Empty())
)

TestWhatRefers = laws(Referring, st.one_of(keyed(NEIGHBOURS), keyed(ROUTES), ADDRESSES))
