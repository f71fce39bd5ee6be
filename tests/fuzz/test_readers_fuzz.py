# SPDX-License-Identifier: Apache-2.0
"""Whatever is read, it is taken or refused: no crash, no hang, no flood of memory."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from tests.fuzz.rounds import PATIENCE_S, rounds
from tests.machine import ROOT, environment

BATCH = 2000
USUAL = {"guard": 1000, "configuration": 2000, "codec": 3000, "plans": 2000, "journals": 200}

pytestmark = pytest.mark.timeout(PATIENCE_S)


@pytest.mark.parametrize("reader", USUAL)
def test_bent_input_is_taken_or_refused_within_limits(reader: str) -> None:
    seeds = rounds(USUAL[reader])

    while batch := list(itertools.islice(seeds, BATCH)):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.worker", reader, *map(str, batch)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

        last = ran.stdout.split()[-1:]
        assert ran.returncode == 0, f"FUZZ_SEED={last} ({ran.returncode}): {ran.stderr[-2000:]}"
        assert len(ran.stdout.split()) == len(batch)
