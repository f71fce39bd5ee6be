# SPDX-License-Identifier: Apache-2.0
"""What a connection's context says about either side: as the mesh's sdk reads it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_descriptors.nsm import addressing
from kvs_descriptors.nsm.addressing import Addressing, Way
from kvs_descriptors.nsm.errors import BadContext
from kvs_proto.networkservice.connectioncontext_pb2 import ConnectionContext, IPContext, Route
from tests.nsm.oracle import Oracle


@st.composite
def addresses(draw: st.DrawFn) -> str:
    """Return an address out of a few networks, so that some are in one another."""
    if draw(st.booleans()):
        return f"10.{draw(st.integers(0, 2))}.0.{draw(st.integers(1, 6))}/{draw(_FOURS)}"
    return f"2001:db8:{draw(st.integers(0, 2))}::{draw(st.integers(1, 6))}/{draw(_SIXES)}"


_FOURS = st.sampled_from([8, 24, 30, 32])
_SIXES = st.sampled_from([32, 64, 128])
NETWORKS = addresses().map(lambda text: str(ipaddress.ip_network(text, strict=False)))
ROUTES = st.lists(st.builds(Route, prefix=NETWORKS), max_size=3)
CONTEXTS = st.builds(
    IPContext,
    src_ip_addrs=st.lists(addresses(), max_size=2),
    dst_ip_addrs=st.lists(addresses(), max_size=2),
    src_routes=ROUTES,
    dst_routes=ROUTES,
)


def first_of_each(routes: list[tuple[str, str]]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for prefix, gateway in routes:
        found.setdefault(str(ipaddress.ip_network(prefix, strict=False)), gateway)
    return list(found.items())


def told(side: Addressing) -> list[tuple[str, str]]:
    return [(str(way.network), str(way.gateway or "")) for way in side.ways]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTEXTS)
def test_both_sides_get_the_routes_that_the_sdk_gives_them(
    oracle: Oracle, context: IPContext
) -> None:
    whole = ConnectionContext(ip_context=context)

    expected = oracle.routes(context)

    assert told(addressing.client_side(whole)) == first_of_each(expected["client"])
    assert told(addressing.endpoint_side(whole)) == first_of_each(expected["endpoint"])


@given(CONTEXTS)
def test_what_is_one_sides_own_is_the_other_sides_opposite(context: IPContext) -> None:
    turned = IPContext(
        src_ip_addrs=context.dst_ip_addrs,
        dst_ip_addrs=context.src_ip_addrs,
        src_routes=context.dst_routes,
        dst_routes=context.src_routes,
    )

    assert addressing.client_side(ConnectionContext(ip_context=context)) == (
        addressing.endpoint_side(ConnectionContext(ip_context=turned))
    )


def test_a_point_to_point_client_reaches_its_endpoint_and_what_is_behind() -> None:
    context = ConnectionContext(MTU=1450)
    context.ip_context.src_ip_addrs.append("10.60.1.2/32")
    context.ip_context.dst_ip_addrs.append("10.60.1.1/32")
    context.ip_context.src_routes.add(prefix="10.60.1.1/32")
    context.ip_context.src_routes.add(prefix="80.0.0.0/8")

    side = addressing.client_side(context)

    endpoint = ipaddress.ip_network("10.60.1.1/32")
    assert [str(one) for one in side.addresses] == ["10.60.1.2/32"]
    assert side.ways == (
        Way(endpoint),
        Way(ipaddress.ip_network("80.0.0.0/8"), endpoint.network_address),
    )
    assert side.mtu == 1450


def test_an_empty_context_says_nothing() -> None:
    assert addressing.client_side(ConnectionContext()) == Addressing()


@pytest.mark.parametrize(
    ("address", "prefix", "gateway"),
    [
        ("ten", "", ""),
        ("10.0.0.1/255.0.0.0", "", ""),
        ("fe80::1%eth0/64", "", ""),
        ("224.0.0.1/32", "", ""),
        ("0.0.0.0/0", "", ""),
        ("10.0.0.1/24", "ten", ""),
        ("10.0.0.1/24", "10.0.0.0/24", "ten"),
        ("10.0.0.1/24", "10.0.0.0/24", "2001:db8::1"),
    ],
)
def test_what_nobody_can_set_is_refused(address: str, prefix: str, gateway: str) -> None:
    context = ConnectionContext()
    context.ip_context.src_ip_addrs.append(address)
    if prefix:
        context.ip_context.src_routes.add(prefix=prefix, nextHop=gateway)

    with pytest.raises(BadContext):
        addressing.client_side(context)
