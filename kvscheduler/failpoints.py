# SPDX-License-Identifier: Apache-2.0
"""Moments at which a test has this process killed, chosen by the environment.

``KVS_FAILPOINT=journal.write:3=kill`` ends it with SIGKILL right after its third write to the
journal, ``kill-before`` right before that. ``KVS_FAILPOINT=count`` kills nothing, and says on
stderr at the end how often each point was passed. With nothing chosen, a point looks at one name.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import itertools
import os
import re
import signal
import sys
import threading
from types import TracebackType
from typing import Final

__all__ = ["VARIABLE", "Census", "FailPoint", "armed", "at", "chosen"]

VARIABLE: Final = "KVS_FAILPOINT"

_FORM: Final = re.compile(r"([a-z.]+):([1-9][0-9]*)=kill(-before|-after)?")
_OFF: Final = contextlib.nullcontext()

Guard = contextlib.AbstractContextManager[None]


class FailPoint:
    """Goes around each passage of a point, in all threads; at one of them the process dies."""

    def __init__(self, name: str, number: int, *, is_before: bool) -> None:
        self._name = name
        self._number = number
        self._is_before = is_before
        # A single call, so that no two threads get the same number.
        self._next = itertools.count(1).__next__

    def at(self, name: str) -> Guard:
        """Return what goes around a point."""
        return self if name == self._name else _OFF

    def __enter__(self) -> None:
        if self._is_before:
            self._pass()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_before:
            self._pass()

    def _pass(self) -> None:
        if self._next() == self._number:
            os.kill(os.getpid(), signal.SIGKILL)


class Census:
    """Counts how often each point is passed."""

    def __init__(self) -> None:
        self._counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def at(self, name: str) -> Guard:
        """Count a passage."""
        with self._lock:
            self._counts[name] += 1
        return _OFF

    def tell(self) -> None:
        """Say what was counted, a line for each point."""
        for name, count in sorted(self._counts.items()):
            sys.stderr.write(f"{name}: {count}\n")


def chosen(wish: str) -> FailPoint | Census | None:
    """Return what is wished for, None where nothing is; ValueError for a slip."""
    if not wish:
        return None
    if wish == "count":
        census = Census()
        atexit.register(census.tell)
        return census
    form = _FORM.fullmatch(wish)
    if form is None:
        raise ValueError(f"{VARIABLE}={wish}: write count, or POINT:NUMBER=kill[-before|-after]")
    name, number, moment = form.groups()
    return FailPoint(name, int(number), is_before=moment == "-before")


def at(name: str) -> Guard:
    """Go around what the point is named after."""
    return _OFF if armed is None else armed.at(name)


armed: FailPoint | Census | None = chosen(os.environ.get(VARIABLE, ""))
