# SPDX-License-Identifier: Apache-2.0
"""Show any value as plain JSON data: the same data for equal values, in every process."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from .messages import HIDDEN, Json, plain_message

__all__ = ["HIDDEN", "Json", "Shown", "jsonable"]

MAX_DEPTH = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A value as it was shown elsewhere, to be shown just so: such as one of another process."""

    data: Json


def jsonable(value: object, depth: int = MAX_DEPTH) -> Json:
    """Return the value as JSON data; what JSON does not know becomes its ``repr``.

    Messages are shown in their own JSON form, less what protobuf's option ``debug_redact``
    marks as secret; dataclasses and named tuples by their fields.
    Nothing raises: a value that cannot even be shown is named by its type.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return _scalar(value)
    if isinstance(value, Shown):
        return value.data
    if depth <= 0:
        return _named(value)
    if hasattr(value, "DESCRIPTOR") and hasattr(value, "SerializeToString"):
        return _message(value)
    return _container(value, depth - 1)


def _scalar(value: float | str | None) -> Json:
    """Return a plain value; an enum member by its name, and what is not a number as text."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def _container(value: object, depth: int) -> Json:
    """Return what holds other values, or the text of what does not."""
    fields = _fields(value)
    if fields is not None:
        return {name: jsonable(getattr(value, name, None), depth) for name in fields}
    if isinstance(value, Mapping):
        pairs = {_name(key): jsonable(item, depth) for key, item in value.items()}
        return dict(sorted(pairs.items()))
    if isinstance(value, AbstractSet):
        # Sets of strings iterate in another order in every process.
        return sorted((jsonable(item, depth) for item in value), key=repr)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [jsonable(item, depth) for item in value]
    return value.name if isinstance(value, enum.Enum) else _named(value)


def _fields(value: object) -> Sequence[str] | None:
    """Return the names of a dataclass' or named tuple's fields, None for what has none."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [field.name for field in dataclasses.fields(value) if field.repr]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(map(str, value._fields))
    return None


def _message(value: object) -> Json:
    """Return a protobuf message in its JSON form, its fields in the order of their numbers."""
    try:
        if (plain := plain_message(value)) is not None:
            return plain
        # By name: whoever holds a message has protobuf, and the engine shall not need it.
        json_format = importlib.import_module("google.protobuf.json_format")
        return _ordered(json_format.MessageToDict(value), getattr(value, "DESCRIPTOR", None))
    except Exception:  # noqa: BLE001 - such as an Any of an unknown type; showing never fails
        # Not its repr: what cannot be read may be a secret.
        return f"<{getattr(getattr(value, 'DESCRIPTOR', None), 'full_name', 'message')}>"


def _ordered(data: object, message: Any) -> Json:
    """Return a message's JSON data with its maps sorted: these alone keep no order.

    ``message`` describes the message; None for what has names that no description knows.
    """
    if isinstance(data, list):
        return [_ordered(item, message) for item in data]
    if not isinstance(data, dict):
        return data if isinstance(data, bool | int | float | str) else None
    name = "google.protobuf." if message is None else message.full_name
    if name == "google.protobuf.Any":
        return _any(data, message)
    if name.startswith("google.protobuf.") or _is_map(message):
        kept = _map_values(message)
        return {str(key): _ordered(data[key], kept) for key in sorted(data)}
    fields = {field.json_name: field for field in message.fields}
    return {
        key: _field(item, fields.get(key) or _extension(key, message))
        for key, item in data.items()
    }


def _any(data: dict[str, Any], message: Any) -> Json:
    """Return a message that names its own type, as one of that type."""
    url = str(data.get("@type", ""))
    rest = {key: item for key, item in data.items() if key != "@type"}
    inner = message.file.pool.FindMessageTypeByName(url.rpartition("/")[2]) if url else None
    if inner is not None and inner.full_name.startswith("google.protobuf."):
        shown: Json = {key: _ordered(item, inner) for key, item in rest.items()}
    else:
        shown = _ordered(rest, inner)
    assert isinstance(shown, dict)
    return {"@type": url, **shown} if url else shown


def _extension(name: str, message: Any) -> Any:
    """Return the description of a field that another file adds: "[its.full.name]"."""
    return message.file.pool.FindExtensionByName(name[1:-1])


def _field(data: object, field: Any) -> Json:
    """Return the data of one field; of a secret no more than that there is one."""
    if field.GetOptions().debug_redact:
        return HIDDEN
    return _ordered(data, field.message_type)


def _is_map(message: object) -> bool:
    """Tell whether a description is that of a map's entries."""
    options = getattr(message, "GetOptions", None)
    return bool(options and options().map_entry)


def _map_values(message: object) -> object:
    """Return the description of a map's values, None where these are no messages."""
    if not _is_map(message):
        return None
    return getattr(message, "fields_by_name")["value"].message_type  # noqa: B009 - untyped


def _name(key: object) -> str:
    """Return a mapping's key as text."""
    return key if isinstance(key, str) else _named(key)


def _named(value: object) -> str:
    """Return the ``repr``, or the type where that would show an address or fails."""
    kind = type(value)
    nameless = f"<{kind.__module__}.{kind.__qualname__}>"
    if kind.__repr__ is object.__repr__:
        return nameless
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a value that cannot show itself must not stop a plan
        return nameless
