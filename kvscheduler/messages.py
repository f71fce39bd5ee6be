# SPDX-License-Identifier: Apache-2.0
"""The JSON form of plain protobuf messages, several times faster than protobuf's own.

What is plain has no floats, maps, extensions or types of Google's: the rest is protobuf's to show.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["HIDDEN", "Json", "plain_message"]

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
# What shows a field's value.
_Show: TypeAlias = "Callable[[Any], Json]"

HIDDEN = "(secret)"

# Numbers of protobuf's language-neutral types, by its FieldDescriptor.
_INT32, _INT64, _UINT32, _UINT64, _BOOL, _ENUM, _STRING, _MESSAGE = 1, 2, 3, 4, 7, 8, 9, 10
_BYTES = 12

# By the descriptions of messages: their fields' names and what shows them, None for a message
# that is not plain. There are as many as a program has kinds of messages.
_KNOWN: dict[Any, dict[int, tuple[str, _Show]] | None] = {}


def plain_message(value: Any) -> dict[str, Json] | None:
    """Return a message's JSON form less its secrets; None where it is not plain.

    It is what protobuf's ``MessageToDict`` returns, its fields in the order of their numbers.
    """
    described = value.DESCRIPTOR
    fields = _KNOWN.get(described)
    if fields is None and (fields := _fields(described)) is None:
        return None
    shown: dict[str, Json] = {}
    for field, held in value.ListFields():
        name, show = fields[field.number]
        shown[name] = show(held)
    return shown


def _fields(described: Any) -> dict[int, tuple[str, _Show]] | None:
    """Return how the fields of a kind of message are shown, and remember it."""
    if described in _KNOWN:
        return _KNOWN[described]
    # Whoever comes here again on the way contains its own kind: that is not plain either.
    _KNOWN[described] = None
    if described.full_name.startswith("google.protobuf.") or described.is_extendable:
        return None
    found: dict[int, tuple[str, _Show]] = {}
    for field in described.fields:
        show = _shower(field)
        if show is None:
            return None
        found[field.number] = (field.json_name, show)
    _KNOWN[described] = found
    return found


def _shower(field: Any) -> _Show | None:
    """Return what shows the values of a field, None where it is not plain."""
    if field.GetOptions().debug_redact:
        return _hidden
    show = _of_message(field) if field.cpp_type == _MESSAGE else _of_scalar(field)
    if show is None or not _is_repeated(field):
        return show
    one = show
    return lambda held: [one(item) for item in held]


def _is_repeated(field: Any) -> bool:
    told = getattr(field, "is_repeated", None)
    # Older releases of protobuf say it this way, of which newer ones warn.
    return bool(field.label == field.LABEL_REPEATED if told is None else told)


def _of_message(field: Any) -> _Show | None:
    described = field.message_type
    if described.GetOptions().map_entry or _fields(described) is None:
        return None
    return plain_message


def _of_scalar(field: Any) -> _Show | None:
    kind = field.cpp_type
    if kind == _ENUM:
        return _of_enum(field.enum_type)
    if field.type == _BYTES:
        return _base64
    if kind in (_INT64, _UINT64):
        return str
    return _as_it_is if kind in (_INT32, _UINT32, _BOOL, _STRING) else None


def _of_enum(described: Any) -> _Show | None:
    if described.full_name.startswith("google.protobuf."):
        return None
    names: dict[int, Json] = {one.number: one.name for one in reversed(described.values)}
    return lambda number: names.get(number, number)


def _hidden(_held: object) -> Json:
    return HIDDEN


def _base64(held: bytes) -> Json:
    return base64.b64encode(held).decode()


def _as_it_is(held: Json) -> Json:
    return held
