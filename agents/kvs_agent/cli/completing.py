# SPDX-License-Identifier: Apache-2.0
"""What a shell offers at a press of TAB: keys and models, from what is kept on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from .settings import default_state

__all__ = ["keys", "models", "past_keys"]

# More are offered folder by folder.
MOST = 100


def keys(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the keys of what is wanted or was made. Waits for no lock, asks no kernel."""
    return _offered(lambda: _known(_state(context)), begun)


def past_keys(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the keys of what something was done to."""
    from kvs_agent.past import Past  # noqa: PLC0415 - the engine: not for --help

    return _offered(Past(_state(context)).keys, begun)


def models(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Offer the names of models, also by their ends."""
    from kvs_agent.models import MODELS  # noqa: PLC0415 - protobuf: as above
    from kvs_agent.sources.skeleton import name_of  # noqa: PLC0415 - as above

    names = sorted(name_of(one) for one in MODELS)
    return [name for name in names if begun.lower() in name.lower()]


def _state(context: click.Context) -> Path:
    given = context.find_root().params.get("state")
    return given if isinstance(given, Path) else default_state()


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
