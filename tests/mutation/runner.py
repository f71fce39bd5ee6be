# SPDX-License-Identifier: Apache-2.0
"""Inside pytest: the tests are collected once, then every mutant is tried on them in a fork."""

from __future__ import annotations

import collections
import dataclasses
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.mutation.coverage_map import CoverageMap, Passage
from tests.mutation.fresh import QUIET, load_examples, try_afresh
from tests.mutation.mutants import Mutant, Source
from tests.mutation.reasons import Reasons
from tests.mutation.results import Outcome, Results, Verdict
from tests.mutation.trial import Functions, try_out

__all__ = ["Plan", "run"]

# What slower tests would find, quicker ones do.
SLOWEST_TEST_S = 6.0
WARM_UP_TESTS, WARM_UP_TEST_S = 20, 0.5
SAID_EVERY = 50
ALL_LINES = (0, sys.maxsize)
# A test of which nothing is known yet is taken to kill one mutant in so many.
GUESS = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done.

    ``measured``: the files that the tests' ways are measured in, ``targets`` those of them that
    are changed now. ``again``: what has survived without a reason is tried once more.
    ``limit_s``: how long the tests of one mutant may take. ``only``: a text in the function and
    change of all that is due. ``reasons``: of survivors.
    """

    root: Path
    measured: Sequence[Path]
    targets: Sequence[Path]
    tests: Sequence[str]
    store: Path
    again: bool = False
    limit_s: float = 10.0
    only: str = ""
    reasons: Reasons = dataclasses.field(default_factory=Reasons)

    def module(self, path: Path) -> str:
        """Return the name that a file is imported by."""
        return ".".join(path.relative_to(self.root).with_suffix("").parts)

    def results(self, path: Path) -> Results:
        """Return what is known of a file's mutants."""
        return Results(self.store / f"{self.module(path)}.json")


def run(plan: Plan) -> int:
    """Try what is due; a pytest exit code."""
    # Not where pytest makes one by itself: other runs clear up there.
    own = f"--basetemp={plan.store / f'files-{os.getpid()}'}"
    try:
        return int(pytest.main([*QUIET, own, *plan.tests], plugins=[_Runner(plan)]))
    finally:
        shutil.rmtree(plan.store / f"files-{os.getpid()}", ignore_errors=True)


class _Runner:
    """A pytest plugin that tries mutants instead of running the tests once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._failed = False
        self._items: dict[str, pytest.Item] = {}
        self._map = CoverageMap(plan.store / "map.json", plan.measured, _sources(plan))
        self._record = _Record()

    def pytest_collection(self) -> None:
        """Set how hard hypothesis tries, before any test is loaded."""
        load_examples()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test failed."""
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure the tests, then try all that is due."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self._map.measure(session.items, self._run, _say)
        self._items = {item.nodeid: item for item in session.items}
        self._warm_up()
        for target in self._plan.targets:
            self._try_file(target)
        return True

    def _warm_up(self) -> None:
        """Run a few tests here, so that the children find loaded what all of them load."""
        for name in sorted(self._items)[:: max(1, len(self._items) // WARM_UP_TESTS)]:
            passage = self._map.passage(name)
            if passage.lines and passage.seconds < WARM_UP_TEST_S:
                self._run(self._items[name])

    def _run(self, item: pytest.Item) -> bool:
        self._failed = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self._failed

    def _try_file(self, target: Path) -> None:
        source, functions, results = Source(target), Functions(target), self._plan.results(target)
        for mutant in source.mutants:
            self._record.note(target, mutant, results.get(mutant.name))
        module, begun = self._plan.module(target), time.monotonic()
        due = [one for one in source.mutants if self._is_due(one, results, module)]
        _say(f"{module}: {len(source.mutants)} mutants, {len(due)} to try")
        for number, mutant in enumerate(due, 1):
            verdict = self._try(source, functions, mutant)
            results.put(mutant.name, verdict)
            self._record.note(target, mutant, verdict)
            if not verdict.outcome.is_kill:
                where = f"{module}:{mutant.lines[0]} {mutant.function}"
                _say(f"  {verdict.outcome.value} {where}: {mutant.change} ({verdict.seconds} s)")
            if number % SAID_EVERY == 0:
                _say(f"  {number} of {len(due)}, {time.monotonic() - begun:.0f} s")

    def _is_due(self, mutant: Mutant, results: Results, module: str) -> bool:
        if self._plan.only and self._plan.only not in f"{mutant.function}: {mutant.change}":
            return False
        known = results.get(mutant.name)
        if known is None or not self._plan.again:
            return known is None
        return not known.outcome.is_kill and self._plan.reasons.of(module, mutant) is None

    def _try(self, source: Source, functions: Functions, mutant: Mutant) -> Verdict:
        alive = bool(mutant.function) and functions.has(mutant.function, mutant.at_line)
        lines = mutant.lines if alive else ALL_LINES
        passing = self._map.passing(source.path, lines)
        if not passing and not mutant.function:
            passing = set(self._items)  # a file without functions: it is only imported
        tests = list(self._chosen(passing, mutant, source.path))
        if not tests:
            return Verdict(outcome=Outcome.UNSEEN)
        if not alive:
            return try_afresh(self._plan.root, source.path, mutant, tests)
        code = source.compiled(mutant)
        return try_out(
            lambda: functions.give(code, mutant.function, mutant.at_line), tests, self._run
        )

    def _chosen(
        self, passing: Iterable[str], mutant: Mutant, path: Path
    ) -> Iterator[tuple[pytest.Item, Passage]]:
        """Yield the likeliest killers for their time first, as many as the limit allows."""
        found: list[tuple[float, str]] = []
        for name in passing:
            passage = self._map.passage(name)
            if name in self._items and passage.passed and passage.seconds <= SLOWEST_TEST_S:
                chance = self._record.chance(name, path, mutant)
                found.append((-chance / (passage.seconds + 0.002), name))
        left_s = self._plan.limit_s
        for _, name in sorted(found):
            passage = self._map.passage(name)
            left_s -= passage.seconds
            if left_s > 0:
                yield self._items[name], passage


class _Record:
    """How many mutants each test has killed: in all, in a file, in a function."""

    def __init__(self) -> None:
        self._kills: collections.Counter[tuple[str, str]] = collections.Counter()
        self._all: collections.Counter[str] = collections.Counter()

    def note(self, path: Path, mutant: Mutant, verdict: Verdict | None) -> None:
        if verdict is not None and verdict.outcome is Outcome.KILLED:
            for place in _around(path, mutant):
                self._kills[verdict.by, place] += 1
                self._all[place] += 1

    def chance(self, test: str, path: Path, mutant: Mutant) -> float:
        """Estimate how likely a test kills, by what it did to others near and far."""
        guess = 1 / GUESS
        for place in _around(path, mutant):
            guess = (self._kills[test, place] + 4 * guess) / (self._all[place] + 4)
        return guess


def _around(path: Path, mutant: Mutant) -> tuple[str, str, str]:
    return "", str(path), f"{path}:{mutant.function}"


def _sources(plan: Plan) -> list[Path]:
    """Return the files that the tests' ways lead through, measured or not."""
    folders = {path.relative_to(plan.root).parts[0] for path in plan.measured}
    return sorted(path for name in folders for path in (plan.root / name).rglob("*.py"))


def _say(line: str) -> None:
    """Print a line at once, past whatever captures."""
    if sys.__stdout__ is not None:
        sys.__stdout__.write(f"{line}\n")
        sys.__stdout__.flush()
