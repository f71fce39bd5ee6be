# SPDX-License-Identifier: Apache-2.0
"""A field marked as secret: what is wrong with it is told without it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from kvs_agent import shape


def login() -> Any:
    """Return the description of a message with secrets of several types."""
    file = FileDescriptorProto(name="login.proto", package="login", syntax="proto3")
    message = file.message_type.add(name="Login")
    for number, (name, kind, label) in enumerate(
        [("word", 9, 1), ("pin", 13, 1), ("words", 9, 3)], start=1
    ):
        field = message.field.add(name=name, number=number, type=kind, label=label)
        field.options.debug_redact = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindMessageTypeByName("login.Login")


@pytest.mark.parametrize(
    ("data", "at"),
    [
        ({"word": 4711}, "word"),
        ({"word": "4711\n"}, "word"),
        ({"pin": "4711"}, "pin"),
        ({"pin": -4711}, "pin"),
        ({"words": "4711"}, "words"),
        ({"words": ["x", 4711]}, "words"),
    ],
)
def test_what_is_wrong_with_a_secret_is_told_without_it(data: dict[str, object], at: str) -> None:
    (fault,) = shape.faults(data, login())

    assert fault == ((at,), "is not what this field takes, and secret: it is not shown")


def test_a_secret_that_fits_is_taken() -> None:
    right = {"word": "4711", "pin": 4711, "words": ["47", "11"]}

    assert list(shape.faults(right, login())) == []
