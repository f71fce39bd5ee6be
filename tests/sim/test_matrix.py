# SPDX-License-Identifier: Apache-2.0
"""Every failure at every point of generated plans, for a fixed number of seeds; more: make sim."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator

import pytest

from tests.sim.__main__ import main
from tests.sim.seeds import Effort, run_seed
from tests.sim.strikes import Kind, Place, Strike
from tests.sim.tally import Tally
from tests.sim.universe import draw

SEEDS = range(40)
GROUP = 8
FILES = (3, 8)
THREADED = 42
FEW = Effort(pairs=8, crash_share=0.015)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep still about what the engine warns of: it is what is being tested."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", SEEDS[::GROUP])
def test_whatever_fails_wherever_the_engine_ends_where_the_oracle_says(first: int) -> None:
    tally = Tally()

    for seed in range(first, first + GROUP):
        tally.add(run_seed(seed, FEW))

    assert tally.fault_runs > 500
    assert tally.crashes > 100
    assert tally.unrest > 50


@pytest.mark.parametrize("seed", FILES)
def test_it_does_so_with_the_journal_in_a_file_too(seed: int) -> None:
    tally = run_seed(seed, dataclasses.replace(FEW, journal="file"))

    assert tally.crashes > 20


@pytest.mark.parametrize("seed", [7, THREADED])
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    first: list[object] = []
    again: list[object] = []

    tallies = [run_seed(seed, FEW, lines.append) for lines in (first, again)]

    assert first == again
    assert len(first) > 1000
    assert draw(THREADED).threaded
    one, other = (dataclasses.replace(tally, cpu_s=0.0) for tally in tallies)
    assert one == other


def test_the_seeds_bring_all_features_and_all_kinds_of_failures() -> None:
    universes = [draw(seed) for seed in SEEDS]
    tally = Tally()
    for seed in (34, 35):
        tally.add(run_seed(seed, Effort(pairs=60, crash_share=0.0)))

    assert {universe.journal for universe in universes} == {"", "memory", "file"}
    assert len(frozenset().union(*(universe.on for universe in universes))) == 8
    for later in ("troubled", "rehearsed", "lent", "late", "threaded"):
        assert {bool(getattr(universe, later)) for universe in universes} == {True, False}
    due = {Strike(Place.CALL, 0, kind).name for kind in Kind} - {
        Strike(Place.CALL, 0, kind).name for kind in (Kind.CANCEL, Kind.CRASH)
    }
    due |= {Strike(Place.MOMENT, 0, Kind.CANCEL).name}
    due |= {Strike(place, 0).name for place in (Place.BEGIN, Place.FLUSH, Place.RETRIEVE)}
    assert due <= tally.injected.keys()


def test_the_command_reports_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--runs", "2", "--first", "100", "--pairs", "4"])

    told = capsys.readouterr().out
    assert code == 0
    assert "crash, and another start" in told
    assert "every run ended as the oracle expects" in told


def test_the_command_replays_a_seed_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--seed", "100", "--pairs", "4", "--run", "5"])

    told = capsys.readouterr().out
    assert code == 0
    assert "--- run 5:" in told
    assert "--- run 6:" not in told
    assert "oracle:" in told
