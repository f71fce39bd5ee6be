# SPDX-License-Identifier: Apache-2.0
"""A burst of updates through a real etcd: each is done, and the end state is right."""

from __future__ import annotations

import pytest

from benchmarks.agent_load import load
from tests.etcd.server import binary

pytestmark = pytest.mark.skipif(binary() is None, reason="etcd is not installed")


def test_every_update_of_a_burst_is_done_and_the_last_word_stands() -> None:
    done = load(rate=400, seconds=3.0)

    assert done.updates > 0
    assert done.calls == done.updates + 1
    assert done.is_right
