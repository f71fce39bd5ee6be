# SPDX-License-Identifier: Apache-2.0
"""Whether plain data has the shape of a message: every name, every type, each with its place.

protobuf's own reader stops at the first thing that is wrong, and knows no lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

__all__ = ["Fault", "faults"]

Path = tuple[str | int, ...]
Fault = tuple[Path, str]

# So many are named where none is like the one that there is not.
FEW_FIELDS = 3

_UNSIGNED = {FieldDescriptor.TYPE_UINT32: 32, FieldDescriptor.TYPE_UINT64: 64}
_SIGNED = {FieldDescriptor.TYPE_INT32: 32, FieldDescriptor.TYPE_INT64: 64}


def faults(data: Any, message: Descriptor, path: Path = ()) -> Iterator[Fault]:
    """Yield what keeps plain data from being such a message, each with its path.

    The depth is bounded by what the guard lets through.
    """
    if not isinstance(data, dict):
        yield path, f"is {_what(data)}, not fields with their values"
        return
    names = {name: field for field in message.fields for name in (field.name, field.json_name)}
    seen: dict[str, str] = {}
    for name, value in data.items():
        field = names.get(name)
        here = (*path, name)
        if field is None:
            yield here, _unknown(name, names)
        elif field.name in seen:
            yield here, f"is the same field as {seen[field.name]}"
        else:
            seen[field.name] = name
            yield from _field(value, field, here)
    yield from _choices(seen, message, path)


def _unknown(name: str, names: dict[str, FieldDescriptor]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"there is no such field: did you mean {close[0]}?"
    known = dict.fromkeys(field.name for field in names.values())
    hint = f", only {', '.join(known)}" if len(known) <= FEW_FIELDS else ""
    return f"there is no such field{hint}"


def _choices(seen: dict[str, str], message: Descriptor, path: Path) -> Iterator[Fault]:
    for choice in message.oneofs:
        chosen = [seen[field.name] for field in choice.fields if field.name in seen]
        if len(chosen) > 1:
            yield (*path, chosen[1]), f"excludes {chosen[0]}"


def _field(value: Any, field: FieldDescriptor, path: Path) -> Iterator[Fault]:
    # As in JSON, null is a field that is not set.
    if value is None:
        return
    if field.GetOptions().debug_redact:
        if next(_open_field(value, field, path), None) is not None:
            yield path, "is not what this field takes, and secret: it is not shown"
        return
    yield from _open_field(value, field, path)


def _open_field(value: Any, field: FieldDescriptor, path: Path) -> Iterator[Fault]:
    if not field.is_repeated:
        yield from _single(value, field, path)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _single(one, field, (*path, index))
    else:
        yield path, f"is {_what(value)}, not a list"


def _single(value: Any, field: FieldDescriptor, path: Path) -> Iterator[Fault]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        assert field.message_type is not None
        yield from faults(value, field.message_type, path)
        return
    fault = _scalar(value, field)
    if fault:
        yield path, fault


def _scalar(value: Any, field: FieldDescriptor) -> str:
    """Return what is wrong with a scalar, "" for nothing."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(value)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "" if isinstance(value, bool) else f"is {_what(value)}, not true or false"
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _choice(value, field)
    bits = _UNSIGNED.get(field.type) or _SIGNED.get(field.type)
    if bits is None:
        return "" if isinstance(value, int | float) else f"is {_what(value)}, not a number"
    if isinstance(value, bool) or not isinstance(value, int):
        return f"is {_what(value)}, not a whole number"
    least = 0 if field.type in _UNSIGNED else -(1 << bits - 1)
    most = (1 << bits) - 1 + least
    return "" if least <= value <= most else f"{value} is not between {least} and {most}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return f"is {_what(value)}: put text in quotes"
    return "" if value.isprintable() else "has characters that cannot be printed"


def _choice(value: Any, field: FieldDescriptor) -> str:
    kinds = field.enum_type
    assert kinds is not None
    known = kinds.values_by_name
    if isinstance(value, str) and value in known:
        return ""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and value in kinds.values_by_number:
        return ""
    return f"{value!r} is none of {', '.join(known)}"


def _what(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"the text {value!r}" if isinstance(value, str) else f"the number {value}"
