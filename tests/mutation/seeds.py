# SPDX-License-Identifier: Apache-2.0
"""The simulations of tests/sim/test_matrix.py seed by seed, so that each tells its own way."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.sim.seeds import run_seed
from tests.sim.test_matrix import FEW, SEEDS


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails_the_seed_ends_where_the_oracle_says(seed: int) -> None:
    tally = run_seed(seed, FEW)

    assert tally.fault_runs > 0
