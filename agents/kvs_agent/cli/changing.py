# SPDX-License-Identifier: Apache-2.0
"""The commands that change something: the plan is shown, then carried out just so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import outcome, wishes
from .options import (
    Manner,
    color_option,
    detailed_option,
    files_argument,
    quiet_option,
    source_option,
)
from .progress import progress
from .session import Session, run
from .settings import Settings, wants_color
from .target import Change, Prepared, Target

if TYPE_CHECKING:
    from kvs_agent.sources.config import Configuration
    from kvscheduler import Plan, TransactionResult

__all__ = ["apply", "destroy", "repair"]

# How often a plan is made anew because the system does not stand still.
MAX_PLANS = 3


@click.command()
@files_argument
@click.option("--revert", is_flag=True, help="All or nothing: undo everything if a part fails.")
@click.option(
    "--keep-going", is_flag=True, help="Do the rest where the files hold invalid values."
)
@source_option
@quiet_option
@color_option
@detailed_option
@click.pass_obj
def apply(
    settings: Settings,
    files: tuple[Path, ...],
    *,
    revert: bool,
    keep_going: bool,
    source: str,
    quiet: bool,
    color: str,
    detailed: bool,
) -> int:
    """Make the system what the files say.

    What else kvsctl ever made is removed, what others made is left alone. Asks nothing: look
    at plan first. Files with invalid values are refused before anything is touched. A plan kept
    by plan --out takes the place of the files: it is refused where the state has moved since.
    """
    manner = Manner(wants_color(color), detailed, quiet, keep_going)
    saved = wishes.saved(files)
    wanted = saved.wanted if saved is not None else wishes.load(files)
    what = f"kvsctl apply {' '.join(map(str, files))}"
    change = Change(what=what, wanted=wanted, revert=revert, source=source)
    check = None if saved is None else saved.check

    async def work(session: Session[Target]) -> int:
        return await _commit(session, change, manner, check, files=wanted)

    return run(settings, work, wanted, begins=True)


@click.command()
@quiet_option
@color_option
@detailed_option
@click.pass_obj
def repair(settings: Settings, *, quiet: bool, color: str, detailed: bool) -> int:
    """Bring back what has drifted.

    Compares the system with what was applied last, and mends the difference.
    """
    manner = Manner(wants_color(color), detailed, quiet)

    async def work(session: Session[Target]) -> int:
        check = session.target.refuse_if_lost
        return await _commit(session, Change(what="kvsctl repair"), manner, check)

    return run(settings, work)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
@source_option
@quiet_option
@color_option
@detailed_option
@click.pass_obj
def destroy(
    settings: Settings, *, yes: bool, source: str, quiet: bool, color: str, detailed: bool
) -> int:
    """Remove everything that kvsctl made.

    And only that. Asks first on a terminal, unless told --yes. An agent lets go of all that the
    source wants; what another source wants as well stays.
    """
    manner = Manner(wants_color(color), detailed, quiet)
    change = Change(what="kvsctl destroy", wanted={}, source=source)

    async def work(session: Session[Target]) -> int:
        return await _commit(session, change, manner, ask=not yes)

    return run(settings, work, begins=True)


async def _commit(
    session: Session[Target],
    change: Change,
    manner: Manner,
    check: Callable[[Plan], None] | None = None,
    *,
    files: Configuration | None = None,
    ask: bool = False,
) -> int:
    """Show the plan, carry it out just so, and tell how that went."""
    result = None
    for attempts_left in reversed(range(MAX_PLANS)):
        prepared = await session.target.prepare(change)
        made = prepared.plan
        if check is not None:
            check(made)
        prepared.check()
        if not _agreed(session, made, manner, ask=ask):
            return 1
        if files is not None and made.invalid and not manner.keep_going:
            outcome.refuse_invalid(made, files)
            return 1
        result = await _carried_out(session, prepared, is_last=not attempts_left)
        if result is not None:
            break
    assert result is not None
    outcome.report(result, files)
    return manner.code(changed=bool(result.operations)) if result.ok else 1


def _agreed(session: Session[Target], made: Plan, manner: Manner, *, ask: bool) -> bool:
    """Show a plan, and ask whether it shall be carried out where a person is there."""
    if not manner.quiet:
        click.echo(made.render(color=manner.color), color=manner.color)
    if not ask or made.is_empty or not sys.stdin.isatty():
        return True
    with session.interrupts.let_through():
        confirmed = click.confirm("Do this?", err=True)
    if not confirmed:
        click.echo("Nothing was changed.", err=True)
    return confirmed


async def _carried_out(
    session: Session[Target], prepared: Prepared, *, is_last: bool
) -> TransactionResult | None:
    """Carry out what was planned; None where the system has changed since, and so the plan."""
    from kvscheduler import PlanStale  # noqa: PLC0415 - the engine: not for --help

    try:
        with session.interrupts.unbroken():
            async with progress(session.target, prepared.plan):
                return await prepared.commit()
    except PlanStale:
        if is_last:
            raise
        click.echo("the system has changed meanwhile: planned again", err=True)
        return None
