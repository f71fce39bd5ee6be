# SPDX-License-Identifier: Apache-2.0
"""The command that tells which agent answers, and how it is."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .failure import UserError
from .session import Session, agent, run_on
from .settings import Settings

if TYPE_CHECKING:
    from .remote import About, Agent

__all__ = ["info"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON with a format_version.")
@click.pass_obj
def info(settings: Settings, *, as_json: bool) -> int:
    """Tell which agent answers, and how it is.

    Its name, version and label, whether it is ready, how its parts are, whose wishes it has, and
    how many values are in which state.
    """
    if (named := settings.agent) is None:
        raise UserError("this is about a running agent: kvsctl --agent ADDR info")

    async def work(session: Session[Agent]) -> int:
        about = await session.target.about()
        if as_json:
            click.echo(json.dumps(_data(about), indent=2))
            return 0
        for line in _lines(about):
            click.echo(line)
        return 0

    return run_on(lambda: agent(named), work)


def _data(about: About) -> dict[str, object]:
    from kvscheduler.render import FORMAT_VERSION  # noqa: PLC0415 - the engine: not for --help

    return {"format_version": FORMAT_VERSION, **dataclasses.asdict(about)}


def _lines(about: About) -> Iterator[str]:
    from kvscheduler.render import printable  # noqa: PLC0415 - as above

    ready = "ready" if about.ready else "not ready" if about.alive else "in trouble"
    yield printable(f"{about.name} {about.version} ({about.label}), {ready}")
    since = datetime.datetime.fromtimestamp(about.started, datetime.UTC).astimezone()
    yield f"  since     {since:%Y-%m-%d %H:%M:%S}"
    for part in about.parts:
        needed = "" if part.needed else "  (it does without)"
        error = f"  {part.error}" if part.error else ""
        yield printable(f"  {part.name:<9} {part.state}{error}{needed}")
    yield printable(f"  sources   {', '.join(about.sources) or 'none'}")
    states = ", ".join(f"{count} {state}" for state, count in about.values.items())
    yield f"  values    {states or 'none'}"
