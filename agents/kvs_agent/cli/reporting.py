# SPDX-License-Identifier: Apache-2.0
"""The command that packs what a bug report takes, and nothing secret."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .session import Session, run
from .settings import Settings

if TYPE_CHECKING:
    from kvscheduler import Plan, Scheduler

__all__ = ["report"]

PACKAGES = ("kvscheduler", "pyroute2", "protobuf", "networkx", "click", "PyYAML")
TRANSACTIONS = 100
ASKED = {
    "links": ["address"],
    "routes4": ["-4", "route", "show", "table", "all"],
    "routes6": ["-6", "route", "show", "table", "all"],
    "neighbours": ["neighbour"],
}
SECONDS_EACH = 10

Part = tuple[str, str]


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

    async def work(session: Session) -> int:
        drift = session.scheduler.transaction("kvsctl report", resync="downstream").plan()
        parts = [*_about(), *_known(session.scheduler, drift), *_past(settings), *_kernel()]
        _pack(out, parts)
        click.echo(f"{out}: {len(parts)} files; read it before you send it.")
        return 0

    return run(settings, work)


def _about() -> Iterator[Part]:
    about = {
        "system": " ".join(platform.uname()),
        "python": platform.python_version(),
        "is_root": os.geteuid() == 0,
        "packages": {name: _version(name) for name in PACKAGES},
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    yield "about.json", json.dumps(about, indent=2)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _known(scheduler: Scheduler, drift: Plan) -> Iterator[Part]:
    from kvscheduler.jsonable import jsonable  # noqa: PLC0415 - the engine: not for --help

    for view in ("desired", "configured"):
        values = {key: jsonable(one) for key, one in scheduler.values(view=view).items()}
        yield f"{view}.json", json.dumps(values, indent=2)
    statuses = [
        {"key": one.key, "state": one.state.name, "error": str(one.error) if one.error else ""}
        for one in scheduler.statuses()
    ]
    yield "statuses.json", json.dumps(statuses, indent=2)
    yield "drift.json", json.dumps(drift.to_dict(), indent=2)
    yield "drift.txt", drift.render() + "\n"


def _past(settings: Settings) -> Iterator[Part]:
    from kvs_agent.past import Past, PastError  # noqa: PLC0415 - as above

    past = Past(settings.state)
    try:
        told = [
            {
                **dataclasses.asdict(one),
                "steps": [dataclasses.asdict(step) for step in past.steps(one.number)],
            }
            for one in past.transactions(TRANSACTIONS)
        ]
        yield "history.json", json.dumps(told, indent=2)
    except PastError as error:
        yield "history.txt", f"{error}\n"


def _kernel() -> Iterator[Part]:
    """Yield what iproute2 says of our own namespace and of all named ones."""
    program = shutil.which("ip", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        yield "kernel.txt", "ip is not installed\n"
        return
    places = _ip(program, ["netns", "list"])
    for place in ("", *(line.split()[0] for line in places.splitlines() if line)):
        inside = ["-n", place] if place else []
        for name, question in ASKED.items():
            shown = _ip(program, ["-d", "-j", *inside, *question])
            yield f"kernel/{place or 'own namespace'}/{name}.json", shown


def _ip(program: str, arguments: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - iproute2, and names of namespaces as it gave them
            [program, *arguments], capture_output=True, timeout=SECONDS_EACH, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{error}\n"
    return (done.stdout or done.stderr).decode(errors="replace")


def _pack(out: Path, parts: list[Part]) -> None:
    """Write the parts into an archive, for its owner alone."""
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
        for name, text in parts:
            data = text.encode()
            entry = tarfile.TarInfo(f"kvsctl-report/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
