# SPDX-License-Identifier: Apache-2.0
"""What can be made to go wrong in a simulated southbound, and when."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import threading

__all__ = ["Fault", "Hang", "NotificationFaults", "SimulatedError", "When"]


class SimulatedError(Exception):
    """The error that a planned fault raises; it knows whether trying again may help."""

    def __init__(self, message: str = "planned fault", *, retriable: bool = True) -> None:
        super().__init__(message)
        self.retriable = retriable


class When(enum.Enum):
    """Where in a call a fault strikes."""

    BEFORE_EFFECT = "before effect"
    AFTER_EFFECT = "after effect"


class Hang:
    """Holds up a call until somebody releases it."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.reached = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def release(self) -> None:
        """Let every call that hangs here, or comes to, go on; from any thread."""
        self.event.set()
        for loop, waiter in self._waiters:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(_finish, waiter)

    async def wait(self) -> None:
        """Wait for the release on the running loop."""
        self.reached = True
        if self.event.is_set():
            return
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters.append((loop, waiter))
        await waiter


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


@dataclasses.dataclass(slots=True, kw_only=True)
class Fault:
    """One planned misbehaviour: of the next ``times`` calls that fit, None for all of them.

    ``key`` and ``kind`` empty fit everything. Without an ``error`` the call succeeds, only
    later: after ``delay_s`` virtual seconds, or when ``hang`` is released. A ``stubborn`` hang
    is not ended by a cancellation either. ``name`` is what it is counted as.
    """

    key: str = ""
    kind: str = ""
    error: BaseException | None = None
    when: When = When.BEFORE_EFFECT
    delay_s: float = 0.0
    hang: Hang | None = None
    times: int | None = 1
    stubborn: bool = False
    name: str = "planned"

    def fits(self, kind: str, key: str) -> bool:
        """Tell whether this fault is for a call of that kind on that key."""
        used_up = self.times is not None and self.times <= 0
        return not used_up and self.key in {"", key} and self.kind in {"", kind}

    def use(self) -> None:
        """Count one call."""
        if self.times is not None:
            self.times -= 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFaults:
    """With what probability a notification is lost, sent twice, or overtaken by the next."""

    lost: float = 0.0
    doubled: float = 0.0
    overtaken: float = 0.0
