# SPDX-License-Identifier: Apache-2.0
"""The command that packs what a bug report takes, and nothing secret."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .session import Session, run
from .settings import Settings
from .target import Target

if TYPE_CHECKING:
    from kvs_agent.evidence import Part

__all__ = ["report"]


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("kvsctl-report.tar.gz"),
    show_default=True,
    metavar="FILE",
    help="Where to put it.",
)
@click.pass_obj
def report(settings: Settings, out: Path) -> int:
    """Pack what a bug report takes into one file.

    Versions, what is wanted and known, drift, the history, and what the kernel says of links,
    addresses and routes. Fields that hold secrets are left out; read it all the same before you
    send it: names and addresses are in it.
    """

    async def work(session: Session[Target]) -> int:
        parts = await session.target.evidence()
        _pack(out, parts)
        click.echo(f"{out}: {len(parts)} files; read it before you send it.")
        return 0

    return run(settings, work)


def _pack(out: Path, parts: Sequence[Part]) -> None:
    """Write the parts into an archive, for its owner alone."""
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
        for name, text in parts:
            data = text.encode()
            entry = tarfile.TarInfo(f"kvsctl-report/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
