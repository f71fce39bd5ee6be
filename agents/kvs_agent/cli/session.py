# SPDX-License-Identifier: Apache-2.0
"""One command's life: an engine that knows what is, one piece of work, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import click

from .failure import UserError
from .interrupt import Interrupts
from .settings import Settings, is_begun

if TYPE_CHECKING:
    from pathlib import Path

    from kvscheduler import Plan, Scheduler, TransactionResult

__all__ = ["Session", "Work", "planned", "run", "run_on"]


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """What a command works with: an engine that has looked, and the signals held back."""

    scheduler: Scheduler
    interrupts: Interrupts
    state: Path

    def refuse_if_lost(self, made: Plan) -> None:
        """Refuse to mend by removing all there is, where nobody remembers what was wanted."""
        if not made.is_empty and not is_begun(self.state):
            raise UserError(
                f"{self.state} is not there, but {len(made.operations)} values that kvsctl made"
                " are; nothing was changed. What is wanted, say the files: kvsctl apply FILE...;"
                " kvsctl import-existing --all prints such a file, kvsctl destroy removes all"
            )

    def remember(self, result: TransactionResult) -> None:
        """Have the history tell of a transaction; that it cannot is no reason to fail."""
        from kvs_agent.past import Past, PastError  # noqa: PLC0415 - the engine: not for --help

        try:
            Past(self.state).add(result)
        except PastError as error:
            click.echo(f"warning: {error}", err=True)


Work = Callable[[Session], Awaitable[int]]


def run(
    settings: Settings,
    work: Work,
    wanted: Mapping[str, object] | None = None,
    *,
    begins: bool = False,
    watch: bool = False,
) -> int:
    """Do one piece of work with an engine that has looked at the system; return its exit code.

    ``wanted`` are values about to be wanted, to look whether they are there already. ``begins``:
    where there is no state, one is begun; otherwise the engine remembers nothing. With ``watch``
    it goes on looking.
    """

    def engine() -> Scheduler:
        # Here, since the engine and its southbound are most of a command's start.
        from kvs_agent.wiring import linux_scheduler  # noqa: PLC0415

        state = settings.state if begins or is_begun(settings.state) else None
        return linux_scheduler(state, watch=watch, **settings.limits)

    async def look_first(session: Session) -> int:
        await session.scheduler.refresh(wanted=wanted)
        return await work(session)

    return run_on(engine, settings, look_first)


def run_on(engine: Callable[[], Scheduler], settings: Settings, work: Work) -> int:
    """Do one piece of work with an engine, between its start and its close; signals wait."""
    return asyncio.run(_run(engine, settings, work))


async def _run(engine: Callable[[], Scheduler], settings: Settings, work: Work) -> int:
    with Interrupts() as interrupts:
        try:
            async with engine() as scheduler:
                code = await work(Session(scheduler, interrupts, settings.state))
        except asyncio.CancelledError:
            if not interrupts.number:
                raise
            click.echo("interrupted: nothing was changed", err=True)
            return 128 + interrupts.number
    if interrupts.number:
        with contextlib.suppress(OSError):  # the terminal may be gone
            click.echo("interrupted: what had begun was finished", err=True)
        return 128 + interrupts.number
    return code


def planned(wanted: Mapping[str, object]) -> Plan:
    """Return what making these values of nothing would take; looks at nothing but them."""
    from kvs_agent.wiring import linux_scheduler  # noqa: PLC0415 - as above

    transaction = linux_scheduler(None).transaction("kvsctl validate")
    for key, value in wanted.items():
        transaction.set(key, value)
    return transaction.plan()
