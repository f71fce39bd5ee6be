# SPDX-License-Identifier: Apache-2.0
"""Which tests come by which lines, and how long each takes: measured once, kept in a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import coverage
import pytest

__all__ = ["CoverageMap", "Passage", "Run"]

# What has been measured is kept when a run is broken off.
SAVED_EVERY = 60

Run = Callable[[pytest.Item], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One test's way: the lines it comes by in each file, and how long it takes."""

    tree: str
    seconds: float
    passed: bool
    lines: dict[str, list[int]]


class CoverageMap:
    """The passages of all tests, by node id; those of tests that have changed are forgotten."""

    def __init__(self, path: Path, targets: Sequence[Path], sources: Iterable[Path]) -> None:
        self._path = path
        self._targets = [str(target) for target in targets]
        self._tree = _digest(sources)
        self._digests: dict[Path, str] = {}
        self._passages: dict[str, Passage] = {}
        if path.exists():
            self._passages = {
                name: Passage(**fields) for name, fields in json.loads(path.read_text()).items()
            }

    def measure(self, items: Sequence[pytest.Item], run: Run, say: Callable[[str], None]) -> None:
        """Run the tests that are not known yet, one by one, under coverage."""
        due = [item for item in items if not self._is_known(item)]
        if not due:
            return
        say(f"measuring {len(due)} tests")
        for start in range(0, len(due), SAVED_EVERY):
            self._measure(due[start : start + SAVED_EVERY], run)
            self._save()

    def _measure(self, items: Sequence[pytest.Item], run: Run) -> None:
        measured = coverage.Coverage(
            data_file=None, config_file=False, include=self._targets, messages=False
        )
        took: dict[str, tuple[float, bool]] = {}
        measured.start()
        for item in items:
            measured.switch_context(item.nodeid)
            before = time.perf_counter()
            passed = run(item)
            took[item.nodeid] = (time.perf_counter() - before, passed)
        measured.stop()
        lines = self._lines(measured)
        for item in items:
            seconds, passed = took[item.nodeid]
            self._passages[item.nodeid] = Passage(
                tree=self._state(item),
                seconds=round(seconds, 4),
                passed=passed,
                lines=lines.get(item.nodeid, {}),
            )

    def _is_known(self, item: pytest.Item) -> bool:
        passage = self._passages.get(item.nodeid)
        return passage is not None and passage.passed and passage.tree == self._state(item)

    def _state(self, item: pytest.Item) -> str:
        if item.path not in self._digests:
            self._digests[item.path] = _digest([item.path])
        return self._tree + self._digests[item.path]

    def _lines(self, measured: coverage.Coverage) -> dict[str, dict[str, list[int]]]:
        data = measured.get_data()
        found: dict[str, dict[str, list[int]]] = {}
        for target in self._targets:
            for line, names in data.contexts_by_lineno(target).items():
                for name in names:
                    found.setdefault(name, {}).setdefault(target, []).append(line)
        return found

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fields = {name: dataclasses.asdict(one) for name, one in self._passages.items()}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(fields))
        fresh.replace(self._path)

    def passage(self, test: str) -> Passage:
        """Return a test's way."""
        return self._passages[test]

    def passing(self, target: Path, lines: tuple[int, int]) -> set[str]:
        """Return the tests that come by any of some lines, the first and the last given."""
        name, wanted = str(target), range(lines[0], lines[1] + 1)
        return {
            test
            for test, passage in self._passages.items()
            if any(line in wanted for line in passage.lines.get(name, ()))
        }


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]
