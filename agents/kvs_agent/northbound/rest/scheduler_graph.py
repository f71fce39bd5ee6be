# SPDX-License-Identifier: Apache-2.0
"""``/scheduler/graph``: values and what they need of each other, as a picture."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Sequence
from typing import Final

from kvs_agent.northbound.access import Role
from kvs_agent.recording import Revision
from kvscheduler import ValueState
from kvscheduler.drawing import Arrow, Box, Drawing, dot, mermaid

from . import schemas
from .endpoint import JSON, TEXT, Answer, Call, Endpoint, Fault, Parameter
from .scheduler_past import GROUP, recorded
from .targets import Nodes, Standing

__all__ = ["ENDPOINTS"]

SVG: Final = "image/svg+xml"
FORMATS: Final = ("svg", "dot", "raw", "mermaid")
DRAW_S: Final = 60.0
TOUCHED: Final = "#bf8700"
_GOOD: Final = "#1a7f37"
_WAITS: Final = "#9a6700"
_BAD: Final = "#cf222e"
_COLOURS: Final = {
    ValueState.CONFIGURED: _GOOD,
    ValueState.OBTAINED: _GOOD,
    ValueState.DISCOVERED: _GOOD,
    ValueState.PENDING: _WAITS,
    ValueState.RETRYING: _WAITS,
}


async def graph(call: Call) -> Answer:
    """Draw all values, as they stand or as they stood after a transaction."""
    call.service.following.catch_up()
    recorder, number = call.service.recorder, call.get("txn")
    touched: set[str] = set()
    if number is None:
        found = recorder.at(time.time())
    else:
        touched = {entry.key for entry in recorded(call, number).entries}
        found = recorder.after(number)
    drawing = _drawing(Nodes(call.service.core.scheduler), found, touched)
    form = call.get("format", FORMATS[0])
    if form == "mermaid":
        return Answer(mermaid(drawing), media=TEXT)
    if form != "svg":
        return Answer(dot(drawing), media=TEXT)
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Answer(await _svg(dot(drawing)), media=SVG, headers=policy)


def _drawing(nodes: Nodes, found: Sequence[Revision], touched: set[str]) -> Drawing:
    places = {one.key: place for place, one in enumerate(found)}
    standing = Standing(found)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    missing: dict[str, int] = {}
    for place, revision in enumerate(found):
        whole = nodes.whole(revision)
        colour = _COLOURS.get(whole.state, _BAD)
        if whole.key in touched:
            colour = TOUCHED
        boxes.append(Box(whole.key, whole.state.name, colour))
        for target in nodes.targets(whole, standing):
            key, relation = target["ExpectedKey"], target["Relation"]
            arrows += [
                Arrow(place, places[end], relation, is_dashed=not key)
                for end in target["MatchingKeys"]
            ]
            if key and not target["MatchingKeys"]:
                end_place = missing.setdefault(key, len(found) + len(missing))
                arrows.append(Arrow(place, end_place, relation, is_dashed=True))
    boxes += [Box(key, "not there", _BAD) for key in missing]
    return Drawing("kvscheduler", boxes, arrows)


async def _svg(text: str) -> str:
    """Have graphviz draw it."""
    program = shutil.which("dot")
    if program is None:
        raise Fault(501, "svg takes graphviz, which is not installed here: dot and mermaid work")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, "-Tsvg", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(DRAW_S):
            drawn, told = await process.communicate(text.encode())
    except TimeoutError:
        raise Fault(504, f"graphviz has not drawn this in {DRAW_S:g} s: take dot") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise Fault(500, f"graphviz: {told.decode(errors='replace').strip()}")
    return drawn.decode()


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/scheduler/graph",
        role=Role.READ,
        group=GROUP,
        summary="All values and what they need, as a picture",
        handler=graph,
        parameters=(
            Parameter(
                name="format",
                help="svg (takes graphviz; the default), dot (also as raw), or mermaid.",
                choices=FORMATS,
            ),
            Parameter(name="txn", help="As they stood after that transaction.", kind="integer"),
        ),
        answers={200: (SVG, schemas.STRING), 501: (JSON, schemas.ref("Error"))},
        texts=(TEXT,),
    ),
)
