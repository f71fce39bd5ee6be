# SPDX-License-Identifier: Apache-2.0
"""Plain messages are shown as protobuf shows them, and what is not plain by protobuf itself."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.models import MODELS
from kvs_proto.agent.v1 import agent_pb2
from kvscheduler.jsonable import HIDDEN, Shown, jsonable
from kvscheduler.messages import plain_message
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.interfaces.state_pb2 import InterfaceState

Field = descriptor_pb2.FieldDescriptorProto


def kind_of(*fields: Field, **types: Any) -> Any:
    """Return a class for a message that is made up here."""
    file = descriptor_pb2.FileDescriptorProto(name="made/up.proto", package="made.up")
    file.syntax = "proto3"
    message = file.message_type.add(name="Thing")
    message.enum_type.add(name="Colour").value.add(name="RED", number=0)
    message.field.extend(fields)
    for name, field in types.items():
        message.field.add(name=name, number=len(message.field) + 1, type=field, label=1)
    pool: Any = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("made.up.Thing"))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_all_our_models_are_plain(model: Any) -> None:
    assert plain_message(model.message()) == {}


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def filled(draw: Any, kind: Any, depth: int = 3) -> Any:
    made = kind()
    for field in kind.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        for _ in range(draw(st.integers(1, 2)) if field.is_repeated else 1):
            held = getattr(made, field.name)
            if field.message_type is not None:
                if depth:
                    inner = message_factory.GetMessageClass(field.message_type)
                    value = draw(filled(inner, depth - 1))
                    (held.add() if field.is_repeated else held).CopyFrom(value)
                continue
            value = draw(scalar(field))
            held.append(value) if field.is_repeated else setattr(made, field.name, value)
    return made


def scalar(field: Any) -> st.SearchStrategy[Any]:
    if field.cpp_type == field.CPPTYPE_STRING:
        return st.binary(max_size=8) if field.type == field.TYPE_BYTES else TEXT
    if field.cpp_type == field.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type in (field.CPPTYPE_UINT64, field.CPPTYPE_INT64):
        return st.integers(0, 2**63 - 1)
    # Of an enum also numbers that it does not know.
    return st.integers(0, 2**31 - 1) | st.integers(0, 8)


KINDS: list[Any] = [*(model.message for model in MODELS), InterfaceState, agent_pb2.PlanMark]


@given(st.sampled_from(KINDS).flatmap(filled))
def test_a_plain_message_is_shown_as_protobuf_shows_it(value: Any) -> None:
    fields = [field for field, _ in value.ListFields()]
    hidden = {one.json_name: HIDDEN for one in fields if one.GetOptions().debug_redact}

    shown: Any = jsonable(value)

    assert shown == {**json_format.MessageToDict(value), **hidden}
    assert list(shown) == [one.json_name for one in fields]


def test_secrets_are_hidden_at_any_depth() -> None:
    options = descriptor_pb2.FieldOptions(debug_redact=True)
    secret = Field(
        name="word", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL, options=options
    )
    inner = Field(
        label=Field.LABEL_REPEATED,
        name="inner",
        number=2,
        type=Field.TYPE_MESSAGE,
        type_name=".made.up.Thing",
    )
    thing = kind_of(secret, inner)
    value = thing(word="s", inner=[thing(word="t")])

    assert jsonable(value) == {"word": HIDDEN, "inner": [{"word": HIDDEN}]}
    assert jsonable(kind_of(secret)(word="s")) == {"word": HIDDEN}
    assert plain_message(kind_of(secret)(word="s")) == {"word": HIDDEN}


@pytest.mark.parametrize(
    "value",
    [
        duration_pb2.Duration(seconds=3),
        struct_pb2.Value(null_value=struct_pb2.NULL_VALUE),
        wrappers_pb2.Int64Value(value=7),
        any_pb2.Any(type_url="x/ligato.linux.interfaces.Interface"),
        agent_pb2.Result(duration_s=1.5),
        agent_pb2.Change(labels={"b": "1", "a": "2"}),
        agent_pb2.Status(derived=[agent_pb2.Status(key="k")]),
        kind_of(number=Field.TYPE_FLOAT)(number=0.1),
    ],
    ids=lambda value: str(value.DESCRIPTOR.full_name),
)
def test_what_is_not_plain_is_left_to_protobuf(value: Any) -> None:
    assert plain_message(value) is None
    assert jsonable(value) == jsonable(json_format.MessageToDict(value)) or isinstance(
        value, any_pb2.Any
    )


def test_bytes_and_large_numbers_are_as_json_takes_them() -> None:
    thing = kind_of(raw=Field.TYPE_BYTES, large=Field.TYPE_UINT64, small=Field.TYPE_SINT32)

    assert jsonable(thing(raw=b"\xff\x00", large=2**64 - 1, small=-5)) == {
        "raw": "/wA=",
        "large": str(2**64 - 1),
        "small": -5,
    }


def test_what_was_shown_elsewhere_is_shown_just_so() -> None:
    data: Any = {"z": 1, "a": [{"y": 2, "b": None}]}

    assert jsonable(Shown(data)) is data
    within: Any = jsonable({"values": Shown(data)})
    assert list(within["values"]) == ["z", "a"]
    assert jsonable(Interface(name="a", type=Interface.VETH)) == {"name": "a", "type": "VETH"}
