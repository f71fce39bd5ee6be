# SPDX-License-Identifier: Apache-2.0
"""A plan's three faces: what each shows, on plans made by hand and on generated ones."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import pytest
from google.protobuf import any_pb2, descriptor_pool, json_format, struct_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from kvscheduler import jsonable as jsonable_module
from kvscheduler.drawing import Arrow, Box, Drawing, dot, mermaid
from kvscheduler.jsonable import jsonable
from kvscheduler.plan import Operation, Plan


@dataclasses.dataclass(frozen=True)
class Link:
    """What some of the values here are."""

    name: str
    mtu: int = 1500
    addresses: tuple[str, ...] = ()


class Colour(enum.Enum):
    """A choice."""

    RED = 1


class Level(enum.IntEnum):
    """A choice that is also a number."""

    LOW = 1


def operation(
    kind: str,
    key: str,
    base: str | None = None,
    *,
    old: object = None,
    new: object = None,
    reason: str = "",
    recreate: bool = False,
) -> Operation:
    """Return an operation, naming only what a test is about."""
    return Operation(kind, key, base, "links", old, new, reason, recreate)


CHANGE = Plan(
    operations=(
        operation("delete", "link/b/address/1", "link/b", reason="link/b no longer has it"),
        operation("delete", "link/old", old=Link("old"), reason="no longer wanted"),
        operation("delete", "link/c", old=Link("c", 1500), reason="the name is fixed",
                  recreate=True),
        operation("create", "link/a", new=Link("a", 9000, ("10.0.0.1/24",)), reason="wanted"),
        operation("create", "link/a/address/1", "link/a", reason="derived from link/a"),
        operation("create", "link/c", new=Link("c2", 1500), reason="the name is fixed",
                  recreate=True),
        operation("update", "link/d", old=Link("d", 1500, ("10.0.0.1/24", "10.0.0.2/24")),
                  new=Link("d", 1400, ("10.0.0.2/24", "10.0.0.3/24")), reason="value differs"),
    ),
    pending={"link/e": "waits for link/f, which nobody wants"},
    invalid={"link/g": "mtu: 70000 is more than 65535"},
    edges=((), (), (), (), (3,), (2,), (1, 0)),
)  # fmt: skip

CHANGE_TEXT = """\
      link/b  # stays
        - link/b/address/1  # link/b no longer has it
    - link/old  # no longer wanted
    + link/a  # wanted
        name: "a", mtu: 9000, addresses: ["10.0.0.1/24"]
        + link/a/address/1
  -/+ link/c  # the name is fixed
        name: "c" -> "c2"
    ~ link/d  # value differs
        mtu: 1500 -> 1400
        addresses: -"10.0.0.1/24", +"10.0.0.3/24"
    ? link/e  # waits for link/f, which nobody wants
    ! link/g  # mtu: 70000 is more than 65535

Plan: 2 to create, 1 to update, 1 to recreate, 2 to delete; 1 pending, 1 invalid."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def only(one: Operation) -> Plan:
    """Return a plan of one operation."""
    return Plan(operations=(one,), edges=((),))


def updated(old: object, new: object) -> list[str]:
    """Return the lines that show what an update changes."""
    shown = only(operation("update", "k", old=old, new=new)).render()
    return [line.strip() for line in shown.splitlines()[1:-2]]


def test_the_text_shows_each_key_once_with_its_reason_and_what_changes() -> None:
    assert CHANGE.render() == CHANGE_TEXT


def test_colour_adds_escape_sequences_and_nothing_else() -> None:
    painted = CHANGE.render(color=True)

    assert "\x1b[32m+\x1b[0m link/a" in painted
    assert ANSI.sub("", painted) == CHANGE_TEXT


def test_derived_values_of_one_base_stand_together_beneath_it() -> None:
    plan = Plan(
        operations=(
            operation("create", "base/1", "base", reason="it is missing"),
            operation("create", "other", reason="wanted"),
            operation("create", "base/2", "base", reason="base is there now"),
        ),
        edges=((), (), ()),
    )

    assert plan.render().splitlines()[:4] == [
        "      base  # stays",
        "        + base/1  # it is missing",
        "        + base/2",
        "    + other  # wanted",
    ]


