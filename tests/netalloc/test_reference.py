# SPDX-License-Identifier: Apache-2.0
"""References to allocated addresses: read, checked, followed."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.netalloc import Allocation, NotAllocated, Reference, keys, reference
from kvscheduler import Depends, InvalidValue

NAMES = st.text("abcxyz019_.-", min_size=1)
REFERENCES = st.builds(Reference, NAMES, NAMES, st.booleans())

KNOWN = {keys.label("lan", "eth0"): Allocation("10.0.0.5/24", "10.0.0.1/24")}


@given(REFERENCES)
def test_a_reference_is_read_as_it_is_written(one: Reference) -> None:
    assert Reference.parse(str(one)) == one
    assert Reference.parse(one.written_on(one.interface), one.interface) == one
    assert one.written_on("another") == str(one)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("alloc:lan", "alloc:lan"),
        ("alloc:lan/eth0", "alloc:lan"),
        ("alloc:lan/GW", "alloc:lan/GW"),
        ("alloc:lan/eth0/GW", "alloc:lan/GW"),
        ("alloc:lan/eth1/GW", "alloc:lan/eth1/GW"),
    ],
)
def test_the_interface_at_hand_need_not_be_named(text: str, written: str) -> None:
    found = Reference.parse(text, "eth0")

    assert found is not None
    assert found.written_on("eth0") == written


@pytest.mark.parametrize("text", ["", "10.0.0.1", "10.0.0.1/24", "ALLOC:lan", "fd00::1"])
def test_an_address_is_no_reference(text: str) -> None:
    assert Reference.parse(text) is None
    assert list(reference.needs(text)) == []


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("alloc:", {"interface": "eth0"}),
        ("alloc:/GW", {"interface": "eth0"}),
        ("alloc:/eth0", {}),
        ("alloc:lan", {}),
        ("alloc:lan/GW", {}),
        ("alloc:lan/", {}),
        ("10.0.0.1", {"interface": "eth0"}),
        ("alloc:lan/eth1", {"only": "eth0"}),
        ("alloc:lan/eth0", {"is_gateway": True}),
        ("alloc:lan/eth0/GW", {"is_gateway": False}),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(text: str, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as raised:
        reference.check(text, "gw_addr", **more)

    assert raised.value.fields == ("gw_addr",)


@given(st.text(max_size=20), st.sampled_from(["", "eth0"]))
def test_whatever_is_checked_is_refused_or_has_all_its_parts(text: str, interface: str) -> None:
    try:
        found = reference.check(f"alloc:{text}", "address", interface=interface)
    except InvalidValue:
        return

    assert found.network
    assert found.interface
    assert "/" not in found.network


def test_a_reference_is_followed_to_the_address_or_the_gateway() -> None:
    assert str(reference.find("alloc:lan", "eth0", KNOWN)) == "10.0.0.5/24"
    assert str(reference.find("alloc:lan/eth0/GW", "", KNOWN)) == "10.0.0.1/24"
    plain = reference.find("10.0.0.9/8", "eth0", {})
    assert plain == ipaddress.ip_interface("10.0.0.9/8")


@pytest.mark.parametrize(
    "known",
    [{}, {keys.label("lan", "eth0"): Allocation("10.0.0.5/24")}, {keys.label("lan", "eth0"): 7}],
)
def test_what_is_not_allocated_is_said_to_be_missing(known: dict[str, Any]) -> None:
    with pytest.raises(NotAllocated, match="alloc:lan/eth0/GW is not allocated"):
        reference.find("alloc:lan/GW", "eth0", known)


def test_who_refers_needs_the_allocation() -> None:
    (needed,) = reference.needs("alloc:lan/GW", "eth0", "gw_addr-")

    assert needed == Depends(keys.ip("lan", "eth0"), "gw_addr-alloc:lan/GW")
