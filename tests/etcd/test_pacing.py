# SPDX-License-Identifier: Apache-2.0
"""Attempts come at growing distances, and not from all clients at once."""

from __future__ import annotations

import logging
import random

import pytest

from kvs_agent.etcd.links import Links
from kvs_agent.etcd.pacing import Backoff
from kvs_agent.etcd.settings import Endpoint, Settings
from kvscheduler.testing import VirtualClock


def _pauses(seed: int, count: int) -> list[float]:
    clock = VirtualClock()
    backoff = Backoff(clock, random.Random(seed), first_s=1.0, longest_s=8.0)

    async def main() -> list[float]:
        found = []
        for _ in range(count):
            before = clock.monotonic()
            await backoff.pause()
            found.append(clock.monotonic() - before)
        backoff.reset()
        before = clock.monotonic()
        await backoff.pause()
        return [*found, clock.monotonic() - before]

    return clock.run(main())


def test_pauses_double_up_to_the_longest_and_begin_anew() -> None:
    pauses = _pauses(1, 6)

    for pause_s, most_s in zip(pauses, [1, 2, 4, 8, 8, 8, 1], strict=True):
        assert most_s / 2 <= pause_s <= most_s


def test_no_two_clients_pause_alike() -> None:
    assert _pauses(1, 3) != _pauses(2, 3)


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("localhost:1", False),
        ("127.0.0.53:1", False),
        ("[::1]:1", False),
        ("https://etcd.example.org:1", False),
        ("http://etcd.example.org:1", True),
        ("10.0.0.1:1", True),
    ],
)
def test_plain_text_beyond_this_machine_is_warned_of(
    text: str, caplog: pytest.LogCaptureFixture, *, is_open: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        Links(Settings(endpoints=(text,)))

    assert Endpoint.parse(text, has_tls=False).is_open is is_open
    assert ("no TLS" in caplog.text) is is_open
