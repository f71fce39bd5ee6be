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
    from .remote import About, Agent, Part

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
    since = datetime.datetime.fromtimestamp(about.started, datetime.UTC).astimezone()
    states = ", ".join(f"{count} {state}" for state, count in about.values.items())
    rows = {"since": f"{since:%Y-%m-%d %H:%M:%S}", **{one.name: _how(one) for one in about.parts}}
    rows |= {"sources": ", ".join(about.sources) or "none", "values": states or "none"}
    width = max(map(len, rows))
    yield printable(f"{about.name} {about.version} ({about.label}), {ready}")
    for name, told in rows.items():
        yield printable(f"  {name:<{width}}  {told}")


def _how(part: Part) -> str:
    error = f": {part.error}" if part.error else ""
    return f"{part.state}{error}" if part.needed else f"{part.state}{error} (not needed)"