def test_an_empty_plan_says_that_the_southbound_matches() -> None:
    assert Plan().render() == "No changes. The southbound already matches."


def test_a_plan_that_can_do_nothing_yet_does_not_claim_to_match() -> None:
    shown = Plan(pending={"a": "waits for b"}).render()

    assert shown == "    ? a  # waits for b\n\nNo changes now; 1 pending, 0 invalid."


def test_the_dict_is_versioned_json_and_says_what_each_operation_waits_for() -> None:
    shown = CHANGE.to_dict()

    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert shown["format_version"] == "1.0"
    assert [item["after"] for item in shown["operations"]] == [[], [], [], [], [3], [2], [0, 1]]
    assert shown["operations"][6] == {
        "kind": "update",
        "key": "link/d",
        "base": None,
        "descriptor": "links",
        "old": {"name": "d", "mtu": 1500, "addresses": ["10.0.0.1/24", "10.0.0.2/24"]},
        "new": {"name": "d", "mtu": 1400, "addresses": ["10.0.0.2/24", "10.0.0.3/24"]},
        "reason": "value differs",
        "recreate": False,
        "after": [0, 1],
    }
    assert shown["pending"] == CHANGE.pending
    assert shown["invalid"] == CHANGE.invalid


def test_the_summary_counts_a_recreated_key_once() -> None:
    assert CHANGE.to_dict()["summary"] == {
        "create": 2,
        "update": 1,
        "recreate": 1,
        "delete": 2,
        "pending": 1,
        "invalid": 1,
    }


def test_the_graph_has_a_node_for_each_operation_and_an_arrow_from_what_goes_first() -> None:
    lines = CHANGE.to_dot().splitlines()

    assert lines[0] == "digraph plan {"
    assert lines[-1] == "}"
    assert len([line for line in lines if "label=" in line]) == len(CHANGE.operations)
    assert [line.strip() for line in lines if "->" in line] == [
        "n3 -> n4;",
        "n2 -> n5;",
        "n0 -> n6;",
        "n1 -> n6;",
    ]


def test_the_graph_survives_quotes_and_backslashes_in_a_key() -> None:
    shown = only(operation("create", 'a"b\\c\nd')).to_dot()

    assert 'label="+ a\\"b\\\\c\\\\nd"' in shown


def test_the_graph_is_drawn_for_mermaid_too() -> None:
    plan = Plan((operation("create", 'a"b'), operation("delete", "c")), ((), (0,)))

    assert plan.to_mermaid().splitlines() == [
        "flowchart LR",
        '  n0["+ a#34;b"]',
        "  style n0 stroke:#1a7f37",
        '  n1["- c"]',
        "  style n1 stroke:#cf222e",
        "  n0 --> n1",
    ]


def test_a_drawing_has_words_at_its_arrows_and_dashes() -> None:
    shown = Drawing("d", [Box("a"), Box("b")], [Arrow(0, 1, 'of "many"', is_dashed=True)])

    assert '  n0 -> n1 [label="of \\"many\\"", style=dashed];' in dot(shown)
    assert '  n0 -.->|"of #34;many#34;"| n1' in mermaid(shown)


def test_messages_differ_by_field_and_an_absent_field_is_unset() -> None:
    old, new = struct_pb2.Struct(), struct_pb2.Struct()
    old.update({"mtu": 1500, "name": "a", "nested": {"x": 1, "y": "same"}})
    new.update({"mtu": 1400, "nested": {"x": 2, "y": "same"}, "up": True})

    assert updated(old, new) == [
        "mtu: 1500.0 -> 1400.0",
        'name: "a" -> (unset)',
        "nested.x: 1.0 -> 2.0",
        "up: (unset) -> true",
    ]


def test_values_without_fields_differ_as_a_whole() -> None:
    assert updated("one", "two") == ['"one" -> "two"']
    assert updated(1, True) == ["1 -> true"]


def test_a_long_value_is_cut_where_the_difference_still_shows() -> None:
    (shown,) = updated("x" * 500 + "old", "x" * 500 + "new")

    assert shown.endswith('old" -> ...' + "x" * 24 + 'new"')
    assert len(shown) < 120


