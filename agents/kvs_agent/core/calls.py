# SPDX-License-Identifier: Apache-2.0
"""How many calls a gRPC server was asked for, how they ended, and how long they took."""

from __future__ import annotations

import bisect
import collections
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["BUCKETS_S", "Calls", "Method", "Outcome", "Took"]

# The predecessor's, which are its library's defaults.
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Method:
    """One method; ``kind`` is "unary", "server_stream" or "bidi_stream"."""

    kind: str
    service: str
    name: str


@dataclasses.dataclass(slots=True)
class Outcome:
    """How one call ends; OK unless somebody says otherwise."""

    code: str = "OK"


class Took:
    """How long the calls of one method took; the last of ``counts`` is beyond all buckets."""

    __slots__ = ("counts", "total_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.counts[bisect.bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += seconds


class Calls:
    """Counts by method and code, of which there are only so many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.started: collections.Counter[Method] = collections.Counter()
        self.handled: collections.Counter[tuple[Method, str]] = collections.Counter()
        self.took: dict[Method, Took] = {}

    def known(self, method: Method) -> None:
        """Show a method from now on, be it called or not."""
        self.started[method] += 0
        self.took.setdefault(method, Took())

    @contextlib.contextmanager
    def counted(self, method: Method) -> Iterator[Outcome]:
        """Count a call from here to its end; cut short it was ``Canceled``."""
        self.started[method] += 1
        begun, outcome = self._clock(), Outcome()
        try:
            yield outcome
        except BaseException:
            if outcome.code == "OK":
                outcome.code = "Canceled"
            raise
        finally:
            self.handled[method, outcome.code] += 1
            self.took.setdefault(method, Took()).add(self._clock() - begun)
