# SPDX-License-Identifier: Apache-2.0
"""A task that is cancelled ends, whatever a library makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

__all__ = ["cancellable"]


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Have a cancellation that came inside raised as what it is; for calls of ``grpc.aio``.

    gRPC takes a cancellation for its own: where the call ends at just that moment, of its deadline
    for one, the task is told of that end alone. Whoever tries again after an error would go on for
    ever, and who waits for the task with them.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except Exception as error:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
