# SPDX-License-Identifier: Apache-2.0
"""What the southbound reports between transactions, coalesced; filled from any thread."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import SchedulerClosed
from .plan import Executed
from .registry import Binding

__all__ = ["Inbox", "Mail"]


@dataclasses.dataclass(slots=True, eq=False, repr=False)
class Mail:
    """Everything reported since the last look; per key the last report counts.

    ``overtaken``: the engine has operated on the key since, or at the same time.
    """

    changes: dict[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    overtaken: dict[str, None] = dataclasses.field(default_factory=dict)
    broken: dict[str, Exception] = dataclasses.field(default_factory=dict)
    retries: dict[str, None] = dataclasses.field(default_factory=dict)
    ended: dict[str, None] = dataclasses.field(default_factory=dict)
    resyncs: dict[str, None] = dataclasses.field(default_factory=dict)
    refreshes: dict[str, bool] = dataclasses.field(default_factory=dict)
    added: list[Binding] = dataclasses.field(default_factory=list)
    readers: list[asyncio.Future[None]] = dataclasses.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.changes or self.broken or self.retries or self.ended or self.resyncs
            or self.refreshes or self.added or self.readers
        )  # fmt: skip


class Inbox:
    """Collects reports and wakes the one who reads them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mail = Mail()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event = asyncio.Event()
        self._closed = False

    def open(self) -> None:
        """Begin to wake the reader, on the running loop."""
        self._loop = asyncio.get_running_loop()
        if self._mail:
            self._wake.set()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._mail

    def notify(self, changes: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Report values that came, changed or (None) went."""
        with self._lock:
            for key, value in changes.items():
                self._mail.changes.pop(key, None)
                self._mail.overtaken.pop(key, None)
                self._mail.changes[key] = (value, metadata.get(key))
        self._ring()

    def overtake(self, executed: Iterable[Executed]) -> None:
        """Note what was done: earlier reports about these keys may tell of the time before."""
        if not self._mail.changes:
            return
        with self._lock:
            mail = self._mail
            keys = (one.operation.key for one in executed)
            mail.overtaken.update((key, None) for key in keys if key in mail.changes)

    def failed(self, key: str, error: Exception) -> None:
        """Report that a value has broken."""
        with self._lock:
            self._mail.broken[key] = error
        self._ring()

    def request_resync(self, prefix: str) -> None:
        """Ask for a downstream resync."""
        with self._lock:
            self._mail.resyncs[prefix] = None
        self._ring()

    def request_refresh(self, keys: Iterable[str], *, around: bool) -> None:
        """Ask for keys to be read again."""
        with self._lock:
            asked = self._mail.refreshes
            asked.update((key, around or asked.get(key, False)) for key in keys)
        self._ring()

    def retry(self, key: str) -> None:
        """Report that a failed key's time has come."""
        with self._lock:
            self._mail.retries[key] = None
        self._ring()

    def ended(self, key: str) -> None:
        """Report that a call which had outlived its deadline is over."""
        with self._lock:
            self._mail.ended[key] = None
        self._ring()

    def registered(self, bindings: list[Binding]) -> None:
        """Report that descriptors have come."""
        with self._lock:
            self._mail.added.extend(bindings)
        self._ring()

    def repeat(self, mail: Mail) -> None:
        """Ask once more for what could not be done; what has been reported since counts too."""
        with self._lock:
            now = self._mail
            now.added.extend(mail.added)
            now.retries.update(mail.retries)
            now.resyncs.update(mail.resyncs)
            now.refreshes.update(mail.refreshes)
        if mail.added or mail.retries or mail.resyncs or mail.refreshes:
            self._ring()

    def close(self) -> list[asyncio.Future[None]]:
        """Take no more mail; return who still waits for a receipt."""
        self._loop = None
        self._closed = True
        return self.empty().readers

    def read_receipt(self) -> asyncio.Future[None]:
        """Return a future that is done when all that has been reported so far is worked in."""
        receipt: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            receipt.set_exception(SchedulerClosed("the scheduler has been closed"))
            return receipt
        with self._lock:
            self._mail.readers.append(receipt)
        self._ring()
        return receipt

    def empty(self) -> Mail:
        """Take everything out."""
        with self._lock:
            mail, self._mail = self._mail, Mail()
            self._wake.clear()
        return mail

    async def wait(self) -> None:
        """Wait until there is something to read."""
        await self._wake.wait()

    def _ring(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            if asyncio.get_running_loop() is loop:
                self._wake.set()
                return
        except RuntimeError:
            pass  # another thread
        try:
            loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            return  # the loop is closed: nobody reads any more
