# SPDX-License-Identifier: Apache-2.0
"""The table of what is known: how many of each module's mutants were killed, and what was not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant, Source
from tests.mutation.reasons import Reasons, short_name
from tests.mutation.runner import Plan

__all__ = ["report"]

HEAD = "| module | mutants | tried | killed | % | alike | % of the others | words | open |"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line of the table: counts, and the survivors that nobody has looked into."""

    module: str
    mutants: int
    tried: int
    killed: int
    alike: int
    excused: int
    open: tuple[Mutant, ...] = ()

    def __str__(self) -> str:
        left = self.tried - self.killed - self.alike - self.excused
        shares = _share(self.killed, self.tried), _share(self.killed, self.tried - self.alike)
        cells = (
            self.module, self.mutants, self.tried, self.killed, shares[0], self.alike, shares[1],
            self.excused, left,
        )  # fmt: skip
        return f"| {' | '.join(map(str, cells))} |"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""


def report(plan: Plan) -> Iterator[str]:
    """Yield the lines of the table, then what has survived without a reason."""
    reasons = plan.reasons
    yield HEAD
    yield f"| --- |{' ---: |' * (HEAD.count('|') - 2)}"
    rows = [_row(plan, path, reasons) for path in plan.targets]
    yield from map(str, rows)
    yield str(_total(rows))
    for row in rows:
        for mutant in row.open:
            yield f"{row.module}:{mutant.lines[0]} {mutant.function}: {mutant.change}"
    for path in plan.targets:
        short = short_name(plan.module(path))
        for function, change in sorted(reasons.idle(short, Source(path).mutants)):
            yield f"a reason for what is no mutant any more: {short} {function}: {change}"


def _total(rows: Sequence[_Row]) -> _Row:
    return _Row(
        module="all",
        mutants=sum(row.mutants for row in rows),
        tried=sum(row.tried for row in rows),
        killed=sum(row.killed for row in rows),
        alike=sum(row.alike for row in rows),
        excused=sum(row.excused for row in rows),
    )


def _row(plan: Plan, path: Path, reasons: Reasons) -> _Row:
    results, module = plan.results(path), plan.module(path)
    mutants = Source(path).mutants
    verdicts = [(one, verdict) for one in mutants if (verdict := results.get(one.name))]
    alive = [one for one, verdict in verdicts if not verdict.outcome.is_kill]
    why = [(one, reasons.of(module, one)) for one in alive]
    return _Row(
        module=short_name(module),
        mutants=len(mutants),
        tried=len(verdicts),
        killed=len(verdicts) - len(alive),
        alike=sum(reason is not None and reason.is_alike for _, reason in why),
        excused=sum(reason is not None and not reason.is_alike for _, reason in why),
        open=tuple(one for one, reason in why if reason is None),
    )
