# SPDX-License-Identifier: Apache-2.0
"""The codec: what it stores comes back equal, and what it reads runs nothing."""

from __future__ import annotations

import dataclasses
import enum
import math
import os
import subprocess
import sys
from typing import NamedTuple

import pytest
from google.protobuf import descriptor_pb2, struct_pb2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvscheduler.codec import JsonCodec, NotDecodable, NotEncodable


class Colour(enum.Enum):
    RED = "red"
    SCARLET = "red"  # noqa: PIE796 - an alias, on purpose
    BLUE = (1, 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: object
    y: object = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    name: object
    mtu: object = 1500


@dataclasses.dataclass
class Guarded:
    size: int

    def __post_init__(self) -> None:
        message = "constructed"
        raise AssertionError(message)


@dataclasses.dataclass
class Outer:
    @dataclasses.dataclass
    class Inner:
        """A class within a class."""

        value: object

    inner: Inner


class Plain:
    """Nothing that the codec knows."""


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.sampled_from([*Colour, *Level, Right.READ, Right.READ | Right.WRITE, Right(0)])
)
HASHABLE = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.frozensets(inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Link, inner, inner)
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.sets(HASHABLE, max_size=4)
        | st.builds(Point, inner, inner)
        | st.builds(Link, inner)
        | st.builds(Outer, st.builds(Outer.Inner, inner))
    ),
    max_leaves=12,
)
CODEC = JsonCodec()


def shape(value: object) -> object:
    """Return what equality hides: types, the order of dicts, and the sign of a zero."""
    if isinstance(value, Colour | Level | Right | bytes | str | None):
        return value
    if isinstance(value, int | float):
        return type(value), repr(value) if abs(value) < 1e300 else hash(value)
    if dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, set | frozenset):
        return type(value), sorted(map(repr, map(shape, value)))
    else:
        assert isinstance(value, list | tuple)
        parts = list(value)
    return type(value), tuple(map(shape, parts))


@settings(deadline=None)
@given(VALUES)
@example("\ud83d\ude00")
@example(-0.0)
@example(10**5000)
@example([float("inf"), float("-inf")])
@example({(1, 2): {"a": None}, None: frozenset({b""})})
def test_a_value_comes_back_equal_and_of_the_same_types(value: object) -> None:
    back = CODEC.decode(CODEC.encode(value))

    assert back == value
    assert shape(back) == shape(value)


@settings(deadline=None)
@given(VALUES)
def test_what_comes_back_is_stored_as_the_same_bytes(value: object) -> None:
    data = CODEC.encode(value)

    assert JsonCodec().encode(CODEC.decode(data)) == data
    assert data.isascii()


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.floats() | st.text() | st.booleans(), max_size=5))
def test_a_message_comes_back_as_the_same_message(
    fields: dict[str, float | str | bool],
) -> None:
    message = struct_pb2.Struct()
    message.update(fields)

    back = CODEC.decode(CODEC.encode(message))

    assert isinstance(back, struct_pb2.Struct)
    assert back.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


def test_a_message_class_within_another_is_found_again() -> None:
    message = descriptor_pb2.DescriptorProto.ExtensionRange(start=3)

    assert CODEC.decode(CODEC.encode([message])) == [message]


def test_not_a_number_comes_back_as_such() -> None:
    back = CODEC.decode(CODEC.encode(float("nan")))

    assert isinstance(back, float)
    assert math.isnan(back)


@settings(deadline=None)
@given(st.binary() | st.text(alphabet='{}[]",:0123456789abdegimnsu', max_size=40).map(str.encode))
@example(b'{"data":["builtins:object",{}]}')
@example(b'{"enum":["os:system","x"]}')
@example(b"[" * 100_000)
@example(b'{"float":"x"}')
@example(b"NaN")
def test_any_bytes_are_either_a_value_or_refused(data: bytes) -> None:
    try:
        value = CODEC.decode(data)
    except NotDecodable:
        return

    assert CODEC.decode(CODEC.encode(value)) == value or value != value  # noqa: PLR0124 - nan


