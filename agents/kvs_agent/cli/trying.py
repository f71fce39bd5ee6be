# SPDX-License-Identifier: Apache-2.0
"""The command that applies files on approval: what nobody confirms in time is rolled back."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import outcome, wishes
from .failure import UserError
from .options import Manner, color_option, quiet_option
from .session import Session, run
from .settings import Settings, wants_color

if TYPE_CHECKING:
    from kvs_agent.sources.config import Configuration
    from kvs_agent.trial import Trial
    from kvscheduler import TransactionResult

__all__ = ["try_"]

TIMEOUT_S = 60.0
YES = frozenset({"y", "yes"})


@click.command("try")
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the confirmation.",
)
@click.option("--rollback", is_flag=True, help="Undo a trial that was cut short.")
@quiet_option
@color_option
@click.pass_obj
def try_(
    settings: Settings,
    files: tuple[Path, ...],
    *,
    timeout: float,
    rollback: bool,
    quiet: bool,
    color: str,
) -> int:
    """Apply files, and roll back unless that is confirmed.

    Waits for a line with y or yes. Another answer, none in time, a signal or the end of the
    terminal bring back what was wanted before; so does --rollback, where the process was killed.
    """
    from kvs_agent.trial import Trial  # noqa: PLC0415 - protobuf: not for --help

    trial = Trial(settings.state)
    if rollback:
        return _roll_back_later(settings, trial, files)
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if trial.is_open:
        raise UserError("a trial was cut short before; first: kvsctl try --rollback")
    wanted = wishes.load(files)
    manner = Manner(wants_color(color), detailed=False, quiet=quiet)
    attempt = _Attempt(trial, wanted, f"kvsctl try {' '.join(map(str, files))}", timeout)
    return run(settings, lambda session: attempt.go(session, manner), wanted, begins=True)


class _Attempt:
    """One trial, from the plan to its end."""

    def __init__(self, trial: Trial, wanted: Configuration, what: str, timeout_s: float) -> None:
        self._trial = trial
        self._wanted = wanted
        self._what = what
        self._timeout_s = timeout_s

    async def go(self, session: Session, manner: Manner) -> int:
        """Apply, wait, and keep it or roll back; return the exit code."""
        from kvs_agent import protection  # noqa: PLC0415 - the engine: not for --help

        transaction = wishes.begin(session.scheduler, self._wanted, self._what, revert=True)
        made = transaction.plan()
        protection.check(made)
        if not manner.quiet:
            click.echo(made.render(color=manner.color), color=manner.color)
        if made.invalid:
            outcome.refuse_invalid(made, self._wanted)
            return 1
        before = session.scheduler.values(view="desired")
        with session.interrupts.unbroken():
            self._trial.begin(before)
            result = await transaction.commit(expect=made)
        session.remember(result)
        if not result.ok:
            self._trial.end()
            outcome.report(result, self._wanted)
            return 1
        if await self._is_confirmed(session, result):
            self._trial.end()
            return 0
        with session.interrupts.unbroken(regardless=True):
            return await _roll_back(session, self._trial)

    async def _is_confirmed(self, session: Session, result: TransactionResult) -> bool:
        with contextlib.suppress(OSError):
            outcome.report(result, self._wanted)
            question = f"Keep this? Rolled back in {self._timeout_s:g} s unless you say y: "
            click.echo(question, err=True, nl=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await _line()).strip().lower() in YES
        except TimeoutError:
            with contextlib.suppress(OSError):
                click.echo("no answer", err=True)
        except asyncio.CancelledError:
            if not session.interrupts.number:
                raise
        return False


async def _line() -> str:
    """Return the next line of the standard input, "" at its end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), ready.set)
    except (OSError, ValueError):  # a file, or /dev/null: never keeps anyone waiting
        return sys.stdin.readline()
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    try:
        return sys.stdin.readline()
    except OSError:  # the terminal is gone
        return ""


async def _roll_back(session: Session, trial: Trial) -> int:
    """Want again what was wanted before."""
    transaction = wishes.begin(session.scheduler, trial.before(), "kvsctl try: rolled back")
    result = await transaction.commit()
    session.remember(result)
    if result.ok:
        trial.end()
    with contextlib.suppress(OSError):
        outcome.report(result)
        click.echo("Rolled back." if result.ok else "Not all could be rolled back.", err=True)
    return 1


def _roll_back_later(settings: Settings, trial: Trial, files: tuple[Path, ...]) -> int:
    if files:
        raise click.UsageError("--rollback takes no files")
    if not trial.is_open:
        raise UserError("there is no trial to roll back")

    async def work(session: Session) -> int:
        with session.interrupts.unbroken():
            await _roll_back(session, trial)
        return int(trial.is_open)

    return run(settings, work, trial.before(), begins=True)
