# SPDX-License-Identifier: Apache-2.0
"""The command that applies files on approval: what nobody confirms in time is rolled back."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import outcome, wishes
from .failure import UserError
from .interrupt import Interrupts
from .options import Manner, color_option, quiet_option, source_option
from .session import Session, engine, run, run_on
from .settings import Settings, wants_color
from .target import Attempt, Change, Target

if TYPE_CHECKING:
    from kvs_agent.sources.config import Configuration
    from kvs_agent.trial import Trial
    from kvscheduler import TransactionResult

    from .engine import Engine

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
@source_option
@quiet_option
@color_option
@click.pass_obj
def try_(
    settings: Settings,
    files: tuple[Path, ...],
    *,
    timeout: float,
    rollback: bool,
    source: str,
    quiet: bool,
    color: str,
) -> int:
    """Apply files, and roll back unless that is confirmed.

    Waits for a line with y or yes. Another answer, none in time, a signal or the end of the
    terminal bring back what was wanted before; so does --rollback, where the process was killed.
    """
    if rollback:
        return _roll_back_later(settings, files)
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    if settings.agent is None and _trial(settings).is_open:
        raise UserError("a trial was cut short before; first: kvsctl try --rollback")
    wanted = wishes.load(files)
    manner = Manner(wants_color(color), detailed=False, quiet=quiet)
    what = f"kvsctl try {' '.join(map(str, files))}"
    change = Change(what=what, wanted=wanted, revert=True, source=source)
    trying = _Trying(change, wanted, timeout)
    return run(settings, lambda session: trying.go(session, manner), wanted, begins=True)


def _trial(settings: Settings) -> Trial:
    from kvs_agent.trial import Trial  # noqa: PLC0415 - protobuf: not for --help

    return Trial(settings.state)


class _Trying:
    """One trial, from the plan to its end."""

    def __init__(self, change: Change, files: Configuration, timeout_s: float) -> None:
        self._change = change
        self._files = files
        self._timeout_s = timeout_s

    async def go(self, session: Session[Target], manner: Manner) -> int:
        """Apply, wait, and keep it or roll back; return the exit code."""
        prepared = await session.target.prepare(self._change)
        made = prepared.plan
        prepared.check()
        if not manner.quiet:
            click.echo(made.render(color=manner.color), color=manner.color)
        if made.invalid:
            outcome.refuse_invalid(made, self._files)
            return 1
        async with prepared.attempt(self._timeout_s) as attempt:
            with session.interrupts.unbroken():
                result = await attempt.begin()
            if not result.ok:
                outcome.report(result, self._files)
                return 1
            if await self._is_confirmed(session.interrupts, attempt, result):
                with session.interrupts.unbroken(regardless=True):
                    if await attempt.keep():
                        return 0
            with session.interrupts.unbroken(regardless=True):
                return _told(await attempt.take_back())

    async def _is_confirmed(
        self, interrupts: Interrupts, attempt: Attempt, result: TransactionResult
    ) -> bool:
        with contextlib.suppress(OSError):
            outcome.report(result, self._files)
            question = f"Keep this? Rolled back in {self._timeout_s:g} s unless you say y: "
            click.echo(question, err=True, nl=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await _first(_line(), attempt.over())
            if answer is not None:
                return answer.strip().lower() in YES
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            if not interrupts.number:
                raise
            return False
        with contextlib.suppress(OSError):
            click.echo("no answer", err=True)
        return False


async def _first(line: Coroutine[Any, Any, str], over: Coroutine[Any, Any, None]) -> str | None:
    """Wait for a line, None where all is over before it; raises what either raises."""
    tasks: list[asyncio.Task[Any]] = [asyncio.ensure_future(line), asyncio.ensure_future(over)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if tasks[0] not in done:
        await tasks[1]
        return None
    told: str = await tasks[0]
    return told


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


def _told(result: TransactionResult) -> int:
    """Tell how a rollback went, where anybody is left to hear it."""
    with contextlib.suppress(OSError):
        outcome.report(result)
        click.echo("Rolled back." if result.ok else "Not all could be rolled back.", err=True)
    return 1


def _roll_back_later(settings: Settings, files: tuple[Path, ...]) -> int:
    if files:
        raise click.UsageError("--rollback takes no files")
    if settings.agent is not None:
        raise UserError("an agent rolls back by itself what nobody confirmed")
    trial = _trial(settings)
    if not trial.is_open:
        raise UserError("there is no trial to roll back")
    before = trial.before()

    async def work(session: Session[Engine]) -> int:
        with session.interrupts.unbroken():
            _told(await session.target.roll_back())
        return int(trial.is_open)

    return run_on(lambda: engine(settings, before, begins=True), work)
