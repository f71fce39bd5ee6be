# SPDX-License-Identifier: Apache-2.0
"""The laws of descriptors, on the kinds of interfaces and on what puts one into another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from ligato.linux.interfaces.interface_pb2 import MacvlanLink, TunTapLink, VethLink, VxlanLink
from tests.linux.bench import bridge, namespace, veth
from tests.linux.kinds import of_kind
from tests.linux.test_laws import EXAMPLES, Linked, Wires, by_key, keyed, laws


class Upon(Linked):
    """Links upon a bridge are the values, and others that are made alone."""

    ground: Mapping[str, Any] = by_key(
        namespace("left"), namespace("right"), bridge("pa", "left"), bridge("pb", "right")
    )


WHERE = st.sampled_from(["left", "right"])
MTUS = st.sampled_from([0, 1400])
MACVLANS = st.builds(
    of_kind,
    st.just("MACVLAN"),
    st.just("mv"),
    WHERE,
    mtu=MTUS,
    enabled=st.booleans(),
    macvlan=st.builds(
        MacvlanLink,
        parent_if_name=st.sampled_from(["pa", "pb"]),
        mode=st.sampled_from(["BRIDGE", "VEPA", "PASSTHRU"]),
    ),
)
VXLANS = st.builds(
    of_kind,
    st.just("VXLAN"),
    st.just("vx"),
    st.just("left"),
    mtu=MTUS,
    vxlan=st.builds(
        VxlanLink,
        vni=st.sampled_from([5, 6]),
        dst_addr=st.sampled_from(["", "10.0.0.2"]),
        parent_if_name=st.sampled_from(["", "pa"]),
        ttl=st.sampled_from([0, 7]),
    ),
)
TAPS = st.builds(
    of_kind,
    st.just("TAP"),
    st.just("tp"),
    WHERE,
    mtu=MTUS,
    enabled=st.booleans(),
    tuntap=st.builds(
        TunTapLink, mode=st.sampled_from(["TAP", "TUN"]), user=st.sampled_from([None, 7])
    ),
)
CHOICES = st.sampled_from(VethLink.ChecksumOffloading.keys())
SUMMING = st.builds(
    of_kind,
    st.just("VETH"),
    st.just("va"),
    st.just("left"),
    enabled=st.booleans(),
    veth=st.builds(
        VethLink,
        peer_if_name=st.just("vb"),
        rx_checksum_offloading=CHOICES,
        tx_checksum_offloading=CHOICES,
    ),
) | st.just(veth("vb", "va", "right"))


AT_FIRST = {"mtu": 65536, "up": True, "mac": "00:00:00:00:00:00"}


class Borrowed(Wires):
    """The loopbacks of two namespaces are the values; others have put their names on them."""

    def open(self) -> None:
        super().open()
        self.bench.ip("theirs", "link", "property", "add", "dev", "lo", "altname", "their-lo")

    def snapshot(self) -> dict[Any, Any]:
        return super().snapshot() | {
            (place, "lo", *about): told
            for place in {"left", "theirs"} & self.bench.listing()
            for about, told in self.loopback(place).items()
        }

    def loopback(self, place: str) -> dict[tuple[str, ...], Any]:
        """Return what is not as it is at first, each thing under a name of its own."""
        (found,) = self.bench.ip(place, "address", "show", "dev", "lo")
        told: dict[tuple[str, ...], Any] = {
            ("name", name): True for name in found.get("altnames", [])
        }
        now = {
            "mtu": found["mtu"],
            "up": "UP" in found["flags"],
            "mac": found["address"],
        }
        told |= {("set", what): one for what, one in now.items() if one != AT_FIRST[what]}
        for one in found["addr_info"]:
            # The kernel's own come and go with the state.
            if one["local"] not in {"127.0.0.1", "::1"}:
                told["address", one["local"]] = one.get("protocol")
        return told


LOOPBACKS = st.builds(
    of_kind,
    st.just("LOOPBACK"),
    st.just("lp"),
    st.just("left"),
    enabled=st.booleans(),
    mtu=st.sampled_from([0, 1400, 9000]),
    ipv4_forwarding=st.booleans(),
)


TestMadeKinds = laws(Upon, keyed(st.one_of(MACVLANS, VXLANS, TAPS)))
TestChecksums = laws(Linked, keyed(SUMMING))
# Each alternative name that is taken away makes the kernel wait for its readers, 20 ms or more.
TestLoopbacks = laws(Borrowed, keyed(LOOPBACKS), examples=EXAMPLES // 4)
