# SPDX-License-Identifier: Apache-2.0
"""Signals: before a change begins they withdraw it, afterwards it is finished first."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import click

__all__ = ["Interrupts"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Hold back SIGINT, SIGTERM and SIGHUP while the southbound is being changed.

    Used within a running loop; what runs there when the first signal comes is cancelled, unless
    it is inside ``unbroken``. A second signal ends the process at once, which the journal allows.
    """

    def __init__(self) -> None:
        self.number = 0
        self._changing = False
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._arrived, number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)

    @contextlib.contextmanager
    def unbroken(self, *, regardless: bool = False) -> Iterator[None]:
        """Let what is done inside finish, whatever signal comes.

        Raises ``CancelledError`` where one has come before, but ``regardless``.
        """
        if self.number and not regardless:
            raise asyncio.CancelledError
        self._changing = True
        try:
            yield
        finally:
            self._changing = False

    @contextlib.contextmanager
    def let_through(self) -> Iterator[None]:
        """Let SIGINT end what is done inside, as it ends other programs: for questions."""
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGINT)
        try:
            yield
        finally:
            loop.add_signal_handler(signal.SIGINT, self._arrived, signal.SIGINT)

    def forgive(self) -> None:
        """Take the signal that came for the end that was to be expected."""
        self.number = 0

    def _arrived(self, number: int) -> None:
        self.number = int(number)
        for each in SIGNALS:
            # Not the loop's own removal: that would leave a second SIGINT to be an exception. Of
            # a terminal that is lost both the kernel and the shell may tell.
            signal.signal(each, signal.SIG_IGN if each is signal.SIGHUP else signal.SIG_DFL)
        if self._changing:
            with contextlib.suppress(OSError):  # the terminal may be gone
                click.echo(
                    "interrupted: what has begun is finished first; once more to stop at once",
                    err=True,
                )
        elif self._task is not None:
            self._task.cancel()
