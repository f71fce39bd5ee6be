# SPDX-License-Identifier: Apache-2.0
"""The commands that show what would be changed, and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import outcome, wishes
from .drawing import shown_plan
from .options import (
    Manner,
    color_option,
    detailed_option,
    files_argument,
    form_options,
    source_option,
)
from .session import Session, agent, planned, run, run_on
from .settings import Settings, wants_color
from .target import Change, Prepared, Target

if TYPE_CHECKING:
    from kvs_agent.sources.config import Configuration
    from kvscheduler import Plan

    from .remote import Agent

__all__ = ["diff", "plan", "validate"]


@click.command()
@files_argument
@form_options
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PLAN",
    help="Also keep the plan in a file, for apply to carry out just so.",
)
@source_option
@color_option
@detailed_option
@click.pass_obj
def plan(
    settings: Settings,
    files: tuple[Path, ...],
    *,
    form: str,
    out: Path | None,
    source: str,
    color: str,
    detailed: bool,
) -> int:
    """Show what apply would do.

    Changes nothing. With --out the plan is kept, for apply to carry it out just so.

    Symbols: + create, ~ update, - delete, -/+ delete and create anew, ? waits, ! is invalid.
    """
    manner = Manner(wants_color(color), detailed)
    wanted = wishes.load(files)

    async def work(session: Session[Target]) -> int:
        change = Change(what="kvsctl plan", wanted=wanted, source=source)
        prepared = await session.target.prepare(change)
        _show(prepared.plan, form, manner)
        return _judged(prepared, wanted, out, manner)

    return run(settings, work, wanted)


def _judged(prepared: Prepared, wanted: Configuration, out: Path | None, manner: Manner) -> int:
    """Tell what keeps a plan from being carried out, or keep it; return the exit code."""
    made = prepared.plan
    outcome.report_invalid(made, wanted)
    if made.invalid:
        if out is not None:
            click.echo("No plan was kept: correct the files first.", err=True)
        return 1
    prepared.check()
    if out is not None:
        wishes.save(out, wanted, made)
    return manner.code(changed=not made.is_empty)


@click.command()
@form_options
@color_option
@click.pass_obj
def diff(settings: Settings, *, form: str, color: str) -> int:
    """Show what has drifted from what was applied last.

    It is what repair would mend. Exits with 2 where there is anything.
    """
    manner = Manner(wants_color(color), detailed=True)

    async def work(session: Session[Target]) -> int:
        made = (await session.target.prepare(Change(what="kvsctl diff"))).plan
        _show(made, form, manner)
        return manner.code(changed=not made.is_empty)

    return run(settings, work)


@click.command()
@files_argument
@click.pass_obj
def validate(settings: Settings, files: tuple[Path, ...]) -> int:
    """Check files without looking at this machine.

    Names, types, values, what excludes each other; needs no root. What other values would have
    to be there as well is told, and is no error: they may come from elsewhere.
    """
    wanted = wishes.load(files)
    if (named := settings.agent) is None:
        return _validity(planned(wanted), wanted)

    async def work(session: Session[Agent]) -> int:
        return _validity(await session.target.judged(wanted), wanted)

    return run_on(lambda: agent(named), work)


def _validity(made: Plan, wanted: Configuration) -> int:
    outcome.report_invalid(made, wanted)
    if made.invalid:
        return 1
    click.echo(outcome.validity(made, wanted))
    return 0


def _show(made: Plan, form: str, manner: Manner) -> None:
    click.echo(shown_plan(made, form, color=manner.color), color=manner.color)
