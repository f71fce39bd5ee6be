# SPDX-License-Identifier: Apache-2.0
"""Transactions come out whole and once, however a server cuts, repeats and interrupts them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_agent.etcd.assembly import Assembly
from kvs_agent.etcd.entries import Entry, Listing, prefix_range
from kvs_agent.etcd.errors import Rewound
from kvs_agent.etcd.mark import Change, Event, Mark
from kvs_proto.etcd.v1 import etcd_pb2 as pb

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=8)


def _events(revision: int, size: int) -> list[pb.Event]:
    return [
        pb.Event(
            type=pb.Event.DELETE if number % 2 else pb.Event.PUT,
            kv=pb.KeyValue(key=b"%d" % number, mod_revision=revision, version=1),
        )
        for number in range(size)
    ]


@given(sizes=SIZES, data=st.data())
def test_parts_repetitions_and_signs_of_life_change_nothing(sizes: list[int], data: Any) -> None:
    history = [_events(10 + 2 * index, size) for index, size in enumerate(sizes)]
    assembly = Assembly(9)
    changes: list[Change] = []

    position = 0
    while position < len(history):
        first = data.draw(st.integers(0, position))  # what an older server tells again
        position = data.draw(st.integers(position + 1, len(history)))
        rest = [event for events in history[first:position] for event in events]
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            part, rest = rest[:size], rest[size:]
            changes += assembly.add(pb.WatchResponse(events=part, fragment=bool(rest)))
            if data.draw(st.booleans()):
                changes += assembly.add(pb.WatchResponse(watch_id=-1))

    assert [change.revision for change in changes] == [10 + 2 * i for i in range(len(sizes))]
    assert [len(change.events) for change in changes] == sizes
    for change in changes:
        gone = [event.entry is None for event in change.events]
        assert gone == [bool(number % 2) for number in range(len(gone))]


def test_nothing_is_delivered_before_its_last_part() -> None:
    assembly = Assembly(0)

    assert assembly.add(pb.WatchResponse(events=_events(1, 2), fragment=True)) == []
    (change,) = assembly.add(pb.WatchResponse(events=_events(1, 1)))
    assert len(change.events) == 3


def _entry(key: bytes, revision: int, version: int = 1, value: bytes = b"") -> Entry:
    return Entry(key, value, revision, revision, version, 0)


A, B, C = _entry(b"a", 3), _entry(b"b", 4), _entry(b"c", 10)


@pytest.mark.parametrize(
    "other",
    [
        Listing(8, 9, [A, B]),
        Listing(7, 9, []),
        Listing(7, 9, [A]),
        Listing(7, 9, [A, B, C]),
        Listing(7, 9, [A, _entry(b"b", 4, value=b"other")]),
        Listing(7, 9, [A, _entry(b"b", 5)]),
        Listing(7, 9, [A, _entry(b"b", 4, version=2)]),
        Listing(7, 9, [B, C]),
    ],
)
def test_another_history_is_told_from_the_same(other: Listing) -> None:
    mark = Mark(Listing(7, 9, [A, B]))

    mark.check(Listing(7, 9, [A, B]))
    with pytest.raises(Rewound):
        mark.check(other)


def test_a_mark_follows_what_is_made_changed_and_deleted() -> None:
    mark = Mark(Listing(7, 9, [A, B]))
    changed = _entry(b"b", 11, version=2)

    mark.advance(Change(10, (Event(b"c", C), Event(b"a", None))))
    mark.check(Listing(7, 10, [B, C]))
    mark.advance(Change(11, (Event(b"b", changed),)))
    mark.check(Listing(7, 11, [changed, C]))
    mark.advance(Change(12, (Event(b"b", None), Event(b"c", None))))
    mark.check(Listing(7, 12, []))

    assert mark.revision == 12


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"/p/", (b"/p/", b"/p0")),
        (b"a\xff", (b"a\xff", b"b")),
        (b"\xff\xff", (b"\xff\xff", b"\0")),
        (b"", (b"\0", b"\0")),
    ],
)
def test_a_prefix_is_a_range(prefix: bytes, expected: tuple[bytes, bytes]) -> None:
    assert prefix_range(prefix) == expected
