# SPDX-License-Identifier: Apache-2.0
"""Our own netlink bytes beside pyroute2's for the same message: an independent witness."""

from __future__ import annotations

import ipaddress
import struct
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from kvs_descriptors.linux.kinds.veth import Veth
from kvs_descriptors.linux.l3.address import address_message
from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import codec
from ligato.linux.interfaces.interface_pb2 import Interface

HEADER = struct.Struct("=IHHII")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

INDEXES = st.integers(1, 2**31 - 1)


def decoded(kind: Any, body: bytes) -> Any:
    """Have pyroute2 read what we wrote."""
    message = kind(HEADER.pack(HEADER.size + len(body), 0, 0, 0, 0) + body)
    message.decode()
    return message


def encoded(kind: Any, fields: dict[str, int], attributes: list[tuple[str, Any]]) -> bytes:
    """Return the body that pyroute2 writes."""
    message = kind()
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data[HEADER.size :])


@given(INDEXES, st.ip_addresses(), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_a_route_is_what_pyroute2_would_send(
    index: int, destination: Address, length: int, priority: int
) -> None:
    network = ipaddress.ip_network(f"{destination}/{length}", strict=False)
    route = codec.IPRoute(
        destination=network.network_address.packed,
        length=length,
        index=index,
        priority=priority,
        protocol=107,
    )

    body = codec.route_body(route)

    family = 2 if network.version == 4 else 10
    fields = {"family": family, "dst_len": length, "table": 254, "proto": 107, "type": 1}
    attributes = [("RTA_DST", str(network.network_address)), ("RTA_OIF", index)]
    attributes += [("RTA_PRIORITY", priority)] if priority else []
    assert body == encoded(rtmsg, fields, attributes)
    with_table = body + codec.number(codec.RTA_TABLE, 254)
    assert codec.decode_route(with_table) == route


@given(INDEXES, st.ip_addresses(v=4), st.integers(0, 30))
def test_an_address_is_what_pyroute2_would_send(index: int, ip: Address, length: int) -> None:
    address = ipaddress.ip_interface(f"{ip}/{length}")

    body = address_message(index, address)

    attributes = [
        ("IFA_LOCAL", str(ip)),
        ("IFA_ADDRESS", str(ip)),
        ("IFA_PROTO", 107),
        ("IFA_BROADCAST", str(address.network.broadcast_address)),
    ]
    assert body == encoded(
        ifaddrmsg, {"family": 2, "prefixlen": length, "index": index}, attributes
    )
    assert codec.decode_address(body) == (index, ip.packed, length, 107)


@given(INDEXES, st.integers(68, 9216), st.booleans())
def test_the_settings_of_a_link_are_read_by_pyroute2_as_they_were_meant(
    index: int,
    mtu: int,
    up: bool,
) -> None:
    value = Interface(name="e", mtu=mtu, phys_address="02:00:00:00:00:01", ipv4_forwarding=True)

    message = decoded(ifinfmsg, codec.link_body(link.settings(value), index=index, up=up))

    assert (message["index"], message["flags"], message["change"]) == (index, int(up), 1)
    assert message.get_attr("IFLA_MTU") == mtu
    assert message.get_attr("IFLA_ADDRESS") == "02:00:00:00:00:01"


def test_a_cable_is_read_by_pyroute2_as_it_was_meant() -> None:
    there: Any = SimpleNamespace(netns_fd=9)

    message = decoded(ifinfmsg, Veth()._body(77, "left", "right", there))

    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    peer = data.get_attr("VETH_INFO_PEER")
    assert message.get_attr("IFLA_IFNAME") == "left"
    assert message.get_attr("IFLA_GROUP") == peer.get_attr("IFLA_GROUP") == 77
    assert message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") == "veth"
    assert peer.get_attr("IFLA_IFNAME") == "right"
    assert peer.get_attr("IFLA_NET_NS_FD") == 9


@given(st.binary(max_size=200))
def test_whatever_bytes_come_attributes_are_read_without_an_error(data: bytes) -> None:
    found = codec.decode_attributes(data)

    assert sum(len(one) for one in found.values()) <= len(data)


@given(
    st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40)), unique_by=lambda x: x[0])
)
def test_attributes_that_are_written_are_read(pairs: list[tuple[int, bytes]]) -> None:
    written = b"".join(codec.attribute(kind, payload) for kind, payload in pairs)

    assert codec.decode_attributes(written) == dict(pairs)
