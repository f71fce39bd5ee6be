# SPDX-License-Identifier: Apache-2.0
"""The commands that are agents: options, signals, and what goes wrong as lines on stderr."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import click

from kvs_agent.cli.failure import lines
from kvs_descriptors import linux

from .compose import compose
from .loading import Settings, load
from .settings import DEFAULT_LABEL

__all__ = ["linux_agent"]

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 99}
LEVELS = ["debug", "info", "warning", "error"]


@click.command(context_settings=CONTEXT)
@click.option(
    "--config-dir",
    envvar="CONFIG_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/etc/nsm-agent-linux"),
    show_default=True,
    show_envvar=True,
    help="Where its settings are; all of them have defaults.",
)
@click.option(
    "--state-dir",
    envvar="NSM_AGENT_STATE",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/lib/nsm-agent-linux"),
    show_default=True,
    show_envvar=True,
    help="Where it keeps what it was told and what it made.",
)
@click.option(
    "--runtime-dir",
    envvar="NSM_AGENT_RUNTIME",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/run/nsm-agent-linux"),
    show_default=True,
    show_envvar=True,
    help="Where its own socket is, agent.sock, for kvsctl --agent.",
)
@click.option(
    "--microservice-label",
    "--label",
    "label",
    envvar="MICROSERVICE_LABEL",
    default=DEFAULT_LABEL,
    show_default=True,
    show_envvar=True,
    help="Which agent it is: part of its keys in etcd.",
)
@click.option(
    "--log-level",
    envvar="INITIAL_LOGLVL",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    show_envvar=True,
)
@click.option("--check", is_flag=True, help="Read the settings, say what is wrong, and end.")
@click.version_option(package_name="kvscheduler", message="%(prog)s %(version)s")
def _linux_agent(
    config_dir: Path,
    state_dir: Path,
    runtime_dir: Path,
    label: str,
    log_level: str,
    *,
    check: bool,
) -> int:
    """Keep this machine's networking as files, etcd, gRPC and REST say."""
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    places = Settings(
        name="nsm-agent-linux",
        label=label,
        config=config_dir,
        state=state_dir,
        runtime=runtime_dir,
    )
    settings = load(places, os.environ)
    if check:
        click.echo(f"{config_dir}: nothing is wrong")
        return 0
    asyncio.run(_live(settings))
    return 0


async def _live(settings: Settings) -> None:
    agent = compose(settings, linux.descriptors(settings.owner, watch=settings.engine.watch))
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(agent.reload()))
        await agent.run(stop)


def linux_agent() -> None:
    """Be ``nsm-agent-linux``; ends the process."""
    try:
        code = _linux_agent.main(standalone_mode=False, prog_name="nsm-agent-linux")
    except click.UsageError as error:
        click.echo(f"error: {error.format_message()} (see nsm-agent-linux --help)", err=True)
        sys.exit(1)
    except Exception as error:
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            raise
        for line in lines(error):
            click.echo(line, err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
