# SPDX-License-Identifier: Apache-2.0
"""The command that stays: what drifts is put back at once, and told."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING

import click

from .failure import UserError
from .session import Session, run
from .settings import Settings, is_begun
from .target import Target

if TYPE_CHECKING:
    from kvs_agent.past import Step, Transaction
    from kvscheduler import ValueStatus

    from .target import Told

__all__ = ["watch"]

SYMBOLS = {"create": "+", "update": "~", "delete": "-"}


@click.command()
@click.pass_obj
def watch(settings: Settings) -> int:
    """Keep the system as it was applied last.

    Mends what has drifted, and goes on watching: what somebody removes or changes is put back at
    once. Prints what it does, and what cannot be as it is wanted. Ends with Ctrl-C. An agent does
    all that by itself; then this only tells of it.
    """
    if settings.agent is None and not is_begun(settings.state):
        # The engine would take all that an earlier one has made for unwanted.
        raise UserError(f"{settings.state} is not there, so there is nothing to keep: apply first")
    return run(settings, _work, watch=True)


async def _work(session: Session[Target]) -> int:
    teller = _Teller()
    with session.interrupts.unbroken():
        mended = await session.target.mend()
    for one in mended:
        teller.tell_done(one)
    wanted = await session.target.values("", "desired", "")
    click.echo(f"Watching {len(wanted)} values; Ctrl-C ends it.", err=True)
    try:
        async for event in session.target.events():
            if isinstance(event, tuple):
                teller.tell_done(event)
            else:
                teller.tell(event)
    except asyncio.CancelledError:
        if not session.interrupts.number:
            raise
        session.interrupts.forgive()
    return 0


class _Teller:
    """Tells what is done, and what stands in the way."""

    def __init__(self) -> None:
        self._troubled: set[str] = set()

    def tell_done(self, told: Told) -> None:
        """Print what was done."""
        transaction, steps = told
        for one in steps:
            click.echo(_done(transaction, one))

    def tell(self, status: ValueStatus) -> None:
        """Print where a value stands that is not as it is wanted, and when it is again."""
        from kvscheduler.model import ValueState  # noqa: PLC0415 - the engine: not for --help

        good = {ValueState.CONFIGURED, ValueState.OBTAINED, ValueState.REMOVED}
        if status.state is ValueState.NONEXISTENT:
            # What others had made has gone; what is wanted is never that.
            self._troubled.discard(status.key)
            return
        if status.state in good and status.key not in self._troubled:
            return
        if status.state in good:
            self._troubled.discard(status.key)
        else:
            self._troubled.add(status.key)
        click.echo(_stands(status))


def _done(transaction: Transaction, one: Step) -> str:
    error = f"  failed: {one.error}" if one.error else ""
    symbol = SYMBOLS.get(one.kind, "?")
    return _line(transaction.started, f"{symbol} {one.key}  # {one.reason}{error}")


def _stands(status: ValueStatus) -> str:
    from kvscheduler.errors import describe  # noqa: PLC0415 - as above

    error = f"  {describe(status.error)}" if status.error else ""
    return _line(status.since, f"{status.key} is {status.state.name}{error}")


def _line(seconds: float, what: str) -> str:
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone()
    return printable(f"{when:%H:%M:%S.%f}  {what}")
