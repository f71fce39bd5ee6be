# SPDX-License-Identifier: Apache-2.0
"""The table of what is known: how many of each module's mutants were killed, and what was not."""

from __future__ import annotations

import collections
import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.mutation.mutants import Mutant, Source
from tests.mutation.results import Outcome
from tests.mutation.runner import Plan

__all__ = ["Reasons", "report"]

HEAD = "| module | mutants | tried | killed | of these hung | % | survivors | with a reason |"


class Reasons:
    """Why mutants may live, from a file: by module, function and change."""

    def __init__(self, path: Path) -> None:
        self._found: dict[tuple[str, str, str], str] = {}
        for group in tomllib.loads(path.read_text()).get("group", ()) if path.exists() else ():
            for module, function, change in group["survivors"]:
                self._found[module, function, change] = group["reason"]

    def named(self) -> set[tuple[str, str, str]]:
        """Return the mutants that may live: module, function, change."""
        return set(self._found)

    def modules(self) -> set[str]:
        """Return the modules of mutants that may live."""
        return {module for module, _, _ in self._found}

    def of(self, module: str, mutant: Mutant) -> str:
        """Return why a mutant may live, "" where nobody has said."""
        short = module.removeprefix("kvscheduler.")
        return self._found.get((short, mutant.function, mutant.change), "")


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    module: str
    mutants: int
    outcomes: collections.Counter[Outcome]
    reasoned: int
    open: list[Mutant]

    @property
    def killed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome.is_kill)

    def __str__(self) -> str:
        tried = self.outcomes.total()
        share = f"{100 * self.killed / tried:.1f}" if tried else ""
        hung, left = self.outcomes[Outcome.HUNG], tried - self.killed
        cells = (self.module, self.mutants, tried, self.killed, hung, share, left, self.reasoned)
        return f"| {' | '.join(map(str, cells))} |"


def report(plan: Plan, reasons: Reasons) -> Iterator[str]:
    """Yield the lines of the table, then what has survived without a reason."""
    yield HEAD
    yield f"| --- |{' ---: |' * (HEAD.count('|') - 2)}"
    rows = [_row(plan, path, reasons) for path in plan.targets]
    for row in rows:
        yield str(row)
    yield str(
        _Row(
            "all",
            sum(row.mutants for row in rows),
            sum((row.outcomes for row in rows), collections.Counter()),
            sum(row.reasoned for row in rows),
            [],
        )
    )
    for row in rows:
        for mutant in row.open:
            yield f"{row.module}:{mutant.lines[0]} {mutant.function}: {mutant.change}"


def _row(plan: Plan, path: Path, reasons: Reasons) -> _Row:
    results, module = plan.results(path), plan.module(path)
    mutants = Source(path).mutants
    row = _Row(module.removeprefix("kvscheduler."), len(mutants), collections.Counter(), 0, [])
    reasoned = 0
    for mutant in mutants:
        verdict = results.get(mutant.name)
        if verdict is None:
            continue
        row.outcomes[verdict.outcome] += 1
        if verdict.outcome.is_kill:
            continue
        if reasons.of(module, mutant):
            reasoned += 1
        else:
            row.open.append(mutant)
    return dataclasses.replace(row, reasoned=reasoned)
