# SPDX-License-Identifier: Apache-2.0
"""Configuration files as values: shapes, merging, and where what is wrong stands."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_agent.sources.config import load, load_text
from kvs_agent.sources.problems import ConfigError, Problem
from kvs_descriptors.linux import keys
from kvscheduler import InvalidValue
from ligato.configurator.configurator_pb2 import Config
from ligato.linux.interfaces.interface_pb2 import Interface

GOOD = """
linuxConfig:
  interfaces:
    - name: one
      type: VETH
      namespace: {type: NSID, reference: left}
      hostIfName: eth0
      enabled: true
      ip_addresses: [10.0.0.1/24]
      veth: {peerIfName: two}
  routes:
    - {outgoingInterface: one, dst_network: 10.1.0.5/16, gwAddr: 10.0.0.2}
  arpEntries:
    - {interface: one, ip_address: 10.0.0.2, hw_address: "02:00:00:00:00:02"}
"""


def test_a_file_becomes_values_under_the_predecessors_keys() -> None:
    found = load_text(GOOD)

    assert list(found) == [
        "config/linux/ns/v1/namespace/left",
        "config/linux/interfaces/v2/interface/one",
        "config/linux/l3/v2/arp/one/10.0.0.2",
        "config/linux/l3/v2/route/10.1.0.0/16/one",
    ]
    interface = found[keys.interface("one")]
    assert isinstance(interface, Interface)
    assert (interface.host_if_name, interface.veth.peer_if_name) == ("eth0", "two")


@given(st.booleans(), st.booleans())
def test_either_way_of_writing_fields_means_the_same(
    root: bool,
    fields: bool,
) -> None:
    config = json_format.ParseDict({"linuxConfig": {"interfaces": [{"name": "one"}]}}, Config())
    data = json_format.MessageToDict(config, preserving_proto_field_name=root)
    below = json_format.MessageToDict(config.linux_config, preserving_proto_field_name=fields)

    found = load_text(json.dumps({next(iter(data)): below}))

    assert dict(found) == {keys.interface("one"): Interface(name="one")}


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, "net.yaml")
    return [str(one) for one in caught.value.problems]


HEAD = "linuxConfig:\n  interfaces:\n  - name: one\n"
FIRST = "linuxConfig.interfaces[0]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            HEAD + "    enabeld: true\n",
            f"net.yaml:4: {FIRST}.enabeld: there is no such field: did you mean enabled?",
        ),
        (
            HEAD + "    enabled: no\n",
            f"net.yaml:4: {FIRST}.enabled: is the text 'no', not true or false",
        ),
        (
            HEAD + "    mtu: 1.5\n",
            f"net.yaml:4: {FIRST}.mtu: is the number 1.5, not a whole number",
        ),
        (HEAD + "    mtu: -1\n", f"net.yaml:4: {FIRST}.mtu: -1 is not between 0 and 4294967295"),
        (HEAD + "    mtu: true\n", f"net.yaml:4: {FIRST}.mtu: is true, not a whole number"),
        (
            HEAD + "    phys_address: 12\n",
            f"net.yaml:4: {FIRST}.phys_address: is the number 12: put text in quotes",
        ),
        (
            HEAD + "    ip_addresses: 10.0.0.1/24\n",
            f"net.yaml:4: {FIRST}.ip_addresses: is the text '10.0.0.1/24', not a list",
        ),
        (
            HEAD + "    ip_addresses:\n    - 10.0.0.1/24\n    - 7\n",
            f"net.yaml:6: {FIRST}.ip_addresses[1]: is the number 7: put text in quotes",
        ),
        (
            HEAD + "    veth: [two]\n",
            f"net.yaml:4: {FIRST}.veth: is a list, not fields with their values",
        ),
        (
            HEAD + "    hostIfName: a\n    host_if_name: b\n",
            f"net.yaml:5: {FIRST}.host_if_name: is the same field as hostIfName",
        ),
        (
            HEAD + "    veth: {peerIfName: a}\n    bridge: {stp: true}\n",
            f"net.yaml:5: {FIRST}.bridge: excludes veth",
        ),
        (
            HEAD + "  - name: one\n",
            "net.yaml:4: config/linux/interfaces/v2/interface/one: is at net.yaml:3 already",
        ),
        (
            HEAD + "  - enabled: true\n",
            "net.yaml:4: linuxConfig.interfaces[1]: needs name",
        ),
        ("[1]", "net.yaml:1: is a list, not fields with their values"),
        ("vppConfig: {}", "net.yaml:1: vppConfig: there is no such field"),
        (
            HEAD + "    vlan: {id: 7}\n",
            f"net.yaml:4: {FIRST}.vlan.id: there is no such field, only parent_if_name, vlan_id, ",
        ),
    ],
)
def test_what_is_wrong_is_told_with_line_and_field(text: str, expected: str) -> None:
    (problem,) = problems(text)

    assert problem.startswith(expected)


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = problems(HEAD + "    type: VEHT\n    mtu: x\n    foo: 1\n")

    assert [one.split(":")[1] for one in found] == ["4", "5", "6"]
    assert "'VEHT' is none of UNDEFINED, VETH" in found[0]


def test_several_files_merge_whatever_their_order(tmp_path: pathlib.Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("linuxConfig: {interfaces: [{name: a}]}")
    two.write_text("linux_config: {interfaces: [{name: b}]}")

    assert dict(load([one, two])) == dict(load([two, one]))
    assert len(load([one, two])) == 2


def test_a_key_in_two_files_is_refused_with_both_places(tmp_path: pathlib.Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("linuxConfig:\n  interfaces:\n  - name: a\n")
    two.write_text("linuxConfig:\n\n  interfaces:\n  - name: a\n")

    with pytest.raises(ConfigError) as caught:
        load([one, two])

    assert str(caught.value) == (
        f"{two}:4: config/linux/interfaces/v2/interface/a: is at {one}:3 already"
    )


def test_what_a_descriptor_refuses_is_found_in_the_file() -> None:
    found = load_text(GOOD, "net.yaml")
    key = keys.interface("one")

    def line(*fields: str) -> int:
        problem = found.problem(key, InvalidValue("bad", fields))
        assert problem is not None
        return problem.line

    assert line("ip_addresses[0]") == 9
    assert line("host_if_name") == 7
    assert line("veth", "peer_if_name") == 10
    assert line("mtu") == 4
    assert line() == 4
    assert found.problem("no/such/key", InvalidValue("bad")) is None


@pytest.mark.parametrize("text", ["", "{}", "linuxConfig:", "linuxConfig: {interfaces: }"])
def test_nothing_is_a_configuration_too(text: str) -> None:
    assert dict(load_text(text)) == {}


@pytest.mark.parametrize("text", ["", "\n", "# all of it\n# taken out\n", "---\n", "null"])
def test_a_file_that_says_nothing_is_not_the_wish_to_have_nothing(
    tmp_path: pathlib.Path, text: str
) -> None:
    silent, beside = tmp_path / "silent.yaml", tmp_path / "beside.yaml"
    silent.write_text(text, encoding="utf-8")
    beside.write_text("linuxConfig: {}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"silent\.yaml: says nothing at all"):
        load([silent])

    assert dict(load([silent, beside])) == {}


def test_a_file_that_is_given_twice_is_named_once(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text(HEAD + "  - name: two\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load([file, file])

    assert str(caught.value) == f"{file}: is given twice"


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: pathlib.Path) -> None:
    from kvs_agent.sources.yaml_guard import Limits

    endless = tmp_path / "endless.yaml"
    with endless.open("wb") as opened:
        opened.truncate(1 << 40)

    with pytest.raises(ConfigError, match="more than 1000 bytes"):
        load([endless], Limits(max_bytes=1000))


NAMES = st.sampled_from(
    ["name", "type", "mtu", "enabled", "veth", "bridge", "ports", "namespace", "ipAddresses"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_data_is_taken_or_refused_with_places_and_what_is_taken_protobuf_takes(
    data: dict[str, Any],
) -> None:
    text = json.dumps({"linuxConfig": {"interfaces": [data]}})
    found, refused = outcome(text)

    assert all(one.file == "<text>" and one.text for one in refused)
    assert all(type(value).FromString(value.SerializeToString()) == value for value in found)


def outcome(text: str) -> tuple[list[Message], tuple[Problem, ...]]:
    try:
        return list(load_text(text).values()), ()
    except ConfigError as refused:
        return [], refused.problems
