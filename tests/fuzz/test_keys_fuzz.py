# SPDX-License-Identifier: Apache-2.0
"""Keys, names and values of any kind: a descriptor takes them or refuses them, and says why."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_descriptors import linux
from kvs_descriptors.linux import keys, names
from kvscheduler import ClaimConflict, Derived, InvalidValue, Scheduler
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.namespace.namespace_pb2 import NamedNamespace
from tests.fuzz.messages import GOOD, TEXTS, bent, messages, often
from tests.fuzz.rounds import PATIENCE_S

pytestmark = pytest.mark.timeout(PATIENCE_S)

DESCRIPTORS = linux.descriptors()
ANY_TEXT = TEXTS | st.text(st.characters(exclude_categories=()), max_size=20)
PARTS = st.sampled_from(
    [
        *("linux", "interface", "address", "static", "port", "link-local-route", "config", "l3"),
        *("v2", "arp", "route", "ns", "v1", "namespace", "interfaces", "", "eth0", "10.0.0.1"),
        *(keys.ADDRESS.pattern, keys.INTERFACE, keys.NAMESPACE, keys.ROUTE, keys.LINK_LOCAL_ROUTE),
    ]
)
KEYS = st.lists(PARTS | ANY_TEXT, max_size=8).map("/".join)


@often(400)
@given(KEYS | st.builds(keys.address, ANY_TEXT, ANY_TEXT) | st.builds(keys.port, TEXTS, TEXTS))
def test_a_key_that_is_parsed_is_made_of_its_parts_and_of_one_kind(key: str) -> None:
    address, port = keys.parse_address(key), keys.parse_port(key)

    assert address is None or keys.address(*address) == key
    assert port is None or keys.port(*port) == key
    assert sum(one.selects(key) for one in DESCRIPTORS) <= 1


@often(300)
@given(ANY_TEXT, ANY_TEXT)
def test_every_text_makes_keys_below_their_prefixes(one: str, other: str) -> None:
    assert keys.route(one, other).startswith(keys.ROUTE)
    assert keys.route(one, other).endswith(f"/{other}")
    assert keys.arp(one, other).startswith(keys.ARP)
    assert keys.link_local_route(one, other).startswith(keys.link_local_route_prefix(one))


@pytest.mark.parametrize(
    "check",
    [
        *(names.check_namespace, names.check_logical_name, names.check_host_name),
        *(names.check_mac, names.check_address, names.check_network, names.check_ip),
    ],
)
@often(200)
@given(text=ANY_TEXT)
@example(text="\ud800").via("half a pair: no name has bytes, let alone too many")
def test_a_check_takes_a_text_or_refuses_it_with_its_field(check: Any, text: str) -> None:
    refusal = refusal_of(check, text)

    assert refusal is None or refusal.fields == ("field",)
    assert refusal is not None or not {"\0", "\n"} & set(text)


def refusal_of(check: Any, text: str) -> InvalidValue | None:
    """Return why a text is refused, None where it is taken."""
    try:
        check(text, "field")
    except InvalidValue as refused:
        return refused
    return None


def keyed(value: Message) -> str:
    """Return the key that belongs to a value."""
    if isinstance(value, Interface):
        return keys.interface(value.name)
    if isinstance(value, Route):
        return keys.route(value.dst_network, value.outgoing_interface)
    assert isinstance(value, NamedNamespace)
    return keys.namespace(value.name)


VALUES = bent(GOOD) | bent(GOOD) | messages(Interface) | messages(Route)


@often(300)
@given(VALUES)
def test_a_value_is_refused_or_means_something(value: Message) -> None:
    before = value.SerializeToString(deterministic=True)
    (descriptor,) = [one for one in DESCRIPTORS if one.selects(keyed(value))]

    with contextlib.suppress(InvalidValue):
        descriptor.validate(keyed(value), value)
        check_meaning(descriptor, keyed(value), value)

    assert value.SerializeToString(deterministic=True) == before


@often(200)
@given(st.lists(st.tuples(KEYS.filter(bool), VALUES, st.integers(0, 3)), max_size=6))
def test_any_values_under_any_keys_are_planned_or_refused_in_words(
    drawn: list[tuple[str, Message, int]],
) -> None:
    wanted = {key if its_own == 0 else keyed(one): one for key, one, its_own in drawn}
    transaction = Scheduler(linux.descriptors()).transaction()
    for key, value in wanted.items():
        transaction.set(key, value)

    with contextlib.suppress(ClaimConflict):
        plan = transaction.plan()
        done = {one.key for one in plan.operations} | {*plan.pending, *plan.invalid}
        assert all(plan.invalid.values())
        assert {*wanted} <= done
        assert plan.render()
        assert json.loads(json.dumps(plan.to_dict()))


def check_meaning(descriptor: Any, key: str, value: Message) -> None:
    """Ask everything that is asked while planning, twice."""
    copy = type(value)()
    copy.CopyFrom(value)
    claims = [*descriptor.claims(key, value)]
    derived = [*descriptor.derived(key, value)]

    assert descriptor.equivalent(key, value, copy)
    assert not descriptor.requires_recreate(key, value, copy, None)
    assert len({*claims}) == len(claims)
    assert len({one.key for one in derived}) == len(derived)
    assert claims == [*descriptor.claims(key, copy)]
    assert derived == [*descriptor.derived(key, copy)]
    labels = [one.label for one in descriptor.dependencies(key, value)]
    assert labels == [one.label for one in descriptor.dependencies(key, copy)]
    for one in derived:
        check_derived(one)


def check_derived(one: Derived) -> None:
    """Check that a derived key is a fact's, or one descriptor's, which takes it as it is."""
    taking = [other for other in DESCRIPTORS if other.selects(one.key)]
    assert len(taking) <= 1
    for other in taking:
        assert isinstance(one.value, Empty)
        other.validate(one.key, one.value)
        assert [*other.claims(one.key, one.value)] == [*other.claims(one.key, Empty())]
        assert all(need.label for need in other.dependencies(one.key, one.value))
