# SPDX-License-Identifier: Apache-2.0
"""Measures what the linter does not: sizes of files and functions, commands in documents."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOTS = ("kvscheduler", "descriptors", "agents", "benchmarks", "examples", "proto")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
P95_FUNCTION_LINES = 30
MEDIAN_FUNCTION_LINES = 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _python_files(*roots: str) -> list[Path]:
    """Return what people write and read: generated code is left out."""
    found = (path for root in roots for path in (ROOT / root).rglob("*.py"))
    return sorted(path for path in found if "_pb2" not in path.name)


PRODUCT = _python_files(*ROOTS)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


def _body_lines(function: Function) -> int:
    """Return the lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def test_every_file_is_short_enough_to_be_read_at_once() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in PRODUCT}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_long() -> None:
    long = [
        f"{_name(path)}:{function.lineno} {function.name}"
        for path in PRODUCT
        for function in _functions(path)
        if _body_lines(function) > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_most_functions_are_small() -> None:
    sizes = [_body_lines(function) for path in PRODUCT for function in _functions(path)]

    assert statistics.median(sizes) <= MEDIAN_FUNCTION_LINES
    assert statistics.quantiles(sizes, n=20)[-1] <= P95_FUNCTION_LINES


def _documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def _shown_commands(document: Path) -> Iterator[str]:
    """Yield the commands in the fenced blocks of a document: `sh` whole, `console` after `$`."""
    fences = re.findall(r"^```(\w+)\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)
    for language, block in fences:
        for line in block.splitlines():
            if language in {"sh", "bash"} and line and not line.startswith("#"):
                yield line
            elif language == "console" and line.startswith(("$ ", "# ")):
                yield line[2:]


def _make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _kvsctl_commands() -> set[str]:
    from kvs_agent.cli.app import cli

    return set(cli.commands)


def test_every_command_in_the_documents_exists() -> None:
    """A document that shows `make x` or `kvsctl y` is checked against what there is."""
    shown = {
        (_name(document), tuple(command.split()))
        for document in _documents()
        for command in _shown_commands(document)
    }
    known = {"make": _make_targets(), "kvsctl": _kvsctl_commands()}

    unknown = [
        (document, " ".join(words))
        for document, words in sorted(shown)
        if words[0] in known
        and not known[words[0]] & set(words[1:])
        and not words[-1].startswith("--")
    ]

    assert shown
    assert unknown == []
