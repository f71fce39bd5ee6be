# SPDX-License-Identifier: Apache-2.0
"""Plans and graphs of values in the form that was asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from .failure import UserError

if TYPE_CHECKING:
    from kvscheduler import Plan
    from kvscheduler.drawing import Drawing

__all__ = ["drawn", "shown_plan"]

SVG_S = 120


def shown_plan(plan: Plan, form: str, *, color: bool) -> str:
    """Return a plan in a form; "" is the text for people."""
    from kvscheduler import drawing  # noqa: PLC0415 - the engine: not for --help

    if not form:
        return plan.render(color=color)
    if form == "json":
        return json.dumps(plan.to_dict(), indent=2)
    return drawn(drawing.of_plan(plan), form)


def drawn(what: Drawing, form: str) -> str:
    """Return a drawing in one of the forms that are pictures."""
    from kvscheduler import drawing  # noqa: PLC0415 - as above

    if form == "mermaid":
        return drawing.mermaid(what)
    return drawing.dot(what) if form == "dot" else _svg(drawing.dot(what))


def _svg(dot: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise UserError("--svg takes graphviz (its program dot), which is not installed")
    try:
        done = subprocess.run(  # noqa: S603 - graphviz; what it reads is a picture, not a command
            [program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=SVG_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"dot has not drawn this in {SVG_S} s; --mermaid may do") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise UserError(f"dot: {told or f'exit code {done.returncode}'}")
    return done.stdout.decode().rstrip("\n")
