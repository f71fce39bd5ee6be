# SPDX-License-Identifier: Apache-2.0
"""JSON as messages: what is written is read again, what is bent is refused with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import find, given
from hypothesis import strategies as st

from kvs_agent.sources.config import load_text
from kvs_agent.sources.problems import ConfigError, Problem
from ligato.configurator.configurator_pb2 import Config
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.l3.arp_pb2 import ARPEntry
from ligato.linux.l3.route_pb2 import Route
from ligato.linux.linux_pb2 import ConfigData
from tests.fuzz.messages import GOOD, bent, messages, often
from tests.fuzz.rounds import PATIENCE_S

pytestmark = pytest.mark.timeout(PATIENCE_S)


def alone(value: Message) -> ConfigData:
    """Return the configuration of one value."""
    return ConfigData(
        interfaces=[value] if isinstance(value, Interface) else [],
        arp_entries=[value] if isinstance(value, ARPEntry) else [],
        routes=[value] if isinstance(value, Route) else [],
    )


WHOLE = ConfigData(
    interfaces=[one for one in GOOD if isinstance(one, Interface)],
    arp_entries=[one for one in GOOD if isinstance(one, ARPEntry)],
    routes=[one for one in GOOD if isinstance(one, Route)],
)
DRAWN = messages(ConfigData) | bent([WHOLE]) | bent(GOOD).map(alone)
STRANGE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from([[], {}, [[]], {"name": {}}, "TAP", "veth", "1", -1, 2**32, 1e300])
)


@often(150)
@given(DRAWN, st.booleans())
def test_a_message_that_is_written_as_json_is_read_again_or_refused(
    data: ConfigData, as_it_is_named: bool
) -> None:
    config = Config(linux_config=data)
    text = json_format.MessageToJson(config, preserving_proto_field_name=as_it_is_named)

    found, problems = outcome(text)

    sent = [*data.interfaces, *data.arp_entries, *data.routes]
    kinds = {type(one) for one in sent}
    read = [one for one in found.values() if type(one) in kinds]
    assert problems or sorted(map(stored, read)) == sorted(map(stored, sent))
    assert all(one.text and one.line for one in problems)


@often(150)
@given(DRAWN, st.data())
def test_what_is_bent_in_one_place_is_refused_if_protobuf_refuses_it(
    data: ConfigData, draw: st.DataObject
) -> None:
    plain = json_format.MessageToDict(Config(linux_config=data))
    holder, step = draw.draw(st.sampled_from([({"all": plain}, "all"), *places(plain)]))
    bend(holder, step, draw.draw(STRANGE), draw.draw(st.sampled_from(["", "name", "Mtu", "\n"])))

    _, problems = outcome(json.dumps(plain))

    assert all(one.text for one in problems)
    if not problems:
        json_format.ParseDict(plain, Config())


@often(100)
@given(DRAWN)
def test_a_text_cut_anywhere_is_refused_with_a_line(data: ConfigData) -> None:
    text = json_format.MessageToJson(Config(linux_config=data))
    lines = text.count("\n") + 2

    for end in range(1, len(text) - 1, max(1, len(text) // 20)):
        with pytest.raises(ConfigError) as refused:
            load_text(text[:end], "cut.json")
        assert all(0 < one.line <= lines for one in refused.value.problems)


def test_of_what_is_drawn_some_is_read_and_some_is_refused() -> None:
    def read(data: ConfigData) -> bool:
        found, _ = outcome(json_format.MessageToJson(Config(linux_config=data)))
        return bool(found)

    assert read(find(DRAWN, read))
    assert not read(find(DRAWN, lambda data: not read(data)))


def outcome(text: str) -> tuple[Mapping[str, Message], tuple[Problem, ...]]:
    """Return what a text is read as, or what is wrong with it."""
    try:
        return load_text(text, "drawn.json"), ()
    except ConfigError as refused:
        return {}, refused.problems


def stored(message: Message) -> bytes:
    """Return a message as bytes, with its kind, to compare by."""
    return type(message).__name__.encode() + message.SerializeToString(deterministic=True)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place in plain data: what holds it, and the step to it."""
    stack = [data]
    while stack:
        holder = stack.pop()
        steps = list(holder) if isinstance(holder, dict) else range(len(holder))
        for step in steps:
            yield holder, step
            if isinstance(holder[step], dict | list):
                stack.append(holder[step])


def bend(holder: Any, step: Any, value: Any, name: str) -> None:
    """Put something strange in a place, or give the place another name."""
    if name and isinstance(holder, dict):
        holder[name] = holder.pop(step)
    else:
        holder[step] = value
