# SPDX-License-Identifier: Apache-2.0
"""What is sent to have a link made, beside what iproute2 sends; the kernel may lack the kind."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from kvs_descriptors.linux.interfaces.inventory import Inventory
from kvs_descriptors.linux.interfaces.lending import Lending
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.kinds import kinds
from kvs_descriptors.linux.kinds.stacked import Stacked
from kvs_descriptors.linux.links.lookup import Seen
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.netlink.message import HEADER, split
from ligato.linux.interfaces.interface_pb2 import (
    BondLink,
    Interface,
    IpvlanLink,
    MacvlanLink,
    VlanLink,
    VrfDevLink,
    VxlanLink,
)
from tests.linux.kinds import of_kind

RTM_NEWLINK = 16
KINDS = kinds()
DUMPED = re.compile(r"^ \| [0-9a-f]{5}  ((?:[0-9a-f]{2} {1,2})+)", re.MULTILINE)


def vx(**more: Any) -> Interface:
    return of_kind("VXLAN", "x", vxlan=VxlanLink(vni=5, no_learning=True, ttl=9, **more))


def vlan(**more: Any) -> Interface:
    return of_kind("VLAN", "x", vlan=VlanLink(parent_if_name="pa", vlan_id=4094, **more))


SENT = {
    "link pa name x type vlan protocol 802.1q id 4094": vlan(),
    "link pa name x type vlan protocol 802.1ad id 4094": vlan(protocol="DOT1AD"),
    "link pa name x type macvlan mode passthru": of_kind(
        "MACVLAN", "x", macvlan=MacvlanLink(parent_if_name="pa", mode="PASSTHRU")
    ),
    "link pa name x type ipvlan mode l3s": of_kind(
        "IPVLAN", "x", ipvlan=IpvlanLink(parent_if_name="pa", mode="L3S")
    ),
    "name x type bond mode 802.3ad miimon 50": of_kind(
        "BOND", "x", bond=BondLink(mode="LACP", miimon_ms=50)
    ),
    "name x type bond mode balance-alb miimon 100": of_kind(
        "BOND", "x", bond=BondLink(mode="BALANCE_ALB")
    ),
    "name x type vrf table 70000": of_kind(
        "VRF_DEVICE", "x", vrf_dev=VrfDevLink(routing_table=70000)
    ),
    "name x type dummy": of_kind("DUMMY", "x"),
    "name x type vxlan id 5 remote 10.0.0.2 local 10.0.0.1 dstport 4789 ttl 9 nolearning": vx(
        dst_addr="10.0.0.2", src_addr="10.0.0.1"
    ),
    "name x type vxlan id 5 group ff05::7 dev pa dstport 99 ttl 9 nolearning": vx(
        dst_addr="ff05::7", parent_if_name="pa", dst_port=99
    ),
}


def by_iproute2(arguments: str) -> bytes:
    """Return the body of the message for a new link, and have it go nowhere."""
    shell = "ip link add name pa type bridge; exec strace -qq -e trace=sendmsg -e write=all "
    command = ["unshare", "-n", "sh", "-c", f"{shell} ip link add {arguments}"]
    told = subprocess.run(command, check=False, capture_output=True, text=True).stderr
    sent = bytes.fromhex("".join(DUMPED.findall(told)).replace(" ", ""))
    (body,) = [body for _, kind, _, body in split(sent) if kind == RTM_NEWLINK]
    return body


def meaning(attributes: bytes) -> dict[str, Any]:
    """Return what a request says of the link, whatever the order."""
    found = codec.decode_attributes(attributes)
    info = codec.decode_attributes(found[codec.IFLA_LINKINFO])
    return {
        "upon": found.get(codec.IFLA_LINK),
        "kind": info[codec.IFLA_INFO_KIND].rstrip(b"\0"),
        "options": codec.decode_attributes(info.get(codec.IFLA_INFO_DATA, b"")),
    }


def ours(value: Interface, parent: int) -> bytes:
    kind = KINDS[value.type]
    if isinstance(kind, Stacked) and kind.parent(value):
        return b"".join(kind.upon(parent, value))
    return kind.info(value)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace tells what iproute2 sends")
@pytest.mark.parametrize("arguments", SENT)
def test_a_request_says_what_iproute2s_says(privileged: None, arguments: str) -> None:
    theirs = by_iproute2(arguments)[codec.IFINFO.size :]

    # In a new namespace the first link is lo, the second the parent.
    assert meaning(ours(SENT[arguments], parent=2)) == meaning(theirs)


@pytest.mark.parametrize("arguments", SENT)
def test_pyroute2_reads_a_request_as_it_is_meant(arguments: str) -> None:
    value = SENT[arguments]
    body = codec.link_body([ours(value, parent=2)])
    message = ifinfmsg(HEADER.pack(HEADER.size + len(body), RTM_NEWLINK, 0, 0, 0) + body)

    message.decode()

    info = message.get_attr("IFLA_LINKINFO")
    assert info.get_attr("IFLA_INFO_KIND") == KINDS[value.type].kernel_name
    words = {name.removeprefix("IFLA_").lower(): one for name, one in attributes_of(info)}
    expected = {
        "vlan_id": value.vlan.vlan_id,
        "ipvlan_mode": value.ipvlan.mode,
        "bond_mode": value.bond.mode,
        "bond_miimon": value.bond.miimon_ms or 100,
        "vrf_table": value.vrf_dev.routing_table,
        "vxlan_id": value.vxlan.vni,
        "vxlan_port": value.vxlan.dst_port or 4789,
        "vxlan_ttl": value.vxlan.ttl,
    }
    assert {name: words[name] for name in words.keys() & expected.keys()} == {
        name: expected[name] for name in words.keys() & expected.keys()
    }


def attributes_of(info: Any) -> list[tuple[str, Any]]:
    data = info.get_attr("IFLA_INFO_DATA")
    return list(data["attrs"]) if data else []


@pytest.mark.parametrize("arguments", SENT)
def test_what_was_asked_for_is_told_as_it_was_wanted(arguments: str) -> None:
    """The kernel gives options back as they were sent, so this goes for kinds it lacks too."""
    value = SENT[arguments]
    attributes = [
        codec.text(codec.IFLA_IFNAME, "x"),
        codec.text(codec.IFLA_IFALIAS, "own:x"),
        codec.number(codec.IFLA_MTU, 1500),
        ours(value, parent=2),
    ]
    found = codec.LinkRecord(codec.link_body(attributes, index=7, up=True))

    told = inventory(found).expected("key", value)

    assert told is not None
    kind = KINDS[value.type]
    wanted, seen = Interface(), Interface()
    wanted.CopyFrom(value)
    seen.CopyFrom(told.value)
    if value.type == Interface.VRF_DEVICE:
        seen.mtu = 0
    kind.normalize(wanted)
    kind.normalize(seen)
    assert seen == wanted


def inventory(*links: codec.LinkRecord) -> Inventory:
    lending = Lending(Kernel("own"))
    return Inventory({"": links}, KINDS, "own:", lending, Seen())


def test_what_a_bond_does_to_its_members_is_no_drift() -> None:
    value = of_kind("MACVLAN", "x", enabled=False, mtu=1400, phys_address="02:00:00:00:00:01")
    value.macvlan.parent_if_name = "pa"
    info = codec.nested(
        codec.IFLA_LINKINFO,
        codec.text(codec.IFLA_INFO_KIND, "macvlan"),
        codec.nested(codec.IFLA_INFO_DATA, codec.number(1, 4)),
        codec.text(codec.IFLA_INFO_SLAVE_KIND, "bond"),
    )
    attributes = [
        codec.text(codec.IFLA_IFNAME, "x"),
        codec.text(codec.IFLA_IFALIAS, "own:x"),
        codec.number(codec.IFLA_MTU, 1500),
        codec.attribute(codec.IFLA_ADDRESS, bytes.fromhex("020000000002")),
        info,
    ]

    told = inventory(codec.LinkRecord(codec.link_body(attributes, index=7, up=True)))

    found = told.expected("key", value)
    assert found is not None
    assert found.value == value
