# SPDX-License-Identifier: Apache-2.0
"""JSON Schema of protobuf messages, with either of the two names that JSON has for a field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor as Field

__all__ = ["NAMINGS", "schema"]

Naming = Callable[[Any], tuple[str, ...]]

NAMINGS: Final[dict[str, Naming]] = {
    "both": lambda field: tuple(dict.fromkeys((field.name, field.json_name))),
    "onlyproto": lambda field: (field.name,),
    "onlyjson": lambda field: (field.json_name,),
}

_LIMITS: Final = {
    Field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    Field.CPPTYPE_UINT32: (0, 2**32 - 1),
    Field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    Field.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_DOUBLES: Final = (Field.CPPTYPE_DOUBLE, Field.CPPTYPE_FLOAT)


def schema(message: Any, naming: Naming, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the schema of a message; one inside itself is any object."""
    if message.full_name in above:
        return {"type": "object"}
    inner = (*above, message.full_name)
    properties = {
        name: _field(field, naming, inner) for field in message.fields for name in naming(field)
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _field(field: Any, naming: Naming, above: tuple[str, ...]) -> dict[str, Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        kept = field.message_type.fields_by_name["value"]
        return {"type": "object", "additionalProperties": _one(kept, naming, above)}
    one = _one(field, naming, above)
    return {"type": "array", "items": one} if field.is_repeated else one


def _one(field: Any, naming: Naming, above: tuple[str, ...]) -> dict[str, Any]:
    if field.message_type is not None:
        return schema(field.message_type, naming, above)
    if field.enum_type is not None:
        values = field.enum_type.values
        return {"enum": [value.name for value in values] + [value.number for value in values]}
    if field.cpp_type in _LIMITS:
        least, most = _LIMITS[field.cpp_type]
        return {"type": "integer", "minimum": least, "maximum": most}
    if field.cpp_type in _DOUBLES:
        return {"type": "number"}
    return {"type": "boolean" if field.cpp_type == Field.CPPTYPE_BOOL else "string"}
