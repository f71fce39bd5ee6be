# SPDX-License-Identifier: Apache-2.0
"""One command's life: something to work on, one piece of work, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from .failure import UserError
from .interrupt import Interrupts
from .settings import Settings, is_begun
from .target import Memory, Target

if TYPE_CHECKING:
    from kvscheduler import Plan

    from .engine import Engine
    from .remote import Agent
    from .settings import Named

__all__ = ["Session", "agent", "engine", "planned", "recall", "run", "run_on"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Session(Generic[T]):
    """What a command works with, and the signals held back."""

    target: T
    interrupts: Interrupts


def run(
    settings: Settings,
    work: Callable[[Session[Target]], Awaitable[int]],
    wanted: Mapping[str, object] | None = None,
    *,
    begins: bool = False,
    watch: bool = False,
) -> int:
    """Do one piece of work on the agent that is named, or with an engine; return its exit code.

    For the options see ``engine``.
    """

    def opened() -> AbstractAsyncContextManager[Target]:
        if settings.agent is None:
            return engine(settings, wanted, begins=begins, watch=watch)
        return agent(settings.agent)

    return run_on(opened, work)


def run_on(
    opened: Callable[[], AbstractAsyncContextManager[T]],
    work: Callable[[Session[T]], Awaitable[int]],
) -> int:
    """Do one piece of work on what is opened for it, and closed after it; signals wait."""
    return asyncio.run(_run(opened, work))


async def _run(
    opened: Callable[[], AbstractAsyncContextManager[T]],
    work: Callable[[Session[T]], Awaitable[int]],
) -> int:
    with Interrupts() as interrupts:
        try:
            async with opened() as target:
                code = await work(Session(target, interrupts))
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


@contextlib.asynccontextmanager
async def engine(
    settings: Settings,
    wanted: Mapping[str, object] | None = None,
    *,
    begins: bool = False,
    watch: bool = False,
) -> AsyncIterator[Engine]:
    """Give an engine that has looked at the system.

    ``wanted`` are values about to be wanted, to look whether they are there already. ``begins``:
    where there is no state, one is begun; otherwise the engine remembers nothing. With ``watch``
    it goes on looking.
    """
    # Here, since the engine and its southbound are most of a command's start.
    from kvs_agent.wiring import linux_scheduler  # noqa: PLC0415

    from .engine import Engine  # noqa: PLC0415 - as above

    _tell_what_takes_an_agent(wanted or {})
    state = settings.state if begins or is_begun(settings.state) else None
    async with linux_scheduler(state, watch=watch, **settings.limits) as scheduler:
        await scheduler.refresh(wanted=wanted)
        yield Engine(scheduler, settings.state)


def agent(named: Named) -> AbstractAsyncContextManager[Agent]:
    """Give the agent that is named."""
    try:
        from .remote import connected  # noqa: PLC0415 - gRPC: for those alone who name an agent
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        text = "--agent takes gRPC, which is not installed: pip install 'kvscheduler[cli,grpc]'"
        raise UserError(text) from error

    return connected(named)


def recall(settings: Settings, work: Callable[[Memory], Awaitable[int]]) -> int:
    """Do one piece of work on what was done before; looks at no system."""
    if settings.agent is not None:
        return run(settings, lambda session: work(session.target))
    from .engine import PastMemory  # noqa: PLC0415 - the engine: not for --help

    return asyncio.run(_awaited(work(PastMemory(settings.state))))


async def _awaited(work: Awaitable[int]) -> int:
    return await work


def planned(wanted: Mapping[str, object]) -> Plan:
    """Return what making these values of nothing would take; looks at nothing but them."""
    from kvs_agent.wiring import linux_scheduler  # noqa: PLC0415 - as above

    _tell_what_takes_an_agent(wanted)
    transaction = linux_scheduler(None).transaction("kvsctl validate")
    for key, value in wanted.items():
        transaction.set(key, value)
    return transaction.plan()


def _tell_what_takes_an_agent(wanted: Iterable[str]) -> None:
    """Say which values nothing will come of without an agent, which holds on to them."""
    from kvs_agent.models import of_key  # noqa: PLC0415 - protobuf: as above

    held = sorted(key for key in wanted if (model := of_key(key)) and model.takes_agent)
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        text = "has to be held by an agent, so nothing comes of it here: kvsctl --agent"
        click.echo(f"note: {held[0]}{more} {text}", err=True)
