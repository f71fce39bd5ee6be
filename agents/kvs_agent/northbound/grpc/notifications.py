# SPDX-License-Identifier: Apache-2.0
"""What happens in the system, in a row that everybody reads from where he likes."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import Message

from kvs_descriptors.linux import keys
from kvscheduler import Scheduler, TransactionResult, ValueState, ValueStatus
from ligato.configurator.configurator_pb2 import Notification
from ligato.linux.interfaces.interface_pb2 import Interface
from ligato.linux.interfaces.state_pb2 import InterfaceNotification, InterfaceState

from .errors import clean

__all__ = ["Interfaces", "Row", "agrees", "metadata_of"]

KEPT: Final = 10_000
PERIOD_S: Final = 0.1
LINKS: Final = "linux-interface"
MAX_FILTERS: Final = 100
# After so many interfaces others on the loop are let in.
_BREATH: Final = 200
_MASK: Final = 0xFFFF_FFFF
_THERE: Final = (ValueState.CONFIGURED, ValueState.OBTAINED, ValueState.DISCOVERED)
_OPERATION: Final = {"up": InterfaceState.UP, "down": InterfaceState.DOWN}


class Row:
    """Notifications numbered from 0, of which the newest are kept."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept: collections.deque[Notification] = collections.deque(maxlen=kept)
        self._next = 0
        self._wakes: set[asyncio.Event] = set()

    def add(self, notification: Notification) -> None:
        """Add what has happened; the oldest goes where there is no room."""
        self._kept.append(notification)
        self._next += 1
        for wake in self._wakes:
            wake.set()

    async def read(self, start: int) -> AsyncIterator[tuple[int, Notification]]:
        """Yield notifications from a number on, each with the next number; goes on for ever.

        Whoever is too slow misses what is no longer kept, and sees it by the numbers.
        """
        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            while True:
                wake.clear()
                while start < self._next:
                    start = max(start, self._next - len(self._kept))
                    found = self._kept[start - self._next]
                    start += 1
                    yield start & _MASK, found
                await wake.wait()
        finally:
            self._wakes.discard(wake)


def agrees(found: Message, filters: Iterable[Message]) -> bool:
    """Tell whether a message has all that any of the filters has; no filters: it has."""
    wanted = list(filters)
    return not wanted or any(_has(found, one) for one in wanted)


def _has(found: Any, wanted: Message) -> bool:
    for field, value in wanted.ListFields():
        if isinstance(value, Message):
            if not found.HasField(field.name) or not _has(getattr(found, field.name), value):
                return False
        elif getattr(found, field.name) != value:
            return False
    return True


class Interfaces:
    """Tells of Linux interfaces that come, go up or down, change or go."""

    def __init__(
        self, scheduler: Scheduler, row: Row, clock: Callable[[], float] = time.time
    ) -> None:
        self._scheduler = scheduler
        self._row = row
        self._clock = clock
        self._last: dict[str, InterfaceState] = {}
        # In order, each once: an interface and all that it derives change together.
        self._moved: dict[str, None] = {}
        self._has_news = asyncio.Event()

    async def run(self) -> None:
        """Look at what has moved, also by what was done: not all of it shows in a status."""
        history = self._scheduler.history
        seen = _newest(history)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._has_news.wait()
            self._has_news.clear()
            if (newest := _newest(history)) != seen:
                for result in history:
                    if result.number > seen:
                        for one in result.operations:
                            self._note(one.operation.key)
                seen = newest
            await self._look_at_all()

    def hear(self, status: ValueStatus) -> None:
        """Have an interface looked at, whose status has changed, or that of what it derives."""
        if self._note(status.base or status.key):
            self._has_news.set()

    def _note(self, key: str) -> bool:
        if not key.startswith(keys.INTERFACE):
            return False
        self._moved[key] = None
        return True

    async def _look_at_all(self) -> None:
        moved, self._moved = self._moved, {}
        for count, key in enumerate(moved, 1):
            self._look(key)
            if count % _BREATH == 0:
                await asyncio.sleep(0)

    def _look(self, key: str) -> None:
        value = self._value(key)
        before = self._last.get(key)
        if value is None:
            if before is None:
                return
            state = InterfaceState()
            state.CopyFrom(before)
            state.admin_status = state.oper_status = InterfaceState.DELETED
            del self._last[key]
        else:
            state = self._state(key, value)
            if before is not None:
                state.last_change = before.last_change
            if state == before:
                return
            self._last[key] = state
        state.last_change = int(self._clock())
        notification = Notification()
        told = notification.linux_notification.interface
        told.type = InterfaceNotification.UPDOWN
        told.state.CopyFrom(state)
        self._row.add(notification)

    def _value(self, key: str) -> Interface | None:
        """Return the interface that is known to be there under a key."""
        status = self._scheduler.status(key)
        if status.state not in _THERE:
            return None
        value = self._scheduler.values(key, view="configured").get(key)
        return value if isinstance(value, Interface) else None

    def _state(self, key: str, value: Interface) -> InterfaceState:
        link = metadata_of(self._scheduler, LINKS, key.removeprefix(keys.INTERFACE))
        host = getattr(link, "host_if_name", "") or value.host_if_name or value.name
        state = InterfaceState(
            name=value.name,
            internal_name=clean(host),
            type=value.type,
            if_index=getattr(link, "index", 0),
            admin_status=InterfaceState.UP if value.enabled else InterfaceState.DOWN,
            phys_address=value.phys_address,
            mtu=value.mtu,
        )
        if getattr(link, "namespace", None) == "":
            _fill_in(state, Path("/sys/class/net") / host)
        return state


def _newest(history: Sequence[TransactionResult]) -> int:
    return history[-1].number if history else 0


def metadata_of(scheduler: Scheduler, descriptor: str, label: str) -> object:
    """Return what a southbound calls a value; None where there is none, or no such descriptor."""
    try:
        return scheduler.metadata(descriptor).get(label)
    except KeyError:
        return None


def _fill_in(state: InterfaceState, folder: Path) -> None:
    """Add what the kernel shows in files, which it does for our own namespace."""
    state.oper_status = _OPERATION.get(_read(folder / "operstate"), InterfaceState.UNKNOWN_STATUS)
    state.phys_address = _read(folder / "address") or state.phys_address
    mtu, speed = _read(folder / "mtu"), _read(folder / "speed")
    state.mtu = int(mtu) if mtu.isdecimal() else state.mtu
    state.speed = int(speed) * 1_000_000 if speed.isdecimal() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
