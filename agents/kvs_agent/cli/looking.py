# SPDX-License-Identifier: Apache-2.0
"""The commands that only look: what is wanted, what is there, and why something is not."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import completing, explanation
from .failure import UserError
from .session import Session, run
from .settings import Settings, wants_color

if TYPE_CHECKING:
    from kvscheduler import Scheduler

__all__ = ["explain", "get"]

MAX_SUGGESTIONS = 3
MIN_LIKENESS = 0.6


@click.command()
@click.argument("prefix", default="", shell_complete=completing.keys)
@click.option(
    "--view",
    type=click.Choice(["desired", "configured", "live"]),
    default="desired",
    show_default=True,
    help="What is wanted, what was made of it, or what the system says this moment.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON with a format_version.")
@click.pass_obj
def get(settings: Settings, prefix: str, *, view: str, as_json: bool) -> int:
    """Print keys and values.

    Those below PREFIX, or all.
    """

    async def work(session: Session) -> int:
        from kvscheduler.jsonable import jsonable  # noqa: PLC0415 - not for --help
        from kvscheduler.render import FORMAT_VERSION, printable  # noqa: PLC0415 - as above

        found = await _values(session.scheduler, prefix, view)
        values = {key: jsonable(found[key]) for key in sorted(found)}
        if as_json:
            shown = {"format_version": FORMAT_VERSION, "view": view, "values": values}
            click.echo(json.dumps(shown, indent=2))
            return 0
        for key, value in values.items():
            click.echo(printable(f"{key}  {json.dumps(value, ensure_ascii=False)}"))
        return 0

    return run(settings, work)


async def _values(scheduler: Scheduler, prefix: str, view: str) -> Mapping[str, object]:
    """Return what one of the views holds."""
    if view == "live":
        live = await scheduler.retrieve(prefix)
        return {key: found.value for key, found in live.items()}
    return scheduler.values(prefix, view=view)


@click.command()
@click.argument("key", shell_complete=completing.keys)
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True
)
@click.pass_obj
def explain(settings: Settings, key: str, *, color: str) -> int:
    """Tell how KEY stands, and why.

    What it waits for, whether that waits or failed in turn, down to the root cause.
    """
    paint = wants_color(color)

    async def work(session: Session) -> int:
        from kvscheduler.model import ValueState  # noqa: PLC0415 - not for --help

        status = session.scheduler.status(key)
        if status.state is ValueState.NONEXISTENT:
            raise UserError(unknown_key(key, (each.key for each in session.scheduler.statuses())))
        click.echo(explanation.text(status, color=paint), color=paint)
        if status.state is ValueState.PENDING:
            _tell_last_failure(session.state, key)
        return 0

    return run(settings, work)


def _tell_last_failure(state: Path, key: str) -> None:
    """Tell what the last attempt failed with: one of another process, as this one made none."""
    from kvs_agent.past import Past, PastError  # noqa: PLC0415 - the engine: not for --help
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    with contextlib.suppress(PastError):
        steps = Past(state).of_key(key)
        if steps and steps[-1].error:
            step = steps[-1]
            tried = f"{step.kind} of #{step.number}"
            click.echo(printable(f"  failed when it was last tried ({tried}): {step.fault}"))


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the message for a key that nobody knows, with those that may be meant."""
    keys = sorted(known)
    # People remember a key's end: the name of the interface, not the model's prefix.
    meant = [each for each in keys if each.endswith(f"/{key}")][:MAX_SUGGESTIONS]
    meant = meant or difflib.get_close_matches(key, keys, MAX_SUGGESTIONS, MIN_LIKENESS)
    if meant:
        return f"nothing is known of {key}; did you mean {' or '.join(meant)}?"
    return f"nothing is known of {key}; kvsctl get lists what is"
