# SPDX-License-Identifier: Apache-2.0
"""The predecessor's resources of Kubernetes as files: values, and where what is wrong stands."""

from __future__ import annotations

import contextlib
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.sources.config import load_raw, load_text
from kvs_agent.sources.problems import ConfigError
from kvs_descriptors.linux import keys as linux_keys
from kvs_descriptors.nsm import keys
from kvs_proto.cnf.nsm.nsm_pb2 import (
    KERNEL_INTERFACE,
    MEM_INTERFACE,
    ConnectionLabel,
    NetworkServiceClient,
    NetworkServiceEndpoint,
)
from ligato.linux.l3.route_pb2 import Route

HEAD = """\
apiVersion: pantheon.tech/v1
kind: CNFConfiguration
metadata: {name: x}
spec:
  microservice: x
"""
ITEMS = HEAD + "  configItems:\n"
BOTH = (
    ITEMS
    + """\
    - module: cnf.nsm
      version: v1
      type: client
      data: |-
        name: to-nat
        network_service: nat
        outgoing_labels:
          - {key: app, value: client}
        interface_name: tap0
        interface_type: KERNEL_INTERFACE
        ipAddresses: ["192.168.7.10/24"]
    - module: linux.l3
      type: route
      data: |-
        outgoing_interface: tap0
        dst_network: 80.7.0.0/24
        gw_addr: 192.168.7.1
---
apiVersion: v1
kind: Pod
spec: {containers: []}
---
apiVersion: pantheon.tech/v1
kind: CNFConfiguration
spec:
  configItems:
    - {module: cnf.nsm, type: endpoint, microservice: y, data: "networkService: nat"}
"""
)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_raw(text.encode(), "x.yaml")
    return [str(one) for one in refused.value.problems]


def item(data: str) -> str:
    """Return a resource with a client, whose data begins on line 10."""
    inside = textwrap.indent(data, " " * 8)
    return f"{ITEMS}    - module: cnf.nsm\n      type: client\n      data: |-\n{inside}"


def test_a_file_that_is_made_for_kubectl_is_read_as_it_is() -> None:
    found = load_text(BOTH)

    assert dict(found) == {
        keys.client("to-nat"): NetworkServiceClient(
            name="to-nat",
            network_service="nat",
            outgoing_labels=[ConnectionLabel(key="app", value="client")],
            interface_name="tap0",
            interface_type=KERNEL_INTERFACE,
            ip_addresses=["192.168.7.10/24"],
        ),
        linux_keys.route("80.7.0.0/24", "tap0"): Route(
            outgoing_interface="tap0", dst_network="80.7.0.0/24", gw_addr="192.168.7.1"
        ),
        keys.endpoint("nat"): NetworkServiceEndpoint(network_service="nat"),
    }


def test_the_same_can_be_said_in_our_own_form() -> None:
    text = """
    nsmConfig:
      clients:
        - {name: c, networkService: nat, interface_type: MEM_INTERFACE}
      endpoints:
        - {name: e, network_service: nat}
        - {network_service: nat}
    """

    found = load_text(text)

    assert list(found) == [keys.client("c"), keys.endpoint("e"), keys.endpoint("nat")]
    client = found[keys.client("c")]
    assert client == NetworkServiceClient(
        name="c", network_service="nat", interface_type=MEM_INTERFACE
    )


def test_what_is_wrong_is_told_with_its_line() -> None:
    here = "spec.configItems[0].data"

    meant = "there is no such field: did you mean network_service?"
    assert problems(item("name: c\nnetwork_servcie: nat")) == [
        f"x.yaml:11: {here}.network_servcie: {meant}"
    ]
    assert problems(item("{name: c,\nname: d}")) == [
        f"x.yaml:11: {here}: 'name' is on line 10 already"
    ]
    assert problems(item("network_service: nat\n")) == [f"x.yaml:9: {here}: needs name"]
    assert problems(item("- name: c\n- name: d")) == [
        f"x.yaml:10: {here}: is a list, not fields with their values"
    ]


@pytest.mark.parametrize(
    ("one", "why"),
    [
        ("{module: a, type: b, data: x}", "there is no model a.b"),
        (
            "{module: cnf.nsm, type: client, version: v2, data: x}",
            "there is no model cnf.nsm.client v2",
        ),
        ("{module: cnf.nsm, type: client}", "needs data"),
        ("{module: cnf.nsm, data: {name: c}}", "needs type and data"),
        ("{module: cnf.nsm, type: client, data: x, x: y}", "there is no such field: x"),
        ("text", "is no module, type and data"),
    ],
)
def test_an_item_that_is_none_is_refused(one: str, why: str) -> None:
    assert problems(f"{ITEMS}    - {one}\n") == [f"x.yaml:7: spec.configItems[0]: {why}"]


def test_a_configuration_without_items_is_refused() -> None:
    why = "x.yaml:2: a CNFConfiguration has a list spec.configItems"

    assert problems(HEAD) == [why]
    assert problems(HEAD.replace("spec:\n  microservice: x\n", "spec: []\n")) == [why]


def test_a_value_that_stands_twice_is_refused() -> None:
    (told,) = problems(f"{BOTH}---\n{item('name: to-nat')}")

    assert told.endswith(": is at x.yaml:11 already")


def test_what_has_no_values_says_nothing_at_all() -> None:
    pod = "apiVersion: v1\nkind: Pod\n"

    assert problems(f"{pod}---\n{pod}") == [
        "x.yaml: says nothing at all; to have nothing, write linuxConfig: {}"
    ]
    assert dict(load_raw(f"{ITEMS.rstrip()} []\n".encode(), "x.yaml")) == {}


def test_other_documents_are_one_in_a_file() -> None:
    why = "a second document: give each a file of its own"

    assert problems("linuxConfig: {}\n---\nlinuxConfig: {}\n") == [f"x.yaml:2: {why}"]
    assert problems(f"linuxConfig: {{}}\n---\n{HEAD}") == [f"x.yaml:2: {why}"]


WORDS = st.sampled_from(
    ["cnf.nsm", "client", "endpoint", "v1", "name: c", "{", "- a", "", "a: [\n"]
)
PLAIN = st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=5)
ANY = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
FIELDS = ["module", "type", "data", "version", "name", "microservice", "x"]
ITEM = ANY | st.dictionaries(st.sampled_from(FIELDS), ANY)
SPEC = ANY | st.fixed_dictionaries({"configItems": ANY | st.lists(ITEM, max_size=3)})


@given(kind=PLAIN | st.just("CNFConfiguration"), spec=SPEC)
def test_whatever_a_resource_says_it_is_read_or_refused(kind: object, spec: object) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": kind, "spec": spec})

    with contextlib.suppress(ConfigError):
        load_raw(text.encode(), "x.yaml")
