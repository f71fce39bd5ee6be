# SPDX-License-Identifier: Apache-2.0
"""What others made, read as values: on answers as kernels give them, also for kinds not here."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from kvs_descriptors.linux import keys, names
from kvs_descriptors.linux.interfaces.lending import Lending
from kvs_descriptors.linux.kernel import Kernel
from kvs_descriptors.linux.kinds import kinds
from kvs_descriptors.linux.netlink import codec
from kvs_descriptors.linux.strangers import Left
from ligato.linux.interfaces.interface_pb2 import BondLink, Interface, VlanLink, VrfDevLink
from tests.linux.answers import NIC, answer, of, understood

IFA_LABEL, IFA_RT_PRIORITY = 3, 9
PERMANENT, NOPREFIXROUTE = 0x80, 0x200


@pytest.mark.parametrize(
    "value",
    [
        Interface(name="v5", type=Interface.VLAN, vlan=VlanLink(parent_if_name="eth0", vlan_id=5)),
        Interface(
            name="q5",
            type=Interface.VLAN,
            vlan=VlanLink(parent_if_name="eth0", vlan_id=9, protocol=VlanLink.DOT1AD),
        ),
        Interface(name="d0", type=Interface.DUMMY, enabled=True, mtu=1400),
        Interface(
            name="red", type=Interface.VRF_DEVICE, mtu=65536, vrf_dev=VrfDevLink(routing_table=7)
        ),
        Interface(
            name="bond0",
            type=Interface.BOND,
            bond=BondLink(mode=BondLink.LACP, miimon_ms=50),
        ),
    ],
    ids=lambda value: Interface.Type.Name(value.type),
)
def test_kinds_are_read_as_they_were_made(value: Interface) -> None:
    upon: dict[str, Any] = {"LINK": 2} if value.type == Interface.VLAN else {}

    found = understood(of([answer(NIC, 2), answer(value, 3, **upon)]))

    read = found.values[keys.interface(value.name)]
    kind = kinds()[value.type]
    assert isinstance(read, Interface)
    assert (read.mtu or kind.default_mtu) == (value.mtu or kind.default_mtu)
    for one in (read, value):
        one.ClearField("mtu")
        kind.normalize(one)
    assert read == value
    assert found.left == ()


def test_a_link_in_a_vrf_says_so() -> None:
    vrf = Interface(name="red", type=Interface.VRF_DEVICE, vrf_dev=VrfDevLink(routing_table=7))
    dummy = Interface(name="d0", type=Interface.DUMMY)

    found = understood(of([answer(vrf, 2), answer(dummy, 3, "vrf", MASTER=2)]))

    read = found.values[keys.interface("d0")]
    assert isinstance(read, Interface)
    assert read.vrf_master_interface == "red"
    assert found.inside == {keys.vrf("d0", "red")}


def test_a_link_upon_one_that_is_left_is_left_too() -> None:
    first = Interface(name="v5", type=Interface.VLAN, vlan=VlanLink(vlan_id=5))
    second = Interface(name="v6", type=Interface.VLAN, vlan=VlanLink(vlan_id=6))

    found = understood(
        of([answer(NIC, 2), answer(first, 3, LINK=2), answer(second, 4, LINK=3)]), "lab"
    )

    assert found.values == {}
    assert found.left == (
        Left("eth0 in lab", "hardware can only be borrowed in kvsctl's own namespace"),
        Left("v5 in lab", "its parent, eth0 in lab, is not imported"),
        Left("v6 in lab", "its parent, v5 in lab, is not imported"),
    )


def address(text: str, *attributes: bytes, flags: int = PERMANENT, scope: int = 0) -> bytes:
    """Return what a kernel tells of an address of the link with the number 2."""
    parsed = ipaddress.ip_interface(text)
    packed, length = parsed.ip.packed, parsed.network.prefixlen
    head = codec.IFADDR.pack(codec.family_of(packed), length, 0, scope, 2)
    plain = codec.attribute(codec.IFA_ADDRESS, packed)
    return head + plain + codec.number(codec.IFA_FLAGS, flags) + b"".join(attributes)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (address("10.0.0.1/24"), None),
        (address("10.0.0.1/24", codec.text(IFA_LABEL, "eth0")), None),
        (address("fd00::1/64"), None),
        (address("fe80::1/64", scope=253), None),
        (address("10.0.0.1/24", flags=0), "it expires, so whoever set it will set it again"),
        (address("10.0.0.1/24", codec.text(IFA_LABEL, "eth0:1")), "the label eth0:1"),
        (address("10.0.0.1/24", codec.number(IFA_RT_PRIORITY, 5)), "the metric of its route"),
        (address("10.0.0.1/24", scope=253), "scope 253"),
        (address("fd00::1/64", flags=PERMANENT | NOPREFIXROUTE), "noprefixroute"),
        (
            address("10.0.0.1/32", codec.attribute(codec.IFA_LOCAL, bytes([10, 0, 0, 9]))),
            "peer 10.0.0.1",
        ),
        (
            address("10.0.0.1/24", codec.attribute(codec.IFA_BROADCAST, bytes([10, 0, 0, 0]))),
            "its broadcast address",
        ),
    ],
)
def test_an_address_is_said_as_it_is_or_left(told: bytes, why: str | None) -> None:
    found = understood(of([answer(NIC, 2)], addresses=[told]))

    read = found.values[keys.interface("eth0")]
    assert isinstance(read, Interface)
    assert len(read.ip_addresses) == (why is None)
    assert all(one.why.endswith(why or "?") for one in found.left)
    assert len(found.left) == (why is not None)


@pytest.mark.parametrize(
    "told",
    [
        address("127.0.0.1/8", scope=254),
        address("fe80::ff:fe00:2/64", scope=253),
        address("fe80::7/64", codec.byte(codec.IFA_PROTO, 3), scope=253),
    ],
)
def test_what_the_kernel_sets_by_itself_is_passed_over(told: bytes) -> None:
    index = 1 if told[4] == 2 and b"\x7f\0\0\1" in told else 2
    told = told[:4] + bytes([index]) + told[5:]
    lo = answer(Interface(name="lo", type=Interface.EXISTING, enabled=True, mtu=65536), 1)

    found = understood(of([lo, answer(NIC, 2)], addresses=[told]))

    assert [getattr(one, "ip_addresses", None) for one in found.values.values()] == [[]]
    assert found.left == ()


def test_a_name_that_no_file_can_say_is_changed_and_two_links_get_two_names() -> None:
    one = Interface(name="d~0", type=Interface.DUMMY)
    other = Interface(name="d!0", type=Interface.DUMMY)

    found = understood(of([answer(one, 2), answer(other, 3)]))

    read = {
        getattr(each, "name", ""): getattr(each, "host_if_name", "")
        for each in found.values.values()
    }
    assert read == {"d_0": "d~0", "d_0-2": "d!0"}


def test_what_is_wanted_already_and_differs_is_left_as_it_is() -> None:
    dummy = Interface(name="d0", type=Interface.DUMMY, enabled=True)
    wanted = Interface(name="d0", type=Interface.DUMMY, enabled=False, mtu=1300)

    found = understood(of([answer(dummy, 2)]), "", wanted)

    assert found.values == {}
    (left,) = found.left
    assert left.why.endswith(
        "is wanted already, and is not this: kvsctl diff tells the difference"
    )


def test_without_sysfs_no_mac_address_is_said_and_a_note_says_so() -> None:
    dummy = Interface(name="d0", type=Interface.DUMMY)

    found = understood(of([answer(dummy, 2)], hand_set=None))

    read = found.values[keys.interface("d0")]
    assert isinstance(read, Interface)
    assert read.phys_address == ""
    assert [one.what for one in found.notes] == ["MAC addresses"]


def test_a_mac_address_that_somebody_has_set_is_said() -> None:
    dummy = Interface(name="d0", type=Interface.DUMMY)

    found = understood(of([answer(dummy, 2)], hand_set=frozenset({"d0"})))

    read = found.values[keys.interface("d0")]
    assert isinstance(read, Interface)
    assert read.phys_address == "02:00:00:00:00:02"


def told(*attributes: bytes, kind: str = "", up: bool = True, name: str = "x0") -> bytes:
    """Return what a kernel tells of the link with the number 2, of whatever kind."""
    info = codec.nested(codec.IFLA_LINKINFO, codec.text(codec.IFLA_INFO_KIND, kind))
    plain = (codec.text(codec.IFLA_IFNAME, name), codec.number(codec.IFLA_MTU, 1500))
    return codec.link_body([*plain, *([info] if kind else []), *attributes], index=2, up=up)


LOAN = codec.nested(
    codec.IFLA_PROP_LIST,
    codec.text(codec.IFLA_ALT_IFNAME, Lending(Kernel("t")).mark("somebody")),
)
ALIAS = codec.text(codec.IFLA_IFALIAS, "uplink")
ADDRESS = address("10.0.0.1/24")


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (told(kind="wireguard"), "a file cannot say its kind, wireguard"),
        (told(kind="tun"), "it goes with the program that uses it"),
        (told(kind="veth"), "its other end is in no namespace that was looked into"),
        (told(up=False), "it is down, and whether it is up is for others to say"),
        (
            told(ALIAS, kind="dummy"),
            "it bears an alias, 'uplink': --force puts our mark in its place",
        ),
        (
            told(codec.number(codec.IFLA_GROUP, names.making_group("t")), kind="dummy"),
            "a kvsctl that was killed has left it half-made: the next removes it",
        ),
        (
            told(LOAN),
            "kvsctl has borrowed it and forgotten as what: destroy gives it back",
        ),
        (
            told(kind="dummy", name="a%d"),
            "an interface's name is printable, without space / : %, and not . or ..: 'a%d'",
        ),
    ],
)
def test_a_link_that_cannot_be_taken_is_left(one: bytes, why: str) -> None:
    found = understood(of([one]))

    assert found.values == {}
    assert [left.why for left in found.left] == [why]


@pytest.mark.parametrize("kind", ["", "wireguard", "veth", "tun"])
def test_what_others_make_is_borrowed_where_it_has_an_address_whatever_its_alias(
    kind: str,
) -> None:
    found = understood(of([told(ALIAS, kind=kind)], addresses=[ADDRESS]))

    read = Interface(name="x0", type="EXISTING", enabled=True, ip_addresses=["10.0.0.1/24"])
    assert found.values == {keys.interface("x0"): read}
    assert (dict(found.taken), found.left) == ({}, ())


def test_force_takes_a_link_with_an_alias_and_says_so() -> None:
    found = understood(of([told(ALIAS, kind="dummy")]), force=True)

    assert list(found.taken) == [keys.interface("x0")]
    assert found.notes == (Left("x0", "our mark takes the place of its alias, 'uplink'"),)


def test_what_somebody_has_plugged_into_a_bridge_of_ours_is_left() -> None:
    bridge = Interface(name="br0", type=Interface.BRIDGE)
    mark = codec.text(codec.IFLA_IFALIAS, "t:br0")
    dummy = Interface(name="d0", type=Interface.DUMMY)
    links = [answer(bridge, 3) + mark, answer(dummy, 4, "bridge", MASTER=3)]

    found = understood(of(links), "", bridge)

    assert found.values == {}
    assert found.left == (Left("d0", "it is in br0, which does not name it: add it there first"),)
