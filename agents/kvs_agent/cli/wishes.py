# SPDX-License-Identifier: Apache-2.0
"""What files want, and a saved plan that takes their place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kvs_agent.saved_plan import SavedPlan
    from kvs_agent.sources.config import Configuration
    from kvscheduler import Plan

__all__ = ["load", "save", "saved"]


def load(files: tuple[Path, ...]) -> Configuration:
    """Read the files into what they want."""
    from kvs_agent.sources import config  # noqa: PLC0415 - protobuf and YAML: not for --help

    return config.load(files)


def save(path: Path, wanted: Configuration, made: Plan) -> None:
    """Keep a plan in a file, and say how it is carried out."""
    from kvs_agent import saved_plan  # noqa: PLC0415 - as above

    saved_plan.write(path, wanted, made)
    click.echo(f"Kept in {path}; to do just this: kvsctl apply {path}", err=True)


def saved(files: tuple[Path, ...]) -> SavedPlan | None:
    """Read the saved plan that takes the place of the files, if it is one."""
    from kvs_agent import saved_plan  # noqa: PLC0415 - as above

    plans = [file for file in files if saved_plan.is_saved_plan(file)]
    if plans and len(files) > 1:
        raise click.UsageError(f"{plans[0]} is a saved plan, and stands alone")
    return saved_plan.read(plans[0]) if plans else None
