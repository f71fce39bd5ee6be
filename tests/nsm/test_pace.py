# SPDX-License-Identifier: Apache-2.0
"""When connections and registrations are asked for again: always before they end."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm import pace
from kvs_proto.networkservice.connection_pb2 import Connection

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LIVES = st.floats(0.1, 1e6)


def lasting(*lives_s: float, index: int = 0) -> Connection:
    connection = Connection()
    connection.path.index = index
    for life in lives_s:
        end = NOW + datetime.timedelta(seconds=life)
        connection.path.path_segments.add().expires.FromDatetime(end)
    return connection


@given(st.lists(LIVES, min_size=1, max_size=6), st.data())
def test_a_connection_is_refreshed_well_before_any_token_expires(
    lives_s: list[float], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(lives_s) - 1))

    after_s = pace.refresh_after_s(lasting(*lives_s, index=index), NOW)

    assert 0 < after_s <= 0.4 * min(lives_s)


@given(LIVES, st.integers(2, 6))
def test_who_is_nearer_to_the_client_refreshes_first(life_s: float, count: int) -> None:
    times = [
        pace.refresh_after_s(lasting(*[life_s] * count, index=index), NOW)
        for index in range(count)
    ]

    assert times == sorted(times)
    assert len(set(times)) == count


@pytest.mark.parametrize(
    ("lives_s", "index", "after_s"),
    [
        ((600, 600, 600, 600), 0, 120),
        ((600, 60, 600), 0, 12),
        ((600,), 0, 200),
        ((100, 100), 1, 30),
    ],
)
def test_the_shares_are_the_sdks(lives_s: tuple[float, ...], index: int, after_s: float) -> None:
    assert pace.refresh_after_s(lasting(*lives_s, index=index), NOW) == pytest.approx(after_s)


def test_what_has_expired_or_never_was_signed_is_refreshed_at_once() -> None:
    assert pace.refresh_after_s(lasting(-5, 600), NOW) == 0
    assert pace.refresh_after_s(Connection(), NOW) == 0


def test_a_registration_is_renewed_at_two_thirds() -> None:
    end = NOW + datetime.timedelta(seconds=60)

    assert pace.register_after_s(end, NOW) == pytest.approx(40)
    assert pace.register_after_s(NOW, end) == 0


@given(LIVES, LIVES)
def test_a_call_leaves_the_connection_time_to_live(wanted_s: float, life_s: float) -> None:
    allowed_s = pace.call_timeout_s(wanted_s, life_s)

    # The mesh takes the time that a call may have taken off the life of what it is about.
    left_s = life_s - allowed_s
    assert allowed_s <= wanted_s
    assert left_s > pace.refresh_after_s(lasting(*[life_s] * 4), NOW) + allowed_s
