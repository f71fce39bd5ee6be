# SPDX-License-Identifier: Apache-2.0
"""How it went: one line for people on stdout, one line for each error on stderr."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from kvscheduler.errors import InvalidValue
from kvscheduler.render import printable

from .failure import reason_line

if TYPE_CHECKING:
    from kvs_agent.sources.config import Configuration
    from kvscheduler import Plan, TransactionResult

__all__ = ["refuse_invalid", "report", "report_invalid", "validity"]

PAST = {"create": "created", "update": "updated", "recreate": "recreated", "delete": "deleted"}


def report(result: TransactionResult, files: Configuration | None = None) -> None:
    """Tell what was done, what was undone and what went wrong, at its place in the files."""
    if result.operations:
        click.echo(summary(result))
    if result.plan.pending and not result.reverted:
        first = next(iter(result.plan.pending))
        waits = (
            "1 value waits"
            if len(result.plan.pending) == 1
            else f"{len(result.plan.pending)} values wait"
        )
        click.echo(f"{waits}; for what, says: kvsctl explain {printable(first)}")
    for key, error in result.errors.items():
        click.echo(_placed(key, error, files), err=True)


def report_invalid(plan: Plan, files: Configuration) -> None:
    """Tell of each value that is refused, where programs and people look for errors."""
    for key, why in plan.invalid.items():
        click.echo(_placed(key, plan.errors.get(key) or InvalidValue(why), files), err=True)


def validity(plan: Plan, files: Configuration) -> str:
    """Return what a check of files has come to, where nothing is invalid."""
    lines = ["1 value, valid." if len(files) == 1 else f"{len(files)} values, all valid."]
    if plan.pending:
        lines.append("What other values, or this machine, would have to bring:")
        lines += [f"  {printable(key)}  {printable(why)}" for key, why in plan.pending.items()]
    return "\n".join(lines)


def refuse_invalid(plan: Plan, files: Configuration) -> None:
    """Tell why nothing is done at all, and how the rest can be had."""
    report_invalid(plan, files)
    click.echo("Nothing was changed. Correct the files, or do the rest: --keep-going.", err=True)


def _placed(key: str, error: Exception, files: Configuration | None) -> str:
    """Return the line for an error on a key, with file and line where it is the value's fault."""
    if files is not None and isinstance(error, InvalidValue):
        problem = files.problem(key, error)
        if problem is not None:
            return f"error: {printable(str(problem))}"
    return reason_line(key, error)


def summary(result: TransactionResult) -> str:
    """Return what became of a plan: what was done, and on a line of its own what was undone."""
    done = [each.operation for each in result.operations if not each.revert and not each.error]
    undone = [each for each in result.operations if each.revert]
    counts: Counter[str] = Counter()
    for operation in done:
        if not operation.recreate:
            counts[operation.kind] += 1
        elif operation.kind == "create":
            counts["recreate"] += 1
    told = ", ".join(f"{counts[kind]} {word}" for kind, word in PAST.items())
    refused = sum(1 for each in result.operations if each.error and not each.revert)
    told += f"; {refused} failed" if refused else ""
    line = f"Done in {result.duration_s:.2f} s: {told}."
    if not undone and not result.reverted:
        return line
    failed = sum(1 for each in undone if each.error)
    if failed:
        return f"{line}\nRolled back, but {failed} of {len(undone)} steps back failed."
    return f"{line}\nRolled back: everything stands as it did before."
