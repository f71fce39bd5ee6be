# SPDX-License-Identifier: Apache-2.0
"""The command that is a forwarder: options, signals, and what goes wrong as lines on stderr."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import click

from kvs_agent.cli.failure import lines
from kvs_agent.core.conf import seconds
from kvs_descriptors.nsm.errors import Untrusted
from kvs_descriptors.nsm.identity import workload
from kvs_descriptors.nsm.wire.address import Address

from .forwarder import Forwarder
from .settings import Settings, SettingsError, check

__all__ = ["kernel_forwarder"]

PROGRAM: Final = "nsm-forwarder-kernel"
CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 99}
LEVELS: Final = ["debug", "info", "warning", "error"]


class _Url(click.ParamType[Any]):
    name = "url"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            return value if isinstance(value, Address) else Address.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Duration(click.ParamType[Any]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime.timedelta:
        try:
            if isinstance(value, datetime.timedelta):
                return value
            return datetime.timedelta(seconds=seconds(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(context_settings=CONTEXT)
@click.option(
    "--name",
    envvar="NSM_NAME",
    default=PROGRAM,
    show_default=True,
    show_envvar=True,
    help="What it is called in the mesh: the same after a restart, another one for each.",
)
@click.option(
    "--connect-to",
    envvar="NSM_CONNECT_TO",
    type=_Url(),
    default="unix:///var/lib/networkservicemesh/nsm.io.sock",
    show_default=True,
    show_envvar=True,
    help="Where the manager is.",
)
@click.option(
    "--listen-on",
    envvar="NSM_LISTEN_ON",
    type=_Url(),
    default="tcp://127.0.0.1:0",
    show_default=True,
    show_envvar=True,
    help="Where it serves; the manager is told this very address.",
)
@click.option(
    "--max-token-lifetime",
    envvar="NSM_MAX_TOKEN_LIFETIME",
    type=_Duration(),
    default="10m",
    show_default=True,
    show_envvar=True,
    help="For how long what it says is believed, and so how long connections last by themselves.",
)
@click.option(
    "--insecure",
    envvar="NSM_INSECURE",
    is_flag=True,
    show_envvar=True,
    help="Use no identity (SPIFFE_ENDPOINT_SOCKET): only this machine is talked to then.",
)
@click.option(
    "--state-dir",
    envvar="NSM_FORWARDER_STATE",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(f"/var/lib/{PROGRAM}"),
    show_default=True,
    show_envvar=True,
    help="Where it keeps what it has made.",
)
@click.option(
    "--runtime-dir",
    envvar="NSM_FORWARDER_RUNTIME",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(f"/run/{PROGRAM}"),
    show_default=True,
    show_envvar=True,
    help="Where it keeps the namespaces that connections are in.",
)
@click.option(
    "--log-level",
    envvar="NSM_LOG_LEVEL",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    show_envvar=True,
)
@click.version_option(package_name="kvscheduler", message="%(prog)s %(version)s")
def _kernel_forwarder(
    name: str,
    connect_to: Address,
    listen_on: Address,
    max_token_lifetime: datetime.timedelta,
    state_dir: Path,
    runtime_dir: Path,
    log_level: str,
    *,
    insecure: bool,
) -> None:
    """Lay the cables of a network service mesh: from a client's namespace to an endpoint's."""
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    settings = Settings(
        name=name,
        manager=connect_to,
        listen=listen_on,
        token_life=max_token_lifetime,
        workload_api="" if insecure else workload.endpoint(os.environ),
        state=state_dir,
        runtime=runtime_dir,
    )
    check(settings)
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(_live(settings))


async def _live(settings: Settings) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Forwarder(settings).run(stop)


def kernel_forwarder() -> None:
    """Be ``nsm-forwarder-kernel``; ends the process."""
    try:
        _kernel_forwarder.main(standalone_mode=False, prog_name=PROGRAM)
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (see {PROGRAM} --help)", err=True)
        sys.exit(1)
    except (SettingsError, Untrusted) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            raise
        for line in lines(error):
            click.echo(line, err=True)
        sys.exit(1)
    sys.exit(0)
