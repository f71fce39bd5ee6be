# SPDX-License-Identifier: Apache-2.0
"""What descriptors report of the southbound, from any thread, and which values it tells of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from ...planner.meaning import same
from ..oracle import Unit

__all__ = ["Heard"]


class Heard:
    """Collects reports for as long as it is listened to; ``news`` is set by each of them."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._guard = threading.Lock()
        self._values: dict[str, Any] = {}
        self._broken: set[str] = set()
        self._prefixes: set[str] = set()
        self._reads: set[tuple[str, bool]] = set()

    def notify(self, changes: Mapping[str, Any]) -> None:
        """Take note of values that are said to be there, or to be gone."""
        with self._guard:
            self._values.update(changes)
        self._wake()

    def failed(self, key: str) -> None:
        """Take note of a value that is said to have broken."""
        with self._guard:
            self._broken.add(key)
        self._wake()

    def request_resync(self, prefix: str) -> None:
        """Take note of a prefix that is to be read."""
        with self._guard:
            self._prefixes.add(prefix)
        self._wake()

    def request_refresh(self, keys: Iterable[str], *, around: bool) -> None:
        """Take note of keys that are to be read."""
        with self._guard:
            self._reads.update((key, around) for key in keys)
        self._wake()

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self.news.set)

    def told_of(self, have: Mapping[str, Unit]) -> set[str]:
        """Return, of what stood, all that the engine would look at because of the reports."""
        with self._guard:
            told = {key for key in have if key.startswith(tuple(self._prefixes))}
            told |= {key for key in self._broken if key in have}
            # That a value is as it was known to be is no news to the engine.
            moved = self._values.items()
            told |= {k for k, value in moved if k in have and not same(have[k].value, value)}
            for read, around in self._reads:
                told |= _read(have, read, around=around)
        return told


def _read(have: Mapping[str, Unit], read: str, *, around: bool) -> set[str]:
    """Return what is read for a key, or for a folder, as ``request_refresh`` says."""
    told = {key for key in have if key == read or (read.endswith("/") and key.startswith(read))}
    if around:
        told |= {key for key, unit in have.items() if unit.base in told}
        told |= {key for key, unit in have.items() if told.intersection(unit.holds_on_to())}
    return told
