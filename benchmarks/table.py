# SPDX-License-Identifier: Apache-2.0
"""Sets the figures as a table, for the terminal and for ``RESULTS.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .measure import Timing

__all__ = ["HEADINGS", "Row", "markdown", "seconds", "text", "timing_row"]

HEADINGS = ("what", "best", "median", "per operation", "yardsticks", "reach", "Go (quoted)")
MILLISECOND = 1e-3
MICROSECOND = 1e-6


class Row(NamedTuple):
    """One line of the table, as people read it; empty where a column says nothing."""

    what: str
    best: str
    median: str = ""
    per_operation: str = ""
    yardsticks: str = ""
    reach: str = ""
    predecessor: str = ""


def seconds(value: float) -> str:
    """Return a duration in the unit that suits it, with three digits that matter."""
    for unit, name in ((1.0, "s"), (MILLISECOND, "ms")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value / MICROSECOND:.3g} us"


def timing_row(
    what: str, timing: Timing, *, operations: int = 0, reach: str = "", predecessor: str = ""
) -> Row:
    """Return the line of a measured piece of work that did so many operations."""
    return Row(
        what,
        seconds(timing.best_s),
        seconds(timing.median_s),
        seconds(timing.best_s / operations) if operations else "",
        f"{timing.multiple:.3g}",
        reach,
        predecessor,
    )


def text(rows: Iterable[Row]) -> Iterable[str]:
    """Yield the lines of the table for a terminal."""
    lines: list[Sequence[str]] = [HEADINGS, *rows]
    # A remark, which fills the first two columns only, may run on over the others.
    measured = [line for line in lines if any(line[2:])]
    widths = [max(len(line[column]) for line in measured) for column in range(len(HEADINGS))]
    widths[0] = max(len(line[0]) for line in lines)
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def markdown(rows: Iterable[Row]) -> Iterable[str]:
    """Yield the lines of the table for a document."""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|{' --- |' * len(HEADINGS)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
