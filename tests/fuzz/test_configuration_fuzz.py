# SPDX-License-Identifier: Apache-2.0
"""Files bent out of shape: a good one with pieces cut, doubled and swapped never does harm."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.sources.config import load_text
from kvs_agent.sources.problems import ConfigError, Problem
from kvs_descriptors import linux
from kvs_descriptors.linux import keys
from kvscheduler import Descriptor, InvalidValue
from tests.fuzz.messages import often
from tests.fuzz.rounds import PATIENCE_S

pytestmark = pytest.mark.timeout(PATIENCE_S)

GOOD = (pathlib.Path(__file__).parents[2] / "examples" / "topology.yaml").read_text()
PIECES = [
    *"[]{}:,-&*!|>'\"#%@`\n\t ",
    "name",
    "veth",
    "10.0.0.1/24",
    "true",
    "0",
    "\x00",
    "é",
    "---",
]
CUTS = st.tuples(
    st.integers(0, len(GOOD)), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=4)
)


def bent(cuts: list[tuple[int, int, list[str]]]) -> str:
    text = GOOD
    for start, length, pieces in cuts:
        text = text[:start] + "".join(pieces) + text[start + length :]
    return text


@often(200)
@given(st.lists(CUTS, min_size=1, max_size=4))
def test_a_bent_file_is_refused_or_its_values_mean_something(
    cuts: list[tuple[int, int, list[str]]],
) -> None:
    found, refused = outcome(bent(cuts))

    assert all(one.text and one.file == "bent.yaml" for one in refused)
    for key, value in found.items():
        taking = [one for one in linux.descriptors() if one.selects(key)]
        assert len(taking) == 1 or key.startswith(keys.ARP)
        for descriptor in taking:
            check(descriptor, key, value)


def outcome(text: str) -> tuple[Mapping[str, Message], tuple[Problem, ...]]:
    try:
        return load_text(text, "bent.yaml"), ()
    except ConfigError as refused:
        return {}, refused.problems


def check(descriptor: Descriptor[Any, Any], key: str, value: Message) -> None:
    with contextlib.suppress(InvalidValue):
        descriptor.validate(key, value)
        # What is not refused can be planned without an error.
        assert descriptor.equivalent(key, value, value)
        assert not descriptor.requires_recreate(key, value, value, None)
        assert len({*descriptor.claims(key, value)}) == len([*descriptor.claims(key, value)])
        assert all(one.key for one in descriptor.derived(key, value))
        assert all(one.label for one in descriptor.dependencies(key, value))
