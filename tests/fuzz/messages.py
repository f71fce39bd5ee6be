# SPDX-License-Identifier: Apache-2.0
"""Messages of any class, drawn field by field: plausible, strange and hostile ones."""

from __future__ import annotations

import copy
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import settings
from hypothesis import strategies as st

from kvs_agent.sources.config import load_text

__all__ = ["GOOD", "TEXTS", "bent", "messages", "often"]

M = TypeVar("M", bound=Message)

PLAUSIBLE = (
    *("", "eth0", "veth1", "br-1", "host", "10.0.0.1/24", "10.0.0.0/8", "10.0.0.1", "fd00::1/64"),
    *("fe80::1", "::/0", "0.0.0.0/0", "02:00:00:00:00:01", "ns1", "/proc/1/ns/net", "1234"),
)
HOSTILE = (
    *("..", "../../etc", "a/b", "/", "-rf", "%d", "eth0\n", "\x00", "\u202e", "é" * 8, "x" * 300),
    *("999.0.0.1/24", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/٣", "fe80::1%eth0/64"),
    *("::ffff:1.2.3.4", "ff:ff:ff:ff:ff:ff", "[", "*", "null", "1e9", " eth0 ", "eth0:1", "."),
)
TEXTS = st.sampled_from(PLAUSIBLE) | st.sampled_from(HOSTILE) | st.text(max_size=20)
RANGES = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
GOOD = [
    value
    for path in sorted(EXAMPLES.glob("*.yaml"))
    for value in load_text(path.read_text(encoding="utf-8"), path.name).values()
]
NUMBERS = (0, 1, 20, 24, 1500, 9216, 9217)
DEPTH = 3


def often(usual: int) -> settings:
    """Return settings for so many examples, or HYPOTHESIS_EXAMPLES."""
    return settings(max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", usual)))


@st.composite
def messages(draw: st.DrawFn, cls: type[M], depth: int = DEPTH) -> M:
    """Draw a message; of a choice between fields at most one is set."""
    value = cls()
    chosen: set[str] = set()
    for field in value.DESCRIPTOR.fields:
        choice = field.containing_oneof
        is_free = choice is None or choice.name not in chosen
        if is_free and (depth or field.message_type is None) and draw(st.booleans()):
            chosen.update(() if choice is None else (choice.name,))
            _fill(draw, value, field, depth)
    return value


@st.composite
def bent(draw: st.DrawFn, good: Sequence[M]) -> M:
    """Draw one of some good messages, with a few of its fields, at any depth, drawn anew."""
    value = copy.deepcopy(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 2))):
        part: Message = value
        for _ in range(DEPTH):
            below = [one.name for one, _ in part.ListFields() if one.message_type is not None]
            if not below or draw(st.booleans()):
                break
            inner = getattr(part, draw(st.sampled_from(below)))
            part = inner if isinstance(inner, Message) else draw(st.sampled_from(list(inner)))
        if part.DESCRIPTOR.fields:
            name = draw(st.sampled_from(list(part.DESCRIPTOR.fields_by_name)))
            part.ClearField(name)
            _fill(draw, part, part.DESCRIPTOR.fields_by_name[name], DEPTH)
    return value


def _fill(draw: st.DrawFn, value: Message, field: Any, depth: int) -> None:
    if field.is_repeated:
        getattr(value, field.name).extend(draw(st.lists(_single(field, depth), max_size=3)))
    elif field.message_type is not None:
        getattr(value, field.name).CopyFrom(draw(_single(field, depth)))
    else:
        setattr(value, field.name, draw(_single(field, depth)))


def _single(field: Any, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type._concrete_class, depth - 1)
    if field.enum_type is not None:
        return st.sampled_from([one.number for one in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXTS
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type in RANGES:
        least, most = RANGES[field.type]
        return st.sampled_from(NUMBERS) | st.integers(least, most)
    raise NotImplementedError(field.full_name)
