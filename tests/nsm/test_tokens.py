# SPDX-License-Identifier: Apache-2.0
"""Tokens: who calls whom, until when; nothing else passes."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvs_descriptors.nsm import tokens
from kvs_descriptors.nsm.errors import BadToken
from kvs_descriptors.nsm.wire.links import now
from kvs_proto.networkservice.connection_pb2 import PathSegment
from tests.nsm.authority import Authority
from tests.nsm.forging import FORGED, Forge

ME = Authority().identity("me")
US = "spiffe://test.nsm/us"
HOUR = datetime.timedelta(hours=1)
ZONES = st.integers(-12, 12).map(lambda hours: datetime.timezone(datetime.timedelta(hours=hours)))
# Strategies take their bounds without a zone.
TIMES = st.datetimes(
    datetime.datetime(2026, 1, 1),  # noqa: DTZ001 - see above
    datetime.datetime(2100, 1, 1),  # noqa: DTZ001 - see above
    timezones=ZONES,
)


def issued(end: datetime.datetime, audience: str = US) -> tokens.Token:
    return tokens.issue(ME.svid.key, ME.svid.id, audience, end)


@given(TIMES)
def test_a_token_says_whose_it_is_until_it_expires(end: datetime.datetime) -> None:
    token = issued(end)
    second = datetime.timedelta(seconds=1)

    assert token.expires <= end < token.expires + second
    assert tokens.check(token.text, ME.svid.chain[0], US, token.expires - second) == ME.svid.id
    with pytest.raises(BadToken, match="expired"):
        tokens.check(token.text, ME.svid.chain[0], US, token.expires)


@given(TIMES)
def test_a_token_travels_with_its_call(end: datetime.datetime) -> None:
    token = issued(end)

    assert tokens.from_metadata(tokens.metadata(token)) == token


@example(0, "\ud800")
@given(st.integers(0, 10_000), st.characters())
def test_a_token_that_was_altered_is_not_taken(place: int, letter: str) -> None:
    token = issued(now() + HOUR)
    place %= len(token.text)
    altered = token.text[:place] + letter + token.text[place + 1 :]
    # The last letter of a part holds bits that nobody reads.
    if altered == token.text or altered[place + 1 : place + 2] in {"", "."}:
        return

    with pytest.raises(BadToken):
        tokens.check(altered, ME.svid.chain[0], US, now())


@given(st.text(max_size=60))
def test_nonsense_is_no_token(text: str) -> None:
    with pytest.raises(BadToken):
        tokens.check(text, ME.svid.chain[0], US, now())
    with pytest.raises(BadToken):
        tokens.check_chain([PathSegment(token=text)], now())


@pytest.mark.parametrize("kind", FORGED.values(), ids=FORGED)
def test_what_is_forged_is_not_taken(kind: Forge) -> None:
    def take() -> None:
        token = tokens.from_metadata(kind(ME, US))
        tokens.check(token.text, ME.svid.chain[0], US, now())

    with pytest.raises(BadToken):
        take()


@pytest.mark.parametrize(
    "received",
    [
        (),
        (("nsm-client-token", "x"),),
        (("nsm-client-token", b"x"), ("nsm-client-token-expires", "2026-01-01T00:00:00Z")),
        (("nsm-client-token", "x"), ("nsm-client-token-expires", "soon")),
        (("nsm-client-token", "x"), ("nsm-client-token-expires", "2026-01-01T00:00:00")),
        (("nsm-client-token", "x" * 20_000), ("nsm-client-token-expires", "2026-01-01T00:00:00Z")),
    ],
)
def test_a_call_without_a_whole_token_is_refused(
    received: tuple[tuple[str, str | bytes], ...],
) -> None:
    with pytest.raises(BadToken):
        tokens.from_metadata(received)


def test_the_meshs_way_of_writing_times_is_read() -> None:
    token = tokens.from_metadata(
        (
            ("nsm-client-token", "x"),
            ("nsm-client-token-expires", "2026-11-23T12:44:23.344186789+02:00"),
        )
    )

    utc = datetime.UTC
    assert token.expires == datetime.datetime(2026, 11, 23, 10, 44, 23, 344186, utc)


def test_each_token_of_a_path_is_for_the_next() -> None:
    end, you = now() + HOUR, Authority().identity("you")
    mine = issued(end, you.svid.id)
    yours = tokens.issue(you.svid.key, you.svid.id, US, end)
    path = [PathSegment(name="me", token=mine.text), PathSegment(name="you", token=yours.text)]

    tokens.check_chain(path, now())

    with pytest.raises(BadToken, match="meant for somebody else"):
        tokens.check_chain(path[::-1], now())
    with pytest.raises(BadToken, match="expired"):
        tokens.check_chain(path, end + HOUR)


def test_a_token_does_not_show_itself() -> None:
    assert issued(now()).text not in repr(issued(now()))
