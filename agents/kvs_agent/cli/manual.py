# SPDX-License-Identifier: Apache-2.0
"""The manual: a man page for each command, from what the commands themselves say."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from .app import cli

__all__ = ["page", "pages", "write"]

PROGRAM = "kvsctl"
# What holds for every command, and so stands in no command's help.
CODES = {
    "0": "Done, or nothing to do.",
    "1": "An error, which is a line on stderr that begins with error: .",
    "2": "There are changes, where --detailed-exitcode asks for that; diff asks by itself.",
    "128+N": "Signal N came; what had begun was finished first.",
}
VARIABLES = {
    "KVSCTL_STATE": "Where kvsctl remembers what it made, unless --state says so.",
    "KVSCTL_AGENT": "The agent to work on, unless --agent says so; empty: none.",
    "KVSCTL_CA": "Who may have signed the agent's certificate, unless --ca says so.",
    "KVSCTL_CERT": "The certificate to show to the agent, unless --cert says so.",
    "KVSCTL_KEY": "The key of that certificate, unless --key says so.",
    "NO_COLOR": "If set, nothing is coloured unless --color always is given.",
}


def page(context: click.Context) -> str:
    """Return the man page of a command."""
    return "\n".join(_lines(context)) + "\n"


def pages(root: click.Group = cli) -> Iterator[tuple[str, str]]:
    """Yield the name of each page's file, and the page: one for the program, and one a command."""
    above = click.Context(root, info_name=PROGRAM, **root.context_settings)
    yield f"{PROGRAM}.1", page(above)
    for name, command in sorted(root.commands.items()):
        below = click.Context(command, info_name=name, parent=above)
        yield f"{PROGRAM}-{name}.1", page(below)


def write(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (folder / name).write_text(text, encoding="utf-8")


def _lines(context: click.Context) -> Iterator[str]:
    command, name = context.command, context.command_path.replace(" ", "-")
    version = importlib.metadata.version("kvscheduler")
    yield f'.TH "{_said(name.upper())}" 1 "" "kvscheduler {version}" "{PROGRAM}"'
    yield ".SH NAME"
    summary, *more = _paragraphs(command.help or "")
    yield rf"{_said(name)} \- {_said(summary.rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_said(context.command_path)}\\fP"
    yield _said(" ".join(command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    for text in (summary, *more):
        yield from (".PP", _said(text))
    yield from _terms("OPTIONS", _options(context))
    if isinstance(command, click.Group):
        yield from _terms("COMMANDS", _commands(command))
        yield from _terms("EXIT STATUS", CODES.items())
        yield from _terms("ENVIRONMENT", VARIABLES.items())
    else:
        yield from (".SH SEE ALSO", rf"\fB{PROGRAM}\fP(1)")


def _options(context: click.Context) -> Iterator[tuple[str, str]]:
    for one in context.command.get_params(context):
        record = one.get_help_record(context)
        if record is not None:
            yield record


def _commands(group: click.Group) -> Iterator[tuple[str, str]]:
    for name, command in sorted(group.commands.items()):
        summary, *_ = _paragraphs(command.help or "")
        yield f"{PROGRAM}-{name}(1)", summary


def _terms(title: str, terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f".SH {title}"
    for term, text in terms:
        yield from (".TP", f"\\fB{_said(term)}\\fP", _said(text))


def _paragraphs(text: str) -> list[str]:
    """Return a help text's paragraphs, each on one line."""
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _said(text: str) -> str:
    """Return a text that roff prints as it stands."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    write(Path(sys.argv[1]))
