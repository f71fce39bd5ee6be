# SPDX-License-Identifier: Apache-2.0
"""A progress bar while a plan is carried out: on a terminal only, and never in the way."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kvscheduler import Plan

    from .target import Target

__all__ = ["progress"]


@contextlib.asynccontextmanager
async def progress(target: Target, plan: Plan) -> AsyncIterator[None]:
    """Show on stderr how many of the plan's keys have been dealt with."""
    keys = {operation.key for operation in plan.operations}
    if not keys or not sys.stderr.isatty():
        yield
        return
    with click.progressbar(length=len(keys), label="Applying", file=sys.stderr) as bar:
        following = asyncio.create_task(_follow(target, keys, bar.update))
        try:
            yield
            bar.update(bar.length or 0)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _follow(target: Target, keys: set[str], advance: Callable[[int], None]) -> None:
    """Count each key once, at the first change of its status from now on."""
    begun = time.time()
    left = set(keys)
    async for status in target.statuses():
        # The watch begins with the present: what has not changed yet is not done yet.
        if status.key in left and status.since >= begun:
            left.discard(status.key)
            advance(1)
