# SPDX-License-Identifier: Apache-2.0
"""Keys, names and JSON of the models: read as the predecessor writes them, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent import models
from kvs_agent.models import MODELS, Model, Unknown
from kvs_proto.cnf.nsm.nsm_pb2 import (
    MEM_INTERFACE,
    NetworkServiceClient,
    NetworkServiceEndpoint,
)
from kvscheduler import Unreadable
from kvscheduler.jsonable import jsonable
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.route_pb2 import Route

KEY = "config/linux/interfaces/v2/interface/red"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("netalloc.ip", "config/netalloc/v1/ip/"),
        ("linux.interfaces.interface", "config/linux/interfaces/v2/interface/"),
        ("linux.l3.arp", "config/linux/l3/v2/arp/"),
        ("linux.l3.route", "config/linux/l3/v2/route/"),
        ("linux.iptables.rulechain", "config/linux/iptables/v2/rulechain/"),
        ("cnf.nsm.client", "config/cnf/nsm/v1/client/"),
        ("cnf.nsm.endpoint", "config/cnf/nsm/v1/endpoint/"),
    ],
)
def test_names_and_prefixes_are_the_predecessors(name: str, prefix: str) -> None:
    model = models.by_name(name)

    assert model is not None
    assert model.prefix == prefix
    assert models.of_key(f"{prefix}whatever/there/is") is model


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_key_of_a_value_begins_with_the_models_prefix(model: Model) -> None:
    value = model.message(**dict.fromkeys(model.needed, "x"))

    assert model.key(value).startswith(model.prefix)
    assert models.of_key(model.key(value)) is model
    assert models.of_message(value) is model


@pytest.mark.parametrize(
    "key", ["", "/", "config/", "config/vpp/v2/interfaces/x", "linux/x", KEY[:-4]]
)
def test_other_keys_have_no_model(key: str) -> None:
    assert models.of_key(key) is None


@pytest.mark.parametrize("name", ["ipAddresses", "ip_addresses"])
def test_either_name_of_a_field_is_read(name: str) -> None:
    data = json.dumps({"name": "red", "type": "VETH", name: ["10.0.0.1/24"]}).encode()

    assert models.decode(KEY, data) == Interface(
        name="red", type=Interface.VETH, ip_addresses=["10.0.0.1/24"]
    )


def test_what_is_written_is_read_again() -> None:
    route = Route(outgoing_interface="red", dst_network="10.1.0.0/16", gw_addr="10.0.0.9")
    model = models.of_message(route)
    assert model is not None

    assert models.decode(model.key(route), models.encode(route)) == route
    assert b"outgoingInterface" in models.encode(route)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[1]", "is a list, not fields"),
        (b'{"name": "red", "mtuu": 3}', "mtuu: there is no such field: did you mean mtu?"),
        (b'{"name": "red", "mtu": "x"}', "mtu: is the text 'x', not a whole number"),
        (b'{"mtu": 3}', "needs name"),
        (b'{"name": "blue"}', "the key is another's: the value's is config/linux/interfaces"),
        (b"[" * 100_000, "nested too deep"),
        (b" " * (models.MAX_VALUE_BYTES + 1), "more than 2097152 bytes"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, why: str) -> None:
    value = models.decode(KEY, data)

    assert isinstance(value, Unreadable)
    assert why in value.reason


def test_a_value_of_an_unknown_model_is_kept_as_it_is_and_not_shown() -> None:
    value = models.decode("config/vpp/wg/v1/peer/x", b'{"privateKey": "hush"}')

    assert value == Unknown('{"privateKey": "hush"}')
    assert "hush" not in repr(value)
    assert "hush" not in str(jsonable(value))


@given(
    st.one_of(
        st.binary(max_size=64),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["name", "mtu", "veth", "ip_addresses", "type", "x"]), inner
                ),
            ),
            max_leaves=8,
        ).map(lambda data: json.dumps(data).encode()),
    )
)
def test_whatever_comes_is_a_message_or_unreadable(data: bytes) -> None:
    value = models.decode(KEY, data)

    if isinstance(value, Interface):
        assert value.name == "red"
    else:
        assert isinstance(value, Unreadable)
        assert value.reason


@pytest.mark.parametrize(
    "names", [("networkService", "ipAddresses"), ("network_service", "ip_addresses")]
)
def test_clients_and_endpoints_are_read_in_either_spelling(names: tuple[str, str]) -> None:
    service, addresses = names
    data = {service: "nat", addresses: ["10.0.0.1/24"], "interface_type": "MEM_INTERFACE"}
    client = json.dumps({**data, "name": "c"}).encode()
    fields: Any = {"network_service": "nat", "ip_addresses": ["10.0.0.1/24"]}

    assert models.decode("config/cnf/nsm/v1/client/c", client) == NetworkServiceClient(
        name="c", interface_type=MEM_INTERFACE, **fields
    )
    endpoint = NetworkServiceEndpoint(interface_type=MEM_INTERFACE, **fields)
    text = json.dumps(data).encode()
    assert models.decode("config/cnf/nsm/v1/endpoint/nat", text) == endpoint
    assert models.decode("config/cnf/nsm/v1/endpoint/nat", models.encode(endpoint)) == endpoint
    assert isinstance(models.decode("config/cnf/nsm/v1/endpoint/other", text), Unreadable)
    named = NetworkServiceEndpoint(name="e", network_service="nat")
    assert models.decode("config/cnf/nsm/v1/endpoint/e", models.encode(named)) == named
