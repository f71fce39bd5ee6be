# SPDX-License-Identifier: Apache-2.0
"""How much one client may ask for, and how long it may take."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["Patience", "Rate"]

K = TypeVar("K")

MAX_CLIENTS: Final = 10_000


class Rate:
    """A bucket of tokens for each client; the client that was heard of longest ago is forgotten.

    ``per_s`` 0 lets everything through.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(max(burst, 1))
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one token; return 0, or after how many seconds there will be one."""
        if self._per_s <= 0:
            return 0.0
        now = self._clock()
        left, then = self._left.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_s)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return wait

    def wait_s(self, client: str) -> float:
        """Return after how many seconds there will be a token, without taking one."""
        if self._per_s <= 0 or client not in self._left:
            return 0.0
        left, then = self._left[client]
        left += (self._clock() - then) * self._per_s
        return 0.0 if left >= 1 else (1 - left) / self._per_s


class Patience(Generic[K]):
    """Until when each connection has to do something; those that are being served are not here.

    A connection is given ``head_s`` from when it is first seen, ``idle_s`` after an answer.
    """

    def __init__(self, head_s: float, idle_s: float, clock: Callable[[], float]) -> None:
        self._head_s = head_s
        self._idle_s = idle_s
        self._clock = clock
        self._until: dict[K, float] = {}

    def busy(self, connection: K) -> None:
        """Note that a request of this connection is worked on."""
        self._until[connection] = math.inf

    def idle(self, connection: K) -> None:
        """Note that a request was answered."""
        self._until[connection] = self._clock() + self._idle_s

    def late(self, connections: Iterable[K]) -> list[K]:
        """Return those of the open connections whose time is over; forget all others."""
        now = self._clock()
        begun = now + self._head_s
        self._until = {one: self._until.get(one, begun) for one in connections}
        return [one for one, until in self._until.items() if until <= now]
