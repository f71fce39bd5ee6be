# SPDX-License-Identifier: Apache-2.0
"""What a bug report takes, as files; nothing secret is in them."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from kvscheduler.jsonable import jsonable

from .past import Past, PastError

if TYPE_CHECKING:
    from kvscheduler import Plan, Scheduler

__all__ = ["Part", "about", "kernel", "known", "past"]

PACKAGES = ("kvscheduler", "pyroute2", "protobuf", "networkx", "click", "PyYAML")
TRANSACTIONS = 100
ASKED = {
    "links": ["address"],
    "routes4": ["-4", "route", "show", "table", "all"],
    "routes6": ["-6", "route", "show", "table", "all"],
    "neighbours": ["neighbour"],
}
SECONDS_EACH = 10

# A file's name and its text.
Part = tuple[str, str]


def about() -> Iterator[Part]:
    """Yield what runs here, and on what."""
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


def known(scheduler: Scheduler, drift: Plan) -> Iterator[Part]:
    """Yield what is wanted, what is there by what is known, and what has drifted."""
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


def past(kept: Past) -> Iterator[Part]:
    """Yield what was done."""
    try:
        told = [
            {
                **dataclasses.asdict(one),
                "steps": [dataclasses.asdict(step) for step in kept.steps(one.number)],
            }
            for one in kept.transactions(TRANSACTIONS)
        ]
        yield "history.json", json.dumps(told, indent=2)
    except PastError as error:
        yield "history.txt", f"{error}\n"


def kernel() -> Iterator[Part]:
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
