# SPDX-License-Identifier: Apache-2.0
"""The commands that only look: what is wanted, what is there, and why something is not."""

from __future__ import annotations

import contextlib
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping

import click

from . import completing, explanation
from .failure import UserError
from .options import needs_agent
from .session import Session, run
from .settings import Settings, wants_color
from .target import Held, Target

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
@click.option(
    "--source",
    metavar="NAME",
    default="",
    callback=needs_agent,
    shell_complete=completing.sources,
    help="Only what this source of an agent wants, whether its value counts or not.",
)
@click.option(
    "--sources",
    is_flag=True,
    callback=needs_agent,
    help="Also tell which of an agent's sources want it; the first one's value counts.",
)
@click.pass_obj
def get(
    settings: Settings, prefix: str, *, view: str, as_json: bool, source: str, sources: bool
) -> int:
    """Print keys and values.

    Those below PREFIX, or all.
    """
    if source and view != "desired":
        raise click.UsageError(f"--source is about what is wanted, not --view {view}")

    async def work(session: Session[Target]) -> int:
        found = await session.target.values(prefix, view, source)
        if as_json:
            click.echo(json.dumps(_data(found, view, sources=sources), indent=2))
            return 0
        for line in _lines(found, sources=sources):
            click.echo(line)
        return 0

    return run(settings, work)


def _data(found: Mapping[str, Held], view: str, *, sources: bool) -> dict[str, object]:
    from kvscheduler.jsonable import jsonable  # noqa: PLC0415 - not for --help
    from kvscheduler.render import FORMAT_VERSION  # noqa: PLC0415 - as above

    values = {key: jsonable(found[key].value) for key in sorted(found)}
    data: dict[str, object] = {"format_version": FORMAT_VERSION, "view": view, "values": values}
    if sources:
        data["sources"] = {key: [*found[key].sources] for key in values}
    return data


def _lines(found: Mapping[str, Held], *, sources: bool) -> Iterator[str]:
    from kvscheduler.jsonable import jsonable  # noqa: PLC0415 - as above
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    for key in sorted(found):
        who = f"  # {', '.join(found[key].sources) or 'implied'}" if sources else ""
        value = json.dumps(jsonable(found[key].value), ensure_ascii=False)
        yield printable(f"{key}  {value}{who}")


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

    async def work(session: Session[Target]) -> int:
        from kvscheduler.model import ValueState  # noqa: PLC0415 - not for --help

        target = session.target
        status = await target.status(key)
        if status is None:
            raise UserError(unknown_key(key, await target.keys()))
        told = explanation.text(status, color=paint, maker=target.maker)
        click.echo(told, color=paint)
        if status.state is ValueState.PENDING:
            await _tell_last_failure(target, key)
        return 0

    return run(settings, work)


async def _tell_last_failure(target: Target, key: str) -> None:
    """Tell what the last attempt failed with: one of another process, as this one made none."""
    from kvs_agent.past import PastError  # noqa: PLC0415 - the engine: not for --help
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    with contextlib.suppress(PastError):
        found = await target.of_key(key)
        if found and found[-1][0].error:
            step, _ = found[-1]
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
