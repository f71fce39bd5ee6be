# SPDX-License-Identifier: Apache-2.0
"""The commands that change something, or show what would be changed."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from . import outcome
from .progress import progress
from .session import Session, run
from .settings import Settings, wants_color

if TYPE_CHECKING:
    from kvs_agent.saved_plan import SavedPlan
    from kvs_agent.sources.config import Configuration
    from kvscheduler import Plan, Scheduler, Transaction, TransactionResult

__all__ = ["apply", "destroy", "plan", "repair"]

CHANGED = 2
# How often a plan is made anew because the system does not stand still.
MAX_PLANS = 3

F = TypeVar("F", bound=Callable[..., object])


@dataclasses.dataclass(frozen=True, slots=True)
class _Manner:
    """How a change is shown and reported."""

    color: bool
    detailed: bool
    quiet: bool = False
    keep_going: bool = True

    def code(self, *, changed: bool) -> int:
        """Return the exit code of a success."""
        return CHANGED if changed and self.detailed else 0


files = click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
)
color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="auto: on a terminal, unless NO_COLOR is set.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Do not show the plan first.")
detailed_option = click.option(
    "--detailed-exitcode", "detailed", is_flag=True, help="Exit with 2 where there are changes."
)


@click.command()
@files
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON with a format_version.")
@click.option("--dot", "as_dot", is_flag=True, help="The order of things, for graphviz.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PLAN",
    help="Also keep the plan in a file, for apply to carry out just so.",
)
@color_option
@detailed_option
@click.pass_obj
def plan(
    settings: Settings,
    files: tuple[Path, ...],
    *,
    as_json: bool,
    as_dot: bool,
    out: Path | None,
    color: str,
    detailed: bool,
) -> int:
    """Show what apply would do.

    Changes nothing. With --out the plan is kept, for apply to carry it out just so.

    Symbols: + create, ~ update, - delete, -/+ delete and create anew, ? waits, ! is invalid.
    """
    if as_json and as_dot:
        raise click.UsageError("--json and --dot exclude each other")
    manner = _Manner(wants_color(color), detailed)
    wanted = _load(files)

    async def work(session: Session) -> int:
        made = _to_files(session.scheduler, wanted, revert=False).plan()
        if as_json:
            click.echo(json.dumps(made.to_dict(), indent=2))
        elif as_dot:
            click.echo(made.to_dot())
        else:
            click.echo(made.render(color=manner.color), color=manner.color)
        outcome.report_invalid(made, wanted)
        if made.invalid:
            if out is not None:
                click.echo("No plan was kept: correct the files first.", err=True)
            return 1
        if out is not None:
            _save(out, wanted, made)
        return manner.code(changed=not made.is_empty)

    return run(settings, work, wanted)


@click.command()
@files
@click.option("--revert", is_flag=True, help="All or nothing: undo everything if a part fails.")
@click.option(
    "--keep-going", is_flag=True, help="Do the rest where the files hold invalid values."
)
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
    quiet: bool,
    color: str,
    detailed: bool,
) -> int:
    """Make the system what the files say.

    What else kvsctl ever made is removed, what others made is left alone. Asks nothing: look
    at plan first. Files with invalid values are refused before anything is touched. A plan kept
    by plan --out takes the place of the files: it is refused where the state has moved since.
    """
    manner = _Manner(wants_color(color), detailed, quiet, keep_going)
    saved = _saved(files)
    wanted = saved.wanted if saved is not None else _load(files)

    async def work(session: Session) -> int:
        def begin() -> Transaction:
            transaction = _to_files(session.scheduler, wanted, revert=revert)
            if saved is not None:
                saved.check(transaction.plan())
            return transaction

        return await _commit(session, begin, manner, files=wanted)

    return run(settings, work, wanted)


@click.command()
@quiet_option
@color_option
@detailed_option
@click.pass_obj
def repair(settings: Settings, *, quiet: bool, color: str, detailed: bool) -> int:
    """Bring back what has drifted.

    Compares the system with what was applied last, and mends the difference.
    """
    manner = _Manner(wants_color(color), detailed, quiet)

    async def work(session: Session) -> int:
        def begin() -> Transaction:
            return session.scheduler.transaction("kvsctl repair", resync="downstream")

        return await _commit(session, begin, manner)

    return run(settings, work)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
@quiet_option
@color_option
@detailed_option
@click.pass_obj
def destroy(settings: Settings, *, yes: bool, quiet: bool, color: str, detailed: bool) -> int:
    """Remove everything that kvsctl made.

    And only that. Asks first on a terminal, unless told --yes.
    """
    manner = _Manner(wants_color(color), detailed, quiet)

    async def work(session: Session) -> int:
        def begin() -> Transaction:
            return session.scheduler.transaction("kvsctl destroy", resync="upstream")

        return await _commit(session, begin, manner, ask=not yes)

    return run(settings, work)


def _load(files: tuple[Path, ...]) -> Configuration:
    """Read the files into what they want."""
    from kvs_agent.sources.config import load  # noqa: PLC0415 - protobuf and YAML: not for --help

    return load(files)


def _save(path: Path, wanted: Configuration, made: Plan) -> None:
    """Keep a plan in a file, and say how it is carried out."""
    from kvs_agent import saved_plan  # noqa: PLC0415 - as above

    saved_plan.write(path, wanted, made)
    click.echo(f"Kept in {path}; to do just this: kvsctl apply {path}", err=True)


def _saved(files: tuple[Path, ...]) -> SavedPlan | None:
    """Read the saved plan that takes the place of the files, if it is one."""
    from kvs_agent import saved_plan  # noqa: PLC0415 - as above

    plans = [file for file in files if saved_plan.is_saved_plan(file)]
    if plans and len(files) > 1:
        raise click.UsageError(f"{plans[0]} is a saved plan, and stands alone")
    return saved_plan.read(plans[0]) if plans else None


def _to_files(scheduler: Scheduler, wanted: Mapping[str, object], *, revert: bool) -> Transaction:
    """Open a transaction after which the files' values are all that is wanted."""
    if revert:
        # A resync cannot be undone, so what the files lack is deleted key by key.
        transaction = scheduler.transaction(description="kvsctl apply", revert=True)
        for key in scheduler.values(view="desired"):
            if key not in wanted:
                transaction.delete(key)
    else:
        transaction = scheduler.transaction(description="kvsctl apply", resync="upstream")
    for key, value in wanted.items():
        transaction.set(key, value)
    return transaction