def test_sets_are_stored_alike_whatever_the_hash_seed() -> None:
    code = (
        "from kvscheduler.codec import JsonCodec;"
        "print(JsonCodec().encode({'a', 'b', 'c', 'd', ('e', 'f')}))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            timeout=20,
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(outputs) == 1


def test_rebuilding_runs_no_constructor() -> None:
    data = CODEC.encode(Link("a", 1)).replace(b":Link", b":Guarded")
    data = data.replace(b'"name":"a","mtu":1', b'"size":5')

    back = CODEC.decode(data)

    assert isinstance(back, Guarded)
    assert back.size == 5


def test_a_class_whose_module_is_not_loaded_is_refused_and_not_imported() -> None:
    sys.modules.pop("this", None)

    with pytest.raises(NotDecodable, match="this:Zen is not loaded"):
        CODEC.decode(b'{"data":["this:Zen",{}]}')

    assert "this" not in sys.modules


@pytest.mark.parametrize("tag", ["data", "named", "enum", "message"])
@pytest.mark.parametrize("name", ["subprocess:Popen", "os:system", "builtins:dict"])
def test_a_loaded_class_of_another_kind_is_not_built(tag: str, name: str) -> None:
    with pytest.raises(NotDecodable):
        CODEC.decode(f'{{"{tag}":["{name}",{{}}]}}'.encode())


def test_a_field_added_with_a_default_is_filled_in() -> None:
    data = CODEC.encode(Link("a", 9)).replace(b',"mtu":9', b"")

    assert CODEC.decode(data) == Link("a", 1500)
    assert CODEC.decode(CODEC.encode(Point(1)).replace(b',"y":0', b"")) == Point(1, 0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"name":"a",', b"", "gained a field without a default: name"),
        (b'"mtu"', b'"speed"', "has no field speed any more"),
    ],
)
def test_a_field_that_has_gone_or_come_is_named(old: bytes, new: bytes, said: str) -> None:
    data = CODEC.encode(Link("a", 9)).replace(old, new)

    with pytest.raises(NotDecodable, match=said):
        CODEC.decode(data)


def test_a_member_that_has_gone_is_named() -> None:
    data = CODEC.encode(Colour.RED).replace(b'"RED"', b'"GREEN"')

    with pytest.raises(NotDecodable, match="no member GREEN"):
        CODEC.decode(data)


@pytest.mark.parametrize(
    "value", [Plain(), object, [Plain()], {1: Plain()}, Link(Plain()), bytearray(), 1j, range(2)]
)
def test_an_unknown_type_is_refused_by_name_with_the_way_out(value: object) -> None:
    with pytest.raises(NotEncodable, match=r"cannot store a .*codec="):
        CODEC.encode(value)


def test_a_class_that_cannot_be_found_again_is_refused() -> None:
    @dataclasses.dataclass
    class Local:
        value: int

    with pytest.raises(NotEncodable, match="Local: its class cannot be found"):
        CODEC.encode(Local(1))


def test_a_value_within_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)

    with pytest.raises(NotEncodable, match="within itself"):
        CODEC.encode(ring)


def test_the_deepest_value_that_is_stored_can_be_read() -> None:
    value: object = ()
    for _ in range(99):
        value = Link(value)

    back = CODEC.decode(CODEC.encode(value))

    assert CODEC.encode(back) == CODEC.encode(value)
    with pytest.raises(NotEncodable, match="100 levels"):
        CODEC.encode(Link(value))


def test_a_dataclass_with_a_field_unset_is_refused() -> None:
    link = object.__new__(Link)

    with pytest.raises(NotEncodable, match="field unset"):
        CODEC.encode(link)


@dataclasses.dataclass
class Mapped(dict[str, int]):
    """A dataclass that is a builtin type as well: its items would be lost."""

    size: int


def test_a_dataclass_that_is_a_builtin_type_too_is_refused() -> None:
    with pytest.raises(NotEncodable, match="cannot rebuild a Mapped"):
        CODEC.encode(Mapped(1))


def test_a_message_that_lacks_a_required_field_is_refused() -> None:
    part = descriptor_pb2.UninterpretedOption.NamePart(name_part="x")

    with pytest.raises(NotEncodable, match="does not serialize"):
        CODEC.encode(part)


def test_a_named_tuple_that_has_gained_a_field_is_refused() -> None:
    data = CODEC.encode(Point(1)).replace(b'"x":1,', b"")

    with pytest.raises(NotDecodable, match="gained a field without a default: x"):
        CODEC.decode(data)


def test_a_field_made_by_a_factory_is_filled_in() -> None:
    data = CODEC.encode(Made([1])).replace(b'"items":[1]', b"")

    assert CODEC.decode(data) == Made([])


@dataclasses.dataclass
class Made:
    items: list[int] = dataclasses.field(default_factory=list)