def test_a_long_list_shows_a_few_elements_and_counts_the_rest() -> None:
    (shown,) = updated({"members": list(range(100))}, {"members": list(range(50, 200))})

    assert shown == "members: -0, -1, -2, -3, -4, -5, -6, -7, ... (142 more)"


def test_a_list_in_another_order_is_a_change_that_is_named() -> None:
    assert updated([1, 2], [2, 1]) == ["other order, or other repeats"]


def test_text_from_outside_cannot_move_the_cursor() -> None:
    key, reason = "a\x1b[2Jb\nc\u202ed", "why\r\x07"
    plan = Plan(
        operations=(operation("update", key, old="\x1b]0;x\x07", new="\x9b1m", reason=reason),),
        edges=((),),
        pending={"p\x00": "\x1b"},
    )

    for shown in (plan.render(), plan.to_dot()):
        assert all(line.isprintable() for line in shown.splitlines())
        assert "x1b[2Jb" in shown


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
OPERATIONS = st.lists(
    st.builds(
        operation,
        kind=st.sampled_from(["create", "update", "delete"]),
        key=st.text(min_size=1, max_size=4),
        base=st.none() | st.text(min_size=1, max_size=4),
        old=PLAIN,
        new=PLAIN,
        reason=st.text(max_size=6),
    ),
    max_size=8,
    unique_by=lambda one: (one.key, one.kind == "delete"),
)


@given(OPERATIONS)
def test_whatever_the_plan_each_key_stands_once_and_the_counts_agree(
    operations: list[Operation],
) -> None:
    plan = Plan(operations=tuple(operations), edges=((),) * len(operations))

    shown = plan.to_dict()
    lines = plan.render().splitlines()

    json.dumps(shown, allow_nan=False)
    assert all(line.isprintable() for line in lines)
    keys = {one.key for one in operations}
    assert sum(shown["summary"].values()) == len(keys)
    assert ANSI.sub("", plan.render(color=True)) == "\n".join(lines)
    assert len([line for line in lines if re.match(r" *(\+|~|-|-/\+) ", line)]) >= len(keys)


def test_every_kind_of_value_has_a_plain_form() -> None:
    class Bare:
        pass

    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    shown = jsonable(
        {
            "named": operation("create", "k"),
            "set": {"b", "a"},
            "enum": [Colour.RED, Level.LOW],
            "floats": [math.inf, 1.5],
            "bytes": b"\x00",
            "bare": Bare(),
            "broken": Broken(),
            "class": Link,
            1: OrderedDict(a=None),
        }
    )

    assert isinstance(shown, dict)
    assert shown["named"] == {**operation("create", "k")._asdict()}
    assert shown["set"] == ["a", "b"]
    assert shown["enum"] == ["RED", "LOW"]
    assert shown["floats"] == ["inf", 1.5]
    assert shown["bytes"] == "b'\\x00'"
    assert str(shown["bare"]).endswith("Bare>")
    assert str(shown["broken"]).endswith("Broken>")
    assert str(shown["class"]).startswith("<class")
    assert shown["1"] == {"a": None}


def test_messages_have_their_own_json_form_or_at_least_a_text() -> None:
    unknown = any_pb2.Any(type_url="example.org/none.Such", value=b"x")

    assert jsonable(wrappers_pb2.StringValue(value="x")) == "x"
    assert isinstance(jsonable(unknown), str)


def with_maps() -> Message:
    """Return a message whose fields are numbered against the alphabet and hold maps."""
    text, number = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_INT32
    file = FileDescriptorProto(name="sample.proto", package="sample", syntax="proto3")
    sample = file.message_type.add(name="Sample")
    sample.field.add(name="zone", number=1, type=text, label=1)
    for at, (name, of) in enumerate({"names": text, "inner": 11}.items(), start=2):
        entry = sample.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=text, label=1)
        kind = ".sample.Sample" if of == 11 else None
        entry.field.add(name="value", number=2, type=of, label=1, type_name=kind)
        path = f".sample.Sample.{entry.name}"
        sample.field.add(name=name, number=at, type=11, label=3, type_name=path)
    sample.field.add(name="area", number=4, type=number, label=1)
    sample.field.add(name="more", number=5, type=11, label=1, type_name=".google.protobuf.Struct")
    file.dependency.append("google/protobuf/struct.proto")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("sample.Sample"))()


