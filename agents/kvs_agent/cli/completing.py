# SPDX-License-Identifier: Apache-2.0
"""What a shell offers at a press of TAB: keys and models, from the disk or from an agent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .settings import Named, agent_of, default_state

if TYPE_CHECKING:
    from .remote import Agent

__all__ = ["keys", "models", "past_keys", "sources"]

# An agent that has not answered by then is not waited for: somebody is typing.
PATIENCE_S = 2.0

# More are offered folder by folder.
MOST = 100


def keys(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the keys of what is wanted or was made. Waits for no lock, asks no kernel."""
    if named := _agent(context):
        return _offered(lambda: _asked(named, lambda agent: agent.keys()), begun)
    return _offered(lambda: _known(_state(context)), begun)


def past_keys(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the keys of what something was done to."""
    from kvs_agent.past import Past  # noqa: PLC0415 - the engine: not for --help

    if named := _agent(context):
        return _offered(lambda: _asked(named, lambda agent: agent.past_keys()), begun)
    return _offered(Past(_state(context)).keys, begun)


def sources(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the names of an agent's sources."""
    if (named := _agent(context)) is None:
        return []
    return _offered(lambda: _asked(named, lambda agent: agent.sources()), begun)


def models(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the names of models, also by their ends."""
    from kvs_agent.models import MODELS  # noqa: PLC0415 - protobuf: as above
    from kvs_agent.sources.skeleton import name_of  # noqa: PLC0415 - as above

    names = sorted(name_of(one) for one in MODELS)
    return [name for name in names if begun.lower() in name.lower()]


def _state(context: click.Context) -> Path:
    given = context.find_root().params.get("state")
    return given if isinstance(given, Path) else default_state()


def _agent(context: click.Context) -> Named | None:
    """Return the agent that is named on the line or by the environment."""
    given = context.find_root().params
    named = agent_of(given)
    return None if named is None else dataclasses.replace(named, deadline_s=PATIENCE_S)


def _asked(named: Named, question: Callable[[Agent], Awaitable[Iterable[str]]]) -> Iterable[str]:
    """Return what an agent answers to a question."""
    from .session import agent  # noqa: PLC0415 - as above

    async def ask() -> Iterable[str]:
        async with agent(named) as asked:
            return await question(asked)

    return asyncio.run(ask())


def _known(state: Path) -> set[str]:
    """Return the keys that the journal holds, and of what derives from them."""
    import kvs_agent.models  # noqa: PLC0415, F401 - the classes that a journal can hold
    from kvscheduler.journal import Journal  # noqa: PLC0415 - the engine: not for --help

    from .session import planned  # noqa: PLC0415 - as above

    if not state.exists():
        return set()
    records = Journal(state).peek()
    plan = planned({key: one.value for key, one in records.wanted.items()})
    derived = {operation.key for operation in plan.operations} | {*plan.pending}
    return derived | {*records.wanted, *records.made, *records.rejected}


def _offered(known: Callable[[], Iterable[str]], begun: str) -> list[str]:
    # Nobody wants to read of a failure amid a command that is being typed.
    with contextlib.suppress(Exception):
        return _fitting(sorted(known()), begun)
    return []


def _fitting(every: list[str], begun: str) -> list[str]:
    """Return what begins so, else what has a part that does: of a key one knows the end."""
    found = [key for key in every if key.startswith(begun)]
    if not found:
        return [key for key in every if f"/{begun}" in key][:MOST]
    return found if len(found) <= MOST else _folders(found, begun.count("/") + 1)


def _folders(found: list[str], depth: int) -> list[str]:
    """Return the folders of many keys, so deep down that there are several."""
    cut = {"/".join(key.split("/")[:depth]) + "/" * (key.count("/") >= depth) for key in found}
    return sorted(cut) if len(cut) > 1 else _folders(found, depth + 1)
