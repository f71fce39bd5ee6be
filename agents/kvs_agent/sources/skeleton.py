# SPDX-License-Identifier: Apache-2.0
"""Configuration files to be filled in: every field of a model, with the choices it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ligato.configurator.configurator_pb2 import Config

from ..models import MODELS, Model

__all__ = ["name_of", "named", "skeleton"]

_EMPTY = {
    FieldDescriptor.CPPTYPE_STRING: '""',
    FieldDescriptor.CPPTYPE_BOOL: "false",
    FieldDescriptor.CPPTYPE_DOUBLE: "0.0",
    FieldDescriptor.CPPTYPE_FLOAT: "0.0",
}
PACKAGE = "ligato."
# Of network services; what it is called means nothing.
FOREIGN = "upnp."


def name_of(model: Model) -> str:
    """Return a model's name: that of its message, without the package of all such."""
    return model.message.DESCRIPTOR.full_name.removeprefix(PACKAGE).removeprefix(FOREIGN)


def named(name: str) -> list[Model]:
    """Return the models that a name can mean: its own, or the end of it, in any case."""
    wanted = name.lower().removeprefix(PACKAGE)
    exact = [model for model in MODELS if name_of(model).lower() == wanted]
    return exact or [model for model in MODELS if name_of(model).lower().endswith(f".{wanted}")]


def skeleton(model: Model) -> str:
    """Return a file with one value of a model, all fields in it, none of them filled in."""
    section = Config.DESCRIPTOR.fields_by_name[model.section]
    assert section.message_type is not None
    ones = section.message_type.fields_by_name[model.field]
    lines = [f"{section.json_name}:", f"  {ones.json_name}:"]
    # The stubs of generated code say either of two classes, which are the same at run time.
    message: Any = model.message.DESCRIPTOR
    return "\n".join([*lines, *_listed(_fields(message, ()), "    ")])


def _listed(lines: Iterator[str], margin: str) -> Iterator[str]:
    """Yield lines as the one entry of a list."""
    for number, line in enumerate(lines):
        yield f"{margin}{'  ' if number else '- '}{line}"


def _fields(message: Descriptor, above: tuple[str, ...]) -> Iterator[str]:
    for field in message.fields:
        choice = field.containing_oneof
        is_spare = choice is not None and len(choice.fields) > 1 and choice.fields[0] != field
        for line in _field(field, (*above, message.full_name)):
            yield f"# {line}" if is_spare else line


def _field(field: FieldDescriptor, above: tuple[str, ...]) -> Iterator[str]:
    name = field.name
    if field.message_type is None:
        value, note = _scalar(field)
        yield f"{name}: [{value}]{note}" if field.is_repeated else f"{name}: {value}{note}"
        return
    if field.message_type.full_name in above:
        return
    yield f"{name}:"
    inner = _fields(field.message_type, above)
    if field.is_repeated:
        yield from _listed(inner, "  ")
    else:
        yield from (f"  {line}" for line in inner)


def _scalar(field: FieldDescriptor) -> tuple[str, str]:
    """Return what stands for no value, and what may stand there."""
    if field.enum_type is None:
        return _EMPTY.get(field.cpp_type, "0"), ""
    names = [value.name for value in field.enum_type.values]
    known = [name for name in names if name != "UNDEFINED"]
    return known[0], f"  # {', '.join(known)}"
