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

if TYPE_CHECKING:
    from kvscheduler import Executed, TransactionResult, ValueStatus

__all__ = ["watch"]

SYMBOLS = {"create": "+", "update": "~", "delete": "-"}


@click.command()
@click.pass_obj
def watch(settings: Settings) -> int:
    """Keep the system as it was applied last.

    Mends what has drifted, and goes on watching: what somebody removes or changes is put back at
    once. Prints what it does, and what cannot be as it is wanted. Ends with Ctrl-C.
    """
    if not is_begun(settings.state):
        # The engine would take all that an earlier one has made for unwanted.
        raise UserError(f"{settings.state} is not there, so there is nothing to keep: apply first")
    return run(settings, _work, watch=True)


async def _work(session: Session) -> int:
    teller = _Teller(session)
    with session.interrupts.unbroken():
        await session.scheduler.transaction("kvsctl watch", resync="downstream").commit()
    teller.tell_done()
    click.echo(f"Watching {len(session.scheduler.values())} values; Ctrl-C ends it.", err=True)
    try:
        async for status in session.scheduler.watch():
            teller.tell_done()
            teller.tell(status)
    except asyncio.CancelledError:
        if not session.interrupts.number:
            raise
        session.interrupts.forgive()
    return 0


class _Teller:
    """Tells what has been done since it last did, and what stands in the way."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last = 0
        self._troubled: set[str] = set()

    def tell_done(self) -> None:
        """Print what the engine has done, and have the history remember it."""
        for result in self._session.scheduler.history:
            if result.number > self._last:
                self._last = result.number
                self._session.remember(result)
                for one in result.operations:
                    click.echo(_done(result, one))

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


def _done(result: TransactionResult, one: Executed) -> str:
    from kvscheduler.errors import describe  # noqa: PLC0415 - as above

    operation = one.operation
    error = f"  failed: {describe(one.error)}" if one.error else ""
    symbol = SYMBOLS.get(operation.kind, "?")
    return _line(result.started, f"{symbol} {operation.key}  # {operation.reason}{error}")


def _stands(status: ValueStatus) -> str:
    from kvscheduler.errors import describe  # noqa: PLC0415 - as above

    error = f"  {describe(status.error)}" if status.error else ""
    return _line(status.since, f"{status.key} is {status.state.name}{error}")


def _line(seconds: float, what: str) -> str:
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone()
    return printable(f"{when:%H:%M:%S.%f}  {what}")
