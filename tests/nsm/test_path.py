# SPDX-License-Identifier: Apache-2.0
"""Paths: what both sides of a call do with them, and that the mesh's sdk does the same."""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvs_descriptors.nsm import path
from kvs_descriptors.nsm.errors import BadPath
from kvs_proto.networkservice.connection_pb2 import DOWN, UP, Connection, PathSegment
from tests.nsm.oracle import Oracle

NAMES = st.sampled_from(["client", "manager", "forwarder", "endpoint"])
IDS = st.sampled_from(["a", "b", "c", ""])
SEGMENTS = st.lists(st.builds(PathSegment, name=NAMES, id=IDS), max_size=5)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    """Return any connection, most of them whole."""
    segments = draw(SEGMENTS)
    index = draw(st.integers(0, len(segments) + 1))
    connection = Connection(id=draw(IDS), network_service="ns")
    if index < len(segments) and draw(st.integers(0, 9)):
        connection.id = segments[index].id
    connection.path.index = index
    connection.path.path_segments.extend(segments)
    return connection


def fresh() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new-{next(numbers)}"


def names(connection: Connection) -> list[str]:
    return [segment.name for segment in connection.path.path_segments]


def ids(connection: Connection) -> list[str]:
    return [segment.id for segment in connection.path.path_segments]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(connections(), NAMES)
def test_a_server_enters_a_path_as_the_sdk_does(
    oracle: Oracle, connection: Connection, name: str
) -> None:
    if not connection.path.path_segments:
        return  # the sdk begins a path then; who is asked here is never the first

    expected = oracle.enter(connection, name)

    if expected is None:
        with pytest.raises(BadPath):
            path.enter(connection, name, fresh())
        return
    entered = path.enter(connection, name, fresh())
    assert names(entered) == names(expected)
    assert entered.path.index == expected.path.index
    known = {*ids(connection), connection.id}
    assert [one if one in known else "new" for one in ids(entered)] == [
        one if one in known else "new" for one in ids(expected)
    ]
    assert entered.id == ids(entered)[entered.path.index]


@given(connections(), NAMES)
def test_entering_alters_nothing_that_it_is_given(connection: Connection, name: str) -> None:
    before = connection.SerializeToString(deterministic=True)

    with contextlib.suppress(BadPath):
        path.enter(connection, name, fresh())

    assert connection.SerializeToString(deterministic=True) == before


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_a_refresh_keeps_every_id(servers: list[str]) -> None:
    new_id = fresh()

    def through(connection: Connection) -> Connection:
        for name in servers:
            connection = path.enter(connection, name, new_id)
        for _ in servers:
            index = connection.path.index
            connection.path.index -= 1
            connection.id = connection.path.path_segments[index - 1].id
        return connection

    first = through(path.begin(Connection(network_service="ns"), "me", "me-1"))
    second = through(first)

    assert ids(second) == ids(first)
    assert len(set(ids(first))) == len(servers) + 1
    assert (second.id, second.path.index) == ("me-1", 0)


@given(connections(), NAMES)
def test_leaving_gives_the_turn_back_to_who_asked(connection: Connection, name: str) -> None:
    try:
        entered = path.enter(connection, name, fresh())
        left = path.leave(entered)
    except BadPath:
        return

    assert left.path.index == entered.path.index - 1
    assert left.id == ids(entered)[left.path.index]
    assert len(left.path.path_segments) == entered.path.index + 1
    assert left.state == UP


def test_a_first_request_has_its_client_alone_in_the_path() -> None:
    old = Connection(id="x", network_service="ns", state=DOWN)
    old.path.path_segments.add(name="somebody")

    asked = path.begin(old, "me", "me-1")

    assert (asked.id, names(asked), ids(asked)) == ("me-1", ["me"], ["me-1"])
    assert (old.id, names(old)) == ("x", ["somebody"])


def test_who_comes_again_has_the_turn_whoever_told_of_the_connection() -> None:
    told = Connection(id="m-1")
    told.path.index = 1
    told.path.path_segments.add(name="me", id="me-1")
    told.path.path_segments.add(name="manager", id="m-1")

    asked = path.resume(told)

    assert (asked.id, asked.path.index, ids(asked)) == ("me-1", 0, ["me-1", "m-1"])


def test_without_a_path_nobody_can_come_again() -> None:
    with pytest.raises(BadPath, match="no path"):
        path.resume(Connection(id="x"))


def test_another_endpoint_at_the_same_place_is_another_connection() -> None:
    asked = path.begin(Connection(), "me", "me-1")
    asked.path.path_segments.add(name="old", id="old-1", token="old's")

    entered = path.enter(asked, "new", fresh())

    assert (names(entered), entered.id) == (["me", "new"], "new-0")
    assert entered.path.path_segments[1].token == ""


def test_the_callers_token_overwrites_what_the_path_has() -> None:
    asked = path.begin(Connection(), "me", "me-1")
    asked.path.path_segments[0].token = "for the one before"
    entered = path.enter(asked, "endpoint", fresh())

    signed = path.sign(entered, ("theirs", NOW), ("ours", NOW))

    assert [one.token for one in signed.path.path_segments] == ["theirs", "ours"]
    assert path.previous(signed).expires.ToDatetime(datetime.UTC) == NOW
    assert entered.path.path_segments[0].token == "for the one before"


def test_nobody_is_before_the_first() -> None:
    assert path.previous(path.begin(Connection(), "me", "me-1")) == PathSegment()


def test_a_path_without_end_is_refused() -> None:
    connection = Connection(id="x")
    connection.path.path_segments.extend(PathSegment(name="n", id="x") for _ in range(65))

    with pytest.raises(BadPath, match="more than 64"):
        path.enter(connection, "endpoint", fresh())


@pytest.mark.parametrize(("index", "is_ours"), [(0, True), (1, True), (2, False)])
def test_what_is_told_is_ours_where_the_turn_is_at_us_or_at_who_tells(
    index: int, is_ours: bool
) -> None:
    told = Connection()
    told.path.index = index
    for one in ("a", "b", "c"):
        told.path.path_segments.add(name=one, id=one)

    assert path.is_mine(told, 0, "a") is is_ours
    assert path.is_mine(told, 0, "b") is False
    assert path.is_mine(told, 3, "d") is False


@given(connections())
def test_one_before_the_last_answers_with_what_is_beyond_it(connection: Connection) -> None:
    segments = connection.path.path_segments
    if not 0 < connection.path.index < len(segments):
        return

    left = path.leave(connection, is_last=False)

    assert left.path.path_segments == segments
    assert left.path.index == connection.path.index - 1
    assert left.id == segments[left.path.index].id


@given(connections(), connections())
def test_a_joined_path_is_the_callers_up_to_us(one: Connection, other: Connection) -> None:
    end = one.path.index + 1
    if end > len(one.path.path_segments):
        return

    joined = path.joined(one, other)

    assert joined.index == one.path.index
    assert joined.path_segments[:end] == one.path.path_segments[:end]
    assert joined.path_segments[end:] == other.path.path_segments[end:]
