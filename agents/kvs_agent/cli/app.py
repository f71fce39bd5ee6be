# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: its options, its commands, and how a failure leaves it."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from kvscheduler.render import printable

from . import (
    changing,
    generating,
    graphing,
    importing,
    looking,
    planning,
    remembering,
    reporting,
    telling,
    trying,
    watching,
)
from .failure import lines
from .settings import Limits, Settings, agent_of, default_state

__all__ = ["cli", "run"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 99}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings=CONTEXT)
@click.option(
    "--state",
    envvar="KVSCTL_STATE",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Where kvsctl remembers what it made. [env: KVSCTL_STATE; default:"
    " /var/lib/kvscheduler/kvsctl.db, without root below ~/.local/state]",
)
@click.option(
    "--agent",
    envvar="KVSCTL_AGENT",
    metavar="ADDR",
    help="Work on a running agent, at unix:/path or host:port, instead of on this machine."
    " [env: KVSCTL_AGENT]",
)
@click.option(
    "--ca",
    "authorities",
    envvar="KVSCTL_CA",
    type=FILE,
    metavar="FILE",
    help="Who may have signed the agent's certificate (PEM). [env: KVSCTL_CA]",
)
@click.option(
    "--cert",
    "certificate",
    envvar="KVSCTL_CERT",
    type=FILE,
    metavar="FILE",
    help="The certificate to show to the agent (PEM). [env: KVSCTL_CERT]",
)
@click.option(
    "--key",
    "key",
    envvar="KVSCTL_KEY",
    type=FILE,
    metavar="FILE",
    help="The key of that certificate (PEM). [env: KVSCTL_KEY]",
)
@click.option(
    "--parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many requests to the system are under way at most. [default: 1024]",
)
@click.option(
    "--deadline",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="How long the answer to one request may take. [default: 30, of an agent 120]",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell more, and show where an error arose.")
@click.version_option(
    package_name="kvscheduler", prog_name="kvsctl", message="%(prog)s %(version)s"
)
@click.pass_context
def cli(
    context: click.Context,
    /,
    state: Path | None,
    parallel: int | None,
    deadline: float | None,
    *,
    verbose: bool,
    **_of_agent: object,
) -> None:
    """Bring this machine's networking to what YAML files say, all of it or none."""
    limits = Limits()
    if parallel is not None:
        limits["max_parallel"] = parallel
    if deadline is not None:
        limits["deadline_s"] = deadline
    named = agent_of(context.params)
    _refuse_mixed(context, is_remote=named is not None)
    context.obj = Settings(state or default_state(), verbose, limits, named)
    _log(verbose=verbose)


def _refuse_mixed(context: click.Context, *, is_remote: bool) -> None:
    """Refuse options that mean nothing where the work is done."""
    for name, option in (("state", "--state"), ("parallel", "--parallel")):
        source = context.get_parameter_source(name)
        if is_remote and source is click.core.ParameterSource.COMMANDLINE:
            text = f"{option} is about an engine of kvsctl's own, and excludes --agent"
            raise click.UsageError(f"{text} (and KVSCTL_AGENT)")


for command in (
    planning.plan,
    planning.diff,
    planning.validate,
    changing.apply,
    trying.try_,
    changing.repair,
    watching.watch,
    importing.import_existing,
    changing.destroy,
    looking.get,
    looking.explain,
    graphing.graph,
    remembering.history,
    remembering.timeline,
    reporting.report,
    telling.info,
    generating.generate,
    generating.completion,
):
    cli.add_command(command)


class _OneLine(logging.Formatter):
    """Shows a record as one line that a person can use."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone: tracebacks are for --verbose."""
        return f"{record.levelname.lower()}: {printable(record.getMessage())}"


def _log(*, verbose: bool) -> None:
    """Send what the engine has to say to stderr."""
    handler = logging.StreamHandler()
    if not verbose:
        handler.setFormatter(_OneLine())
    logging.basicConfig(
        handlers=[handler],
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what goes wrong is told by lines on stderr."""
    try:
        return _run(arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _flush(stream: TextIO) -> None:
    """Write out what is left, unless nobody reads it any more: that changes no exit code."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="kvsctl", standalone_mode=False)
    except click.UsageError as error:
        # Not click's own exit code: 2 says that there are changes.
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing was changed", err=True)
        return 128 + signal.SIGINT
    except Exception as error:
        if logging.getLogger().isEnabledFor(logging.DEBUG):  # --verbose
            raise
        for line in lines(error):
            click.echo(line, err=True)
        return 1
    return code if isinstance(code, int) else 0
