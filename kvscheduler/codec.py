# SPDX-License-Identifier: Apache-2.0
"""Values as bytes and back, for the journal: JSON that keeps types and runs nothing it reads."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import functools
import json
import math
import sys
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, Final, Protocol

from .errors import JournalError, describe

__all__ = ["Codec", "JsonCodec", "NotDecodable", "NotEncodable"]

MAX_DEPTH_LEVELS: Final = 100
INT_BITS: Final = 63

Encode = Callable[[Any, int], str]
Decode = Callable[[Any], object]

_ADVICE: Final = "pass Journal(..., codec=...) one that knows it"


class NotEncodable(JournalError, TypeError):
    """A value the codec has no form for; pass ``Journal`` a codec that has one."""


class NotDecodable(JournalError, ValueError):
    """Bytes that are no value here: damaged, or of a class that this program has not loaded."""


class Codec(Protocol):
    """Turn values into bytes and back; what comes back must equal what went in."""

    def encode(self, value: object) -> bytes:
        """Return the value as bytes, the same for the same value; raise where it cannot be."""

    def decode(self, data: bytes) -> object:
        """Return an equal value; must not execute anything that the bytes name."""


class _Message(Protocol):
    """What protobuf messages have; the library itself is not needed here."""

    def SerializeToString(self, *, deterministic: bool) -> bytes:  # noqa: N802 - theirs
        """Return the wire form."""


class JsonCodec:
    """The default codec: ASCII JSON in which everything that JSON lacks is a one-entry object.

    Knows None, bool, int, float, str, bytes, list, tuple, dict, set, frozenset, and members of
    enums, dataclasses, named tuples and protobuf messages. Classes stand as ``module:qualname``
    and are only looked up among what the program has loaded: nothing is imported, and no
    ``__init__``, ``__new__`` or ``__post_init__`` runs. A dataclass may gain fields with a
    default between two versions of a program; what it keeps outside its fields is not stored.
    """

    def __init__(self) -> None:
        """Start with the builtin types; those of classes are added as they are met."""
        self._encoders: dict[type, Encode] = {
            type(None): lambda _value, _depth: "null",
            bool: lambda value, _depth: "true" if value else "false",
            int: _int_text,
            float: _float_text,
            str: _str_text,
            bytes: lambda value, _depth: f'{{"bytes":"{_base64(value)}"}}',
            list: lambda value, depth: f"[{','.join(self._texts(value, depth))}]",
            tuple: lambda value, depth: f'{{"tuple":[{",".join(self._texts(value, depth))}]}}',
            dict: self._dict_text,
            # Sorted: the order in which a set yields its members differs from run to run.
            set: lambda value, depth: f'{{"set":[{",".join(sorted(self._texts(value, depth)))}]}}',
            frozenset: lambda value, depth: (
                f'{{"frozenset":[{",".join(sorted(self._texts(value, depth)))}]}}'
            ),
        }

    def encode(self, value: object) -> bytes:
        """Return the value as ASCII JSON; equal bytes for the same value in every run."""
        return self._text(value, 0).encode("ascii")

    def decode(self, data: bytes) -> object:
        """Return the value that the bytes stand for, or raise ``NotDecodable``."""
        try:
            return _value(_parse(data.decode("ascii")))
        except NotDecodable:
            raise
        except Exception as error:
            # Damaged bytes may ask a class for anything, so anything may come of it.
            message = f"not a stored value: {describe(error)}"
            raise NotDecodable(message) from error

    def _text(self, value: object, depth: int) -> str:
        encoder = self._encoders.get(type(value))
        if encoder is None:
            encoder = self._encoders[type(value)] = self._encoder_for(type(value))
        return encoder(value, depth)

    def _texts(self, values: Iterable[object], depth: int) -> list[str]:
        deeper = _deeper(depth)
        return [self._text(value, deeper) for value in values]

    def _dict_text(self, value: dict[object, object], depth: int) -> str:
        deeper = _deeper(depth)
        text = self._text
        pairs = [f"[{text(key, deeper)},{text(item, deeper)}]" for key, item in value.items()]
        return f'{{"dict":[{",".join(pairs)}]}}'

    def _encoder_for(self, cls: type) -> Encode:
        if issubclass(cls, enum.Enum):
            return _enum_encoder(cls)
        if _is_message(cls):
            return _message_encoder(cls)
        if dataclasses.is_dataclass(cls):
            return self._dataclass_encoder(cls)
        if _is_named_tuple(cls):
            return self._fields_encoder("named", cls, cls._fields)  # type: ignore[attr-defined]  # checked above
        message = f"the journal cannot store a {cls.__module__}.{cls.__qualname__}; {_ADVICE}"
        raise NotEncodable(message)

    def _dataclass_encoder(self, cls: type) -> Encode:
        try:
            object.__new__(cls)
        except TypeError as error:
            message = f"the journal cannot rebuild a {cls.__qualname__}: {error}; {_ADVICE}"
            raise NotEncodable(message) from error
        return self._fields_encoder("data", cls, [field.name for field in dataclasses.fields(cls)])

    def _fields_encoder(self, tag: str, cls: type, names: Iterable[str]) -> Encode:
        head = f'{{"{tag}":[{json.dumps(_name_of(cls))},{{'
        fields = tuple((f"{json.dumps(name)}:", name) for name in names)
        text = self._text

        def encode(value: object, depth: int) -> str:
            deeper = _deeper(depth)
            try:
                items = [f"{start}{text(getattr(value, name), deeper)}" for start, name in fields]
            except AttributeError as error:
                message = f"a {cls.__qualname__} with a field unset: {error}"
                raise NotEncodable(message) from error
            return f"{head}{','.join(items)}}}]}}"

        return encode


def _int_text(value: int, _depth: int) -> str:
    # Python limits the decimal digits that it reads and writes, not the hexadecimal ones.
    return repr(value) if value.bit_length() <= INT_BITS else f'{{"int":"{value:x}"}}'


def _float_text(value: float, _depth: int) -> str:
    return repr(value) if math.isfinite(value) else f'{{"float":"{value!r}"}}'


def _str_text(value: str, _depth: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            # JSON would join two lone surrogates into one character.
            return f'{{"str":"{_base64(value.encode("utf-8", "surrogatepass"))}"}}'
    return _quoted(value)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH_LEVELS:
        message = f"a value nested more than {MAX_DEPTH_LEVELS} levels deep, or within itself"
        raise NotEncodable(message)
    return depth + 1


def _enum_encoder(cls: type[enum.Enum]) -> Encode:
    head = f'{{"enum":[{json.dumps(_name_of(cls))},'

    def encode(value: enum.Enum, _depth: int) -> str:
        # A combination of flags is no member of its own: it goes by its number.
        known = value.name in cls.__members__
        return f"{head}{json.dumps(value.name if known else value.value)}]}}"

    return encode


def _message_encoder(cls: type) -> Encode:
    head = f'{{"message":[{json.dumps(_name_of(cls))},"'

    def encode(value: _Message, _depth: int) -> str:
        try:
            data = value.SerializeToString(deterministic=True)
        except Exception as error:  # the library's own EncodeError has no name here
            message = f"a {cls.__qualname__} that does not serialize: {describe(error)}"
            raise NotEncodable(message) from error
        return f'{head}{_base64(data)}"]}}'

    return encode


def _is_message(cls: type) -> bool:
    wanted = ("DESCRIPTOR", "SerializeToString", "FromString")
    return all(hasattr(cls, name) for name in wanted)


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def _name_of(cls: type) -> str:
    """Name a class so that ``_class_of`` finds it again, here or after a restart."""
    name = f"{cls.__module__}:{cls.__qualname__}"
    if _look_up(name) is not cls:
        message = (
            f"the journal cannot store a {cls.__module__}.{cls.__qualname__}: its class cannot be"
            f" found by that name (move it to the top of a module), or {_ADVICE}"
        )
        raise NotEncodable(message)
    return name


def _look_up(name: str) -> object:
    module, _, path = name.partition(":")
    found: object = sys.modules.get(module)
    for part in path.split("."):
        # Not getattr: a module or a metaclass may run code for it, even an import.
        found = getattr(found, "__dict__", {}).get(part)
    return found


def _class_of(name: str) -> type:
    found = _look_up(name)
    if not isinstance(found, type):
        message = f"class {name} is not loaded; import its module before the journal is opened"
        raise NotDecodable(message)
    return found


def _no_constant(text: str) -> object:
    message = f"{text} is not JSON"
    raise ValueError(message)


_parse: Final = json.JSONDecoder(parse_constant=_no_constant).decode


def _value(node: object) -> object:
    if type(node) is list:
        return [_value(item) for item in node]
    if type(node) is dict:
        ((tag, body),) = node.items()
        return _DECODERS[tag](body)
    return node


def _decode_enum(body: list[Any]) -> object:
    name, member = body
    cls = _class_of(name)
    if issubclass(cls, enum.Flag) and type(member) is int:
        return cls(member)
    if not issubclass(cls, enum.Enum):
        raise _WrongKind(name, "an enum")
    if member not in cls.__members__:
        message = f"{name} has no member {member} any more"
        raise NotDecodable(message)
    return cls.__members__[member]


def _decode_data(body: list[Any]) -> object:
    name, items = body
    cls = _class_of(name)
    if not dataclasses.is_dataclass(cls):
        raise _WrongKind(name, "a dataclass")
    made = object.__new__(cls)
    items = dict(items)
    for field in dataclasses.fields(cls):
        if field.name in items:
            value = _value(items.pop(field.name))
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            message = f"{name} has gained a field without a default: {field.name}"
            raise NotDecodable(message)
        object.__setattr__(made, field.name, value)
    _refuse_leftovers(name, items)
    return made


def _decode_named(body: list[Any]) -> object:
    name, items = body
    cls: Any = _class_of(name)
    if not _is_named_tuple(cls):
        raise _WrongKind(name, "a named tuple")
    items = dict(items)
    values = []
    for field in cls._fields:
        if field not in items and field not in cls._field_defaults:
            message = f"{name} has gained a field without a default: {field}"
            raise NotDecodable(message)
        known = field in items
        values.append(_value(items.pop(field)) if known else cls._field_defaults[field])
    _refuse_leftovers(name, items)
    return tuple.__new__(cls, values)


def _decode_message(body: list[Any]) -> object:
    name, coded = body
    cls: Any = _class_of(name)
    if not _is_message(cls):
        raise _WrongKind(name, "a message")
    made: object = cls.FromString(_bytes(coded))
    return made


def _refuse_leftovers(name: str, items: dict[str, object]) -> None:
    if items:
        message = f"{name} has no field {', '.join(items)} any more"
        raise NotDecodable(message)


class _WrongKind(NotDecodable):
    """The class of that name is no longer what it was when the value was stored."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{name} is not {kind} any more")


_bytes: Final = functools.partial(base64.b64decode, validate=True)

_DECODERS: Final[dict[str, Decode]] = {
    "int": lambda body: int(body, 16),
    "float": float,
    "str": lambda body: _bytes(body).decode("utf-8", "surrogatepass"),
    "bytes": _bytes,
    "tuple": lambda body: tuple([_value(item) for item in body]),
    "dict": lambda body: {_value(key): _value(item) for key, item in body},
    "set": lambda body: {_value(item) for item in body},
    "frozenset": lambda body: frozenset([_value(item) for item in body]),
    "enum": _decode_enum,
    "data": _decode_data,
    "named": _decode_named,
    "message": _decode_message,
}
