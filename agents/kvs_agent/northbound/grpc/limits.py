# SPDX-License-Identifier: Apache-2.0
"""How much is taken at once: what is more is refused at once, and the caller told so."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from .errors import TooMany

__all__ = ["Limits"]


class Limits:
    """Counts calls at work and calls that go on and on, and how many begin in a second.

    In one second after a pause twice as many may begin.
    """

    def __init__(
        self,
        calls: int,
        watchers: int,
        per_second: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._free = {False: calls, True: watchers}
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(per_second)
        self._filled = clock()

    @contextlib.contextmanager
    def admitted(self, *, is_watcher: bool = False) -> Iterator[None]:
        """Count a call for as long as it is at work; ``TooMany`` where there is no room."""
        self._take_token()
        if self._free[is_watcher] <= 0:
            what = "calls that go on" if is_watcher else "calls at work"
            raise TooMany(f"there are as many {what} as may be: try again later")
        self._free[is_watcher] -= 1
        try:
            yield
        finally:
            self._free[is_watcher] += 1

    def _take_token(self) -> None:
        if not self._per_second:
            return
        now = self._clock()
        gained = (now - self._filled) * self._per_second
        self._tokens = min(self._tokens + gained, float(self._per_second))
        self._filled = now
        if self._tokens < 1:
            raise TooMany(f"more than {self._per_second} calls a second: try again later")
        self._tokens -= 1