def with_secret(**fields: object) -> Message:
    """Return a message one of whose fields is marked as secret."""
    file = FileDescriptorProto(name="secret.proto", package="secret", syntax="proto3")
    login = file.message_type.add(name="Login")
    login.field.add(name="user", number=1, type=FieldDescriptorProto.TYPE_STRING, label=1)
    word = login.field.add(name="door_code", number=2, type=9, label=1)
    word.options.debug_redact = True
    login.field.add(name="next", number=3, type=11, label=3, type_name=".secret.Login")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = GetMessageClass(pool.FindMessageTypeByName("secret.Login"))()
    return json_format.ParseDict(dict(fields), message)


def test_a_secret_is_never_shown() -> None:
    login = with_secret(user="me", door_code="geheim", next=[{"door_code": "geheim"}])

    assert jsonable(login) == {
        "user": "me",
        "doorCode": "(secret)",
        "next": [{"doorCode": "(secret)"}],
    }


def test_a_secret_is_not_shown_where_its_message_stands_for_any() -> None:
    file = FileDescriptorProto(name="any_secret.proto", package="any_secret", syntax="proto2")
    file.message_type.add(name="Open").extension_range.add(start=100, end=101)
    code = file.extension.add(
        name="code", number=100, type=9, label=1, extendee=".any_secret.Open"
    )
    code.options.debug_redact = True
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    message: Any = GetMessageClass(pool.FindMessageTypeByName("any_secret.Open"))()
    message.Extensions[pool.FindExtensionByName("any_secret.code")] = "geheim"
    one, two = any_pb2.Any(), any_pb2.Any()
    one.Pack(message)
    two.Pack(one)

    shown = {"@type": "type.googleapis.com/any_secret.Open", "[any_secret.code]": "(secret)"}
    assert jsonable(message) == {"[any_secret.code]": "(secret)"}
    assert jsonable(one) == shown
    assert jsonable(two) == {"@type": "type.googleapis.com/google.protobuf.Any", "value": shown}


def test_what_cannot_be_read_is_not_shown_either() -> None:
    unknown = any_pb2.Any(type_url="example.org/none.Such", value=b"geheim")

    assert jsonable(unknown) == "<google.protobuf.Any>"


def test_a_change_of_a_secret_is_told_without_it() -> None:
    old, new = with_secret(door_code="geheim"), with_secret(door_code="geheimer")

    assert updated(old, new) == ["nothing that may be shown: a secret, perhaps"]
    assert updated(old, with_secret(door_code="x", user="me")) == ['user: (unset) -> "me"']


def test_a_message_keeps_the_order_of_its_fields_and_sorts_its_maps() -> None:
    one, other = with_maps(), with_maps()
    for message, keys in ((one, "abc"), (other, "cba")):
        json_format.ParseDict(
            {
                "zone": "z",
                "area": 1,
                "names": dict.fromkeys(keys, "n"),
                "inner": {key: {"area": 2, "zone": key} for key in keys},
                "more": {key: [1] for key in keys},
            },
            message,
        )

    shown = json.dumps(jsonable(one))

    assert shown == json.dumps(jsonable(other))
    assert shown == json.dumps(
        {
            "zone": "z",
            "names": {"a": "n", "b": "n", "c": "n"},
            "inner": {key: {"zone": key, "area": 2} for key in "abc"},
            "area": 1,
            "more": {"a": [1.0], "b": [1.0], "c": [1.0]},
        }
    )


def test_a_value_that_holds_itself_ends_somewhere() -> None:
    ring: list[object] = []
    ring.append(ring)

    shown = json.dumps(jsonable(ring))

    assert shown.count("[") <= jsonable_module.MAX_DEPTH + 5


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_equal_values_look_equal_in_every_process(seed: str) -> None:
    script = "from kvscheduler.jsonable import jsonable; print(jsonable({'x': {*'abcdef'}}))"

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "{'x': ['a', 'b', 'c', 'd', 'e', 'f']}\n"