async def _commit(
    session: Session,
    begin: Callable[[], Transaction],
    manner: _Manner,
    *,
    files: Configuration | None = None,
    ask: bool = False,
) -> int:
    """Show the plan, carry it out just so, and tell how that went."""
    result = None
    for attempts_left in reversed(range(MAX_PLANS)):
        transaction = begin()
        made = transaction.plan()
        if not _agreed(session, made, manner, ask=ask):
            return 1
        if files is not None and made.invalid and not manner.keep_going:
            outcome.refuse_invalid(made, files)
            return 1
        result = await _carried_out(session, transaction, made, is_last=not attempts_left)
        if result is not None:
            break
    assert result is not None
    outcome.report(result, files)
    return manner.code(changed=bool(result.operations)) if result.ok else 1


def _agreed(session: Session, made: Plan, manner: _Manner, *, ask: bool) -> bool:
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
    session: Session, transaction: Transaction, made: Plan, *, is_last: bool
) -> TransactionResult | None:
    """Carry out what was planned; None where the system has changed since, and so the plan."""
    from kvscheduler import PlanStale  # noqa: PLC0415 - the engine: not for --help

    try:
        with session.interrupts.unbroken():
            async with progress(session.scheduler, made):
                return await transaction.commit(expect=made)
    except PlanStale:
        if is_last:
            raise
        click.echo("the system has changed meanwhile: planned again", err=True)
        return None
