# SPDX-License-Identifier: Apache-2.0
"""What no kernel can make, and what this one cannot: said in words, and the rest goes on."""

from __future__ import annotations

from typing import Any

import pytest

from kvs_descriptors.linux import InterfaceDescriptor, Kernel, keys
from kvscheduler import InvalidValue, RetryPolicy, ValueState
from ligato.linux.interfaces.interface_pb2 import (
    BondLink,
    Interface,
    IpvlanLink,
    MacvlanLink,
    TapLink,
    TunTapLink,
    VlanLink,
    VrfDevLink,
    VxlanLink,
)
from ligato.linux.namespace.namespace_pb2 import NetNamespace
from tests.linux.bench import Bench, bridge, key_of
from tests.linux.kinds import apply, engine, has_kind, of_kind

VALUES = {
    "dummy": of_kind("DUMMY", "x", "left"),
    "vlan": of_kind("VLAN", "x", "left", vlan=VlanLink(parent_if_name="pa", vlan_id=5)),
    "ipvlan": of_kind("IPVLAN", "x", "left", ipvlan=IpvlanLink(parent_if_name="pa")),
    "macvlan": of_kind("MACVLAN", "x", "left", macvlan=MacvlanLink(parent_if_name="pa")),
    "vxlan": of_kind("VXLAN", "x", "left", vxlan=VxlanLink(vni=5)),
    "bond": of_kind("BOND", "x", "left", bond=BondLink()),
    "vrf": of_kind("VRF_DEVICE", "x", "left", vrf_dev=VrfDevLink(routing_table=5)),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_kind_that_this_kernel_lacks_fails_in_words_and_the_rest_goes_on(
    bench: Bench, kind: str
) -> None:
    if has_kind(kind):
        pytest.skip(f"this kernel has {kind}")
    key = keys.interface("x")

    async def scenario() -> None:
        async with engine(bench, retry=RetryPolicy(first_delay=0.001)) as scheduler:
            done = await apply(scheduler, VALUES[kind], bridge("pa", "left"))

            text = str(done.errors[key])
            assert f"interface x: this kernel has no {kind} (EOPNOTSUPP)" in text
            assert scheduler.status(key).state is ValueState.FAILED
            assert bench.names("left") == {"pa"}
            assert "UP" in bench.link("left", "pa")["flags"]
            assert (await apply(scheduler)).ok
        assert bench.listing() == set()

    bench.run(scenario())


def wrong(kind: str, **more: Any) -> Interface:
    return of_kind(kind, "x", more.pop("where", ""), *more.pop("addresses", ()), **more)


NO_NUMBER = 0xFFFFFFFF
REFUSED: dict[str, tuple[Interface, tuple[str, ...]]] = {
    "no parent": (wrong("MACVLAN"), ("macvlan", "parent_if_name")),
    "own parent": (
        wrong("IPVLAN", ipvlan=IpvlanLink(parent_if_name="x")),
        ("ipvlan", "parent_if_name"),
    ),
    "no tag": (wrong("VLAN", vlan=VlanLink(parent_if_name="p")), ("vlan", "vlan_id")),
    "tag": (wrong("VLAN", vlan=VlanLink(parent_if_name="p", vlan_id=4095)), ("vlan", "vlan_id")),
    "vni": (wrong("VXLAN", vxlan=VxlanLink(vni=1 << 24)), ("vxlan", "vni")),
    "port": (wrong("VXLAN", vxlan=VxlanLink(dst_port=1 << 16)), ("vxlan", "dst_port")),
    "ttl": (wrong("VXLAN", vxlan=VxlanLink(ttl=256)), ("vxlan", "ttl")),
    "end": (wrong("VXLAN", vxlan=VxlanLink(dst_addr="10.0.0.1/8")), ("vxlan", "dst_addr")),
    "ends": (
        wrong("VXLAN", vxlan=VxlanLink(src_addr="10.0.0.1", dst_addr="fd00::1")),
        ("vxlan", "dst_addr"),
    ),
    "source": (wrong("VXLAN", vxlan=VxlanLink(src_addr="239.0.0.1")), ("vxlan", "src_addr")),
    "group": (wrong("VXLAN", vxlan=VxlanLink(dst_addr="239.0.0.1")), ("vxlan", "parent_if_name")),
    "mac of ipvlan": (
        wrong("IPVLAN", ipvlan=IpvlanLink(parent_if_name="p"), phys_address="02:00:00:00:00:01"),
        ("phys_address",),
    ),
    "member twice": (
        wrong("BOND", bond=BondLink(members=[BondLink.Member(name="a")] * 2)),
        ("bond", "members[1]", "name"),
    ),
    "interval": (wrong("BOND", bond=BondLink(miimon_ms=1 << 30)), ("bond", "miimon_ms")),
    "mac of tun": (
        wrong("TAP", tuntap=TunTapLink(mode="TUN"), phys_address="02:00:00:00:00:01"),
        ("phys_address",),
    ),
    "user": (wrong("TAP", tuntap=TunTapLink(user=NO_NUMBER)), ("tuntap", "user")),
    "no table": (wrong("VRF_DEVICE"), ("vrf_dev", "routing_table")),
    "mac of vrf": (
        wrong(
            "VRF_DEVICE",
            vrf_dev=VrfDevLink(routing_table=1),
            phys_address="02:00:00:00:00:01",
        ),
        ("phys_address",),
    ),
    "vrf in vrf": (
        wrong("VRF_DEVICE", vrf_dev=VrfDevLink(routing_table=1), vrf_master_interface="v"),
        ("vrf_master_interface",),
    ),
    "mac of lo": (wrong("LOOPBACK", phys_address="02:00:00:00:00:01"), ("phys_address",)),
    "no vpp": (wrong("TAP_TO_VPP", tap=TapLink()), ("tap", "vpp_tap_if_name")),
    "existing elsewhere": (
        wrong("EXISTING"),
        ("namespace",),
    ),
    "expected allocation": (
        wrong("EXISTING", addresses=["alloc:net"], link_only=True),
        ("type", "link_only", "ip_addresses[0]"),
    ),
    "part of another": (wrong("DUMMY", tap=TapLink(vpp_tap_if_name="t")), ("tap",)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_the_field_that_says_so(what: str) -> None:
    value, fields = REFUSED[what]
    if what == "existing elsewhere":
        value.namespace.CopyFrom(NetNamespace(type=NetNamespace.PID, reference="1"))

    with pytest.raises(InvalidValue) as caught:
        InterfaceDescriptor(Kernel()).validate(key_of(value), value)

    assert caught.value.fields == fields
