# SPDX-License-Identifier: Apache-2.0
"""The mutants of one source file: each with one small change, and a name that outlives others."""

from __future__ import annotations

import ast
import collections
import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from tests.mutation.alternatives import alternatives, is_left_alone

__all__ = ["Mutant", "Source"]

# Types, and names that say what is imported: a change in them is no change of what happens.
_UNCHANGED_FIELDS = {"annotation", "returns", "type_params", "decorator_list", "format_spec"}
_TEXT_CHARACTERS = 200

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change in one place.

    ``name`` is the same as long as the ``function`` reads the same: what is known of a mutant
    is known by it. ``lines`` are those of its statement, the first and the last. ``function`` is
    "" outside of all functions; ``at_line`` is where its code begins.
    """

    name: str
    lines: tuple[int, int]
    function: str
    at_line: int
    change: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where one node hangs in the tree."""

    parent: ast.AST
    field: str
    index: int | None
    function: str
    at_line: int
    lines: tuple[int, int]

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


class Source:
    """A source file that can be compiled with each of its mutants' changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tree = ast.parse(path.read_text())
        self._changes: dict[str, tuple[_Place, ast.AST, ast.AST]] = {}
        self.mutants: list[Mutant] = []
        texts: dict[str, str] = {}
        seen: collections.Counter[str] = collections.Counter()
        for place, node in _places(self._tree):
            text = texts.setdefault(place.function, _text_of(self._tree, place))
            for other in alternatives(node):
                self._note(place, node, other, text, seen)

    def _note(
        self,
        place: _Place,
        node: ast.AST,
        other: ast.AST,
        text: str,
        seen: collections.Counter[str],
    ) -> None:
        for new in ast.walk(other):
            if not hasattr(new, "lineno"):
                ast.copy_location(new, node)
        change = f"{_shown(node)} -> {_shown(other)}"
        known = f"{place.function}:{hashlib.sha256(text.encode()).hexdigest()[:8]}:{change}"
        seen[known] += 1
        name = f"{known}#{seen[known]}"
        self._changes[name] = (place, node, other)
        self.mutants.append(
            Mutant(
                name=name,
                lines=place.lines,
                function=place.function,
                at_line=place.at_line,
                change=change if seen[known] == 1 else f"{change} #{seen[known]}",
            )
        )

    def compiled(self, mutant: Mutant) -> CodeType:
        """Return the code of the whole file with a mutant's change."""
        place, node, other = self._changes[mutant.name]
        place.put(other)
        try:
            tree = ast.fix_missing_locations(self._tree)
            return compile(tree, str(self.path), "exec", dont_inherit=True)
        finally:
            place.put(node)


def _places(tree: ast.Module) -> Iterator[tuple[_Place, ast.AST]]:
    """Yield every node that may be changed, and where it hangs."""
    stack: list[tuple[ast.AST, str, str, int, tuple[int, int]]] = [(tree, "", "", 0, (0, 0))]
    while stack:
        parent, scope, function, at_line, around = stack.pop()
        for field, index, node in _children(parent):
            inside, begins = function, at_line
            if isinstance(parent, Function) and field == "args" and _first(parent) == at_line:
                inside, begins = "", 0  # a default is worked out where the function is made
            lines = _lines_of(node) if isinstance(node, ast.stmt) else around
            yield _Place(parent, field, index, inside, begins, lines), node
            path = scope
            if isinstance(node, Function | ast.ClassDef) and not inside:
                path = f"{scope}.{node.name}" if scope else node.name
                if isinstance(node, Function):
                    inside, begins = path, _first(node)
            stack.append((node, path, inside, begins, lines))


def _children(parent: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(parent):
        if field in _UNCHANGED_FIELDS:
            continue
        if isinstance(value, ast.AST) and not is_left_alone(value):
            yield field, None, value
        elif isinstance(value, list):
            for index, node in enumerate(value):
                if isinstance(node, ast.AST) and not is_left_alone(node):
                    yield field, index, node


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    """Return the lines of a statement, less those of the statements within."""
    body = getattr(node, "body", None)
    last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
    return node.lineno, last or node.lineno


def _text_of(tree: ast.Module, place: _Place) -> str:
    """Return what stands in a function, or, outside of all, in the node that is changed."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and place.at_line == _first(node):
            return ast.unparse(node)
    return ""


def _first(function: Function) -> int:
    """Return where a function's code begins, decorators included."""
    return min([function.lineno, *(one.lineno for one in function.decorator_list)])


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.comprehension):
        text = " ".join(f"if {ast.unparse(one)}" for one in node.ifs) or "(no condition)"
    elif isinstance(node, ast.If | ast.While):
        text = f"{type(node).__name__.lower()} {ast.unparse(node.test)}"
    elif isinstance(node, ast.For):
        text = f"for {ast.unparse(node.target)} in {ast.unparse(node.iter)}"
    else:
        text = ast.unparse(node)
    text = " ".join(text.split())
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[: _TEXT_CHARACTERS - 3]}..."
