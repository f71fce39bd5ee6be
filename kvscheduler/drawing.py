# SPDX-License-Identifier: Apache-2.0
"""Boxes and arrows in the languages of graphviz (DOT) and of Mermaid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .render import KIND_SYMBOL, PlanLike, printable

__all__ = ["Arrow", "Box", "Drawing", "dot", "mermaid", "of_plan"]

_COLOUR = {"create": "#1a7f37", "update": "#9a6700", "delete": "#cf222e"}


class Box(NamedTuple):
    """A box; ``hint`` is what a viewer shows when it is pointed at."""

    label: str
    hint: str = ""
    color: str = "black"


class Arrow(NamedTuple):
    """An arrow between two boxes, by their places; ``is_dashed`` for what is one of several."""

    start: int
    end: int
    label: str = ""
    is_dashed: bool = False


class Drawing(NamedTuple):
    """What is drawn; the boxes' places are their names."""

    name: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def of_plan(plan: PlanLike) -> Drawing:
    """Draw a plan; an arrow leads from what is done first."""
    boxes = []
    for operation in plan.operations:
        half = " (recreate)" if operation.recreate else ""
        label = f"{KIND_SYMBOL.get(operation.kind, '?')} {operation.key}{half}"
        boxes.append(Box(label, operation.reason, _COLOUR.get(operation.kind, "black")))
    arrows = [
        Arrow(first, position)
        for position, after in enumerate(plan.edges)
        for first in sorted(after)
    ]
    return Drawing("plan", boxes, arrows)


def dot(drawing: Drawing) -> str:
    """Return a drawing in graphviz' language."""
    lines = [
        f"digraph {drawing.name} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="monospace", fontsize=10];',
    ]
    for place, box in enumerate(drawing.boxes):
        lines.append(
            f"  n{place} [label={_quoted(box.label)}, tooltip={_quoted(box.hint)}, "
            f'color="{box.color}"];'
        )
    for arrow in drawing.arrows:
        extra = [f"label={_quoted(arrow.label)}"] if arrow.label else []
        extra += ["style=dashed"] if arrow.is_dashed else []
        attributes = f" [{', '.join(extra)}]" if extra else ""
        lines.append(f"  n{arrow.start} -> n{arrow.end}{attributes};")
    lines.append("}")
    return "\n".join(lines)


def mermaid(drawing: Drawing) -> str:
    """Return a drawing in Mermaid's language, which GitHub and many wikis show as a picture."""
    lines = ["flowchart LR"]
    for place, box in enumerate(drawing.boxes):
        lines.append(f'  n{place}["{_entities(box.label)}"]')
        if box.color != "black":
            lines.append(f"  style n{place} stroke:{box.color}")
    for arrow in drawing.arrows:
        line = "-.->" if arrow.is_dashed else "-->"
        label = f'|"{_entities(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  n{arrow.start} {line}{label} n{arrow.end}")
    return "\n".join(lines)


def _quoted(label: str) -> str:
    """Return a text in graphviz' quotes."""
    return '"' + printable(label).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(label: str) -> str:
    """Return a text for Mermaid's quotes, in which only entities are safe."""
    return "".join(
        char if char.isalnum() or char in " /._-+~:()" else f"#{ord(char)};"
        for char in printable(label)
    )
