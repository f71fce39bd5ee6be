# SPDX-License-Identifier: Apache-2.0
"""The command that shows all values and what they need of each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from . import completing
from .drawing import drawn
from .options import form_options
from .session import Session, run
from .settings import Settings
from .target import Target

if TYPE_CHECKING:
    from kvscheduler.drawing import Drawing

    from .target import Graph

__all__ = ["graph"]

COLOURS = {"CONFIGURED": "#1a7f37", "OBTAINED": "#1a7f37", "PENDING": "#9a6700"}
TROUBLE = "#cf222e"


@click.command()
@click.argument("prefix", default="", shell_complete=completing.keys)
@form_options
@click.pass_obj
def graph(settings: Settings, prefix: str, *, form: str) -> int:
    """Show values and what they need.

    Those below PREFIX, or all, with what they need and what they come of.
    """

    async def work(session: Session[Target]) -> int:
        found = _around(await session.target.graph(prefix), prefix)
        if form == "json":
            click.echo(json.dumps(_data(found), indent=2))
        elif form:
            click.echo(drawn(_drawing(found), form))
        else:
            for line in _lines(found):
                click.echo(line)
        return 0

    return run(settings, work)


def _around(whole: Graph, prefix: str) -> Graph:
    """Return the values below a prefix and those that they lead to at once."""
    inside = [key for key in whole if key.startswith(prefix)]
    near = {need for key in inside for need in whole.successors(key)}
    part = whole.subgraph({*inside, *near}).copy()
    part.remove_edges_from([edge for edge in part.edges if not edge[0].startswith(prefix)])
    return part


def _lines(found: Graph) -> Iterator[str]:
    from kvscheduler.render import printable  # noqa: PLC0415 - the engine: not for --help

    for key in sorted(found):
        yield printable(f"{key}  {found.nodes[key]['state'].name}")
        for need in sorted(found.successors(key)):
            yield printable(f"  {found.edges[key, need]['relation']} {need}")


def _data(found: Graph) -> dict[str, object]:
    from kvscheduler.jsonable import jsonable  # noqa: PLC0415 - as above
    from kvscheduler.render import FORMAT_VERSION  # noqa: PLC0415 - as above

    values = {key: jsonable(dict(found.nodes[key])) for key in sorted(found)}
    needs = [
        {"key": key, "needs": need, "relation": found.edges[key, need]["relation"]}
        for key, need in sorted(found.edges)
    ]
    return {"format_version": FORMAT_VERSION, "values": values, "needs": needs}


def _drawing(found: Graph) -> Drawing:
    from kvscheduler.drawing import Arrow, Box, Drawing  # noqa: PLC0415 - as above

    places = {key: place for place, key in enumerate(sorted(found))}
    boxes = []
    for key in places:
        state = found.nodes[key]["state"].name
        boxes.append(Box(key, state, COLOURS.get(state, TROUBLE)))
    arrows = []
    for key, need in sorted(found.edges):
        relation = found.edges[key, need]["relation"]
        arrows.append(Arrow(places[key], places[need], relation, relation == "any-of"))
    return Drawing("values", boxes, arrows)
