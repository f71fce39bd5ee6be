# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have, and what they come to."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from . import completing
from .settings import Settings

__all__ = [
    "FORMS",
    "Manner",
    "color_option",
    "detailed_option",
    "files_argument",
    "form_options",
    "needs_agent",
    "quiet_option",
    "source_option",
]

CHANGED = 2
FORMS = {
    "json": "For programs: JSON with a format_version.",
    "dot": "The order of things, for graphviz.",
    "mermaid": "The order of things, for Mermaid.",
    "svg": "The order of things as a picture; takes graphviz.",
}

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T", str, bool)


@dataclasses.dataclass(frozen=True, slots=True)
class Manner:
    """How a change is shown and reported."""

    color: bool
    detailed: bool
    quiet: bool = False
    keep_going: bool = True

    def code(self, *, changed: bool) -> int:
        """Return the exit code of a success."""
        return CHANGED if changed and self.detailed else 0


files_argument = click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
)
color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="auto: on a terminal, unless NO_COLOR is set.",
)


def needs_agent(context: click.Context, option: click.Parameter, given: T) -> T:
    """Refuse what only an agent can do where there is none."""
    if given and context.ensure_object(Settings).agent is None:
        raise click.UsageError(f"{option.opts[0]} is about an agent's sources: --agent names one")
    return given


source_option = click.option(
    "--source",
    metavar="NAME",
    default="",
    callback=needs_agent,
    shell_complete=completing.sources,
    help="In whose name an agent is to want it. [default: grpc]",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Do not show the plan first.")
detailed_option = click.option(
    "--detailed-exitcode", "detailed", is_flag=True, help="Exit with 2 where there are changes."
)


def form_options(command: F) -> F:
    """Add a flag for each form; the command gets the chosen one as ``form``, "" for text."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        chosen = [form for form in FORMS if options.pop(f"as_{form}")]
        if len(chosen) > 1:
            raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
        return command(*arguments, form=chosen[0] if chosen else "", **options)

    for form, text in reversed(FORMS.items()):
        option = click.option(f"--{form}", f"as_{form}", is_flag=True, help=text)
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]  # the command itself, less one parameter
