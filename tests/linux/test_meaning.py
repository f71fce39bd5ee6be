# SPDX-License-Identifier: Apache-2.0
"""What values mean, without a kernel: keys, names, claims, dependencies, and what is refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.linux import InterfaceDescriptor, Kernel, RouteDescriptor, keys, names
from kvs_descriptors.linux import with_namespaces as with_them
from kvscheduler import Depends, InvalidValue
from ligato.linux.interfaces.interface_pb2 import BridgeLink, Interface, TapLink, VethLink
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NamedNamespace, NetNamespace
from tests.linux.bench import bridge, key_of, veth

INTERFACES = InterfaceDescriptor(Kernel())
LOGICAL = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.:+@-]{0,14}\Z")
ADDRESSES = st.ip_addresses().map(str)


@given(LOGICAL, ADDRESSES, st.integers(0, 32))
def test_an_address_key_tells_what_it_was_made_of(name: str, ip: str, length: int) -> None:
    assert keys.parse_address(keys.address(name, f"{ip}/{length}")) == (name, f"{ip}/{length}")


@given(LOGICAL, LOGICAL)
def test_a_port_key_tells_what_it_was_made_of(one: str, other: str) -> None:
    assert keys.parse_port(keys.port(one, other)) == (one, other)
    assert keys.parse_address(keys.port(one, other)) is None


@given(ADDRESSES, st.integers(0, 32), LOGICAL)
def test_a_route_has_one_key_however_its_destination_is_written(
    ip: str, length: int, out: str
) -> None:
    network = ipaddress.ip_network(f"{ip}/{length}", strict=False)

    assert keys.route(f"{ip}/{length}", out) == keys.route(str(network), out)
    assert keys.route(f"{ip}/{length}", out) == f"config/linux/l3/v2/route/{network}/{out}"


def test_the_keys_are_the_predecessors() -> None:
    assert keys.interface("eth0") == "config/linux/interfaces/v2/interface/eth0"
    assert keys.arp("eth0", "10.0.0.1") == "config/linux/l3/v2/arp/eth0/10.0.0.1"
    assert keys.state("eth0") == "linux/interface/state/eth0/UP"
    assert keys.address("eth0", "10.0.0.1/24") == "linux/interface/eth0/address/static/10.0.0.1/24"
    assert keys.route("alloc:net", "eth0") == "config/linux/l3/v2/route/alloc:net/eth0"


@given(st.text(max_size=30))
def test_a_namespaces_name_never_leaves_its_folder(name: str) -> None:
    try:
        names.check_namespace(name, "name")
    except InvalidValue:
        return

    assert "/" not in name
    assert "\0" not in name
    assert name not in {"", ".", ".."}
    assert not name.startswith((".", "-"))


@given(st.text(max_size=20))
def test_a_links_name_fits_the_kernel(name: str) -> None:
    try:
        names.check_host_name(name, "host_if_name")
    except InvalidValue:
        return

    assert 0 < len(name.encode()) <= 15
    assert not set(name) & set("/:% \t\n\0")
    assert name not in {".", ".."}


@given(st.text(alphabet="0123456789abcdef:/.%x", max_size=24))
def test_texts_of_addresses_are_taken_or_refused_and_nothing_else(text: str) -> None:
    for check in (names.check_address, names.check_network, names.check_ip, names.check_mac):
        refusal = refusal_of(check, text)
        assert refusal is None or refusal.fields == ("field",)


def refusal_of(check: Callable[[str, str], object], text: str) -> InvalidValue | None:
    try:
        check(text, "field")
    except InvalidValue as refused:
        return refused
    return None


def test_temporary_names_fit_and_differ() -> None:
    made = {names.temporary(owner, f"eth{i}") for owner in "ab" for i in range(1000)}

    assert len(made) == 2000
    assert all(len(name) <= 15 for name in made)


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no name": ({"name": ""}, ("name",)),
    "a slash": ({"name": "a/b"}, ("name",)),
    "long name": ({"name": "a" * 16}, ("name",)),
    "long host name": ({"host_if_name": "a" * 16}, ("host_if_name",)),
    "pattern": ({"host_if_name": "eth%d"}, ("host_if_name",)),
    "mtu": ({"mtu": 9217}, ("mtu",)),
    "small mtu": ({"mtu": 67}, ("mtu",)),
    "ipv6 mtu": ({"mtu": 1000, "ip_addresses": ["fd00::1/64"]}, ("mtu",)),
    "mac": ({"phys_address": "02:00:00:00:00"}, ("phys_address",)),
    "group mac": ({"phys_address": "01:00:5e:00:00:01"}, ("phys_address",)),
    "no mask": ({"ip_addresses": ["10.0.0.1/24", "10.0.0.2"]}, ("ip_addresses[1]",)),
    "twice": ({"ip_addresses": ["fd00::1/64", "FD00:0::1/64"]}, ("ip_addresses[1]",)),
    "multicast": ({"ip_addresses": ["224.0.0.1/24"]}, ("ip_addresses[0]",)),
    "no type": ({"type": Interface.UNDEFINED}, ("type",)),
    "another type's part": ({"type": Interface.TAP_TO_VPP}, ("veth",)),
    "another's part": ({"veth": None, "tap": TapLink(vpp_tap_if_name="t")}, ("tap",)),
    "no peer": ({"veth": None}, ("veth", "peer_if_name")),
    "own peer": ({"veth": VethLink(peer_if_name="e")}, ("veth", "peer_if_name")),
    "own vrf": ({"vrf_master_interface": "e"}, ("vrf_master_interface",)),
    "ns of no type": ({"namespace": NetNamespace(reference="x")}, ("namespace", "type")),
    "ns of no process": (
        {"namespace": NetNamespace(type=NetNamespace.PID, reference="0")},
        ("namespace", "reference"),
    ),
    "ns of no file": (
        {"namespace": NetNamespace(type=NetNamespace.FD, reference="proc/1/ns/net")},
        ("namespace", "reference"),
    ),
    "ns of no container": (
        {"namespace": NetNamespace(type=NetNamespace.MICROSERVICE, reference="a/b")},
        ("namespace", "reference"),
    ),
    "ns path": (
        {"namespace": NetNamespace(type=NetNamespace.NSID, reference="../x")},
        ("namespace", "reference"),
    ),
    "port twice": (
        {
            "type": Interface.BRIDGE,
            "veth": None,
            "bridge": BridgeLink(ports=[BridgeLink.Port(name="x")] * 2),
        },
        ("bridge", "ports[1]", "name"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_the_field_that_says_so(what: str) -> None:
    fields, expected = REFUSED[what]
    good: dict[str, Any] = {
        "name": "e",
        "type": Interface.VETH,
        "veth": VethLink(peer_if_name="p"),
    }
    value = Interface(**{**good, **fields})

    with pytest.raises(InvalidValue) as caught:
        INTERFACES.validate(key_of(value), value)

    assert caught.value.fields == expected


BAD_ROUTES: dict[str, tuple[dict[str, Any], str]] = {
    "no interface": ({"outgoing_interface": ""}, "outgoing_interface"),
    "no length": ({"dst_network": "10.0.0.0"}, "dst_network"),
    "multicast": ({"dst_network": "224.0.0.0/4"}, "dst_network"),
    "gateway": ({"gw_addr": "10.0.0.1/24"}, "gw_addr"),
    "mixed": ({"gw_addr": "fd00::1"}, "gw_addr"),
    "link with gateway": ({"gw_addr": "10.0.0.1", "scope": Route.LINK}, "scope"),
}


@pytest.mark.parametrize("what", BAD_ROUTES)
def test_what_cannot_be_a_route_is_refused_with_the_field_that_says_so(what: str) -> None:
    fields, expected = BAD_ROUTES[what]
    value = Route(**{"outgoing_interface": "e", "dst_network": "10.0.0.0/8", **fields})

    with pytest.raises(InvalidValue) as caught:
        RouteDescriptor(Kernel()).validate(key_of(value), value)

    assert caught.value.fields[0] == expected


def test_the_two_ends_of_a_cable_need_each_other_and_their_namespaces() -> None:
    one = veth("a", "b", "left")

    found = list(INTERFACES.dependencies(key_of(one), one))

    assert found == [
        Depends(keys.namespace("left"), "namespace-exists"),
        Depends(keys.interface("b"), "veth-peer-exists"),
    ]


def test_a_name_in_the_kernel_is_claimed_in_its_namespace_only() -> None:
    def claims(value: Interface) -> set[str]:
        return set(INTERFACES.claims(key_of(value), value))

    one, same = veth("a", "p", "n", host_if_name="eth0"), veth("b", "q", "n", host_if_name="eth0")
    elsewhere = veth("c", "r", "m", host_if_name="eth0")

    assert claims(one) & claims(same) == {"ifname:n/eth0"}
    assert not claims(one) & claims(elsewhere)
    assert claims(veth("a", "p")) & claims(veth("b", "p")) == {"veth-peer:p"}


def test_the_same_interface_written_in_another_way_is_equivalent() -> None:
    one = veth("a", "b", "", "10.0.0.1/24", "FD00:0::1/64", phys_address="02:00:00:00:00:AA")
    same = veth(
        "a",
        "b",
        "",
        "fd00::1/64",
        "10.0.0.1/24",
        phys_address="02:00:00:00:00:aa",
        mtu=1500,
        host_if_name="a",
    )

    assert INTERFACES.equivalent(key_of(one), one, same)
    assert INTERFACES.equivalent("", bridge("s", "", "x", "y"), bridge("s", "", "y", "x"))
    assert not INTERFACES.equivalent(key_of(one), one, veth("a", "b"))


@pytest.mark.parametrize(
    "changed",
    [
        veth("a", "c", "n"),
        veth("a", "b", "m"),
        veth("a", "b", "n", host_if_name="z"),
        bridge("a", "n"),
    ],
)
def test_another_peer_place_name_or_type_takes_a_new_link(changed: Interface) -> None:
    one = veth("a", "b", "n")

    assert INTERFACES.requires_recreate(key_of(one), one, changed, None)
    assert not INTERFACES.requires_recreate(key_of(one), one, one, None)


def test_namespaces_are_wanted_once_for_all_interfaces_that_name_them() -> None:
    values = {
        key_of(one): one for one in (veth("a", "b", "n"), veth("b", "a", "n"), veth("c", "d"))
    }

    found = with_them(values)

    assert found.pop(keys.namespace("n")) == NamedNamespace(name="n")
    assert found == values
