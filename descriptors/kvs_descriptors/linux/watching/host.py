# SPDX-License-Identifier: Apache-2.0
"""Which links are to be looked at, and when: of those that go down, not at once.

Links go down for moments while they are changed. What depends on them had better not go with
them, to come back a millisecond later; but one that is gone is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from ..netlink import codec, message

__all__ = ["Restless"]

RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR = 16, 17, 20, 21
AF_BRIDGE = 7

DOWN_DELAY_S = 0.010
# In which the next notifications about one come to be part of one look.
DELAY_S = 0.001
MAX_LINKS = 4096


class Restless:
    """Collects links of one namespace of which notifications tell."""

    def __init__(self) -> None:
        # When each is to be looked at. Those that are down matter only to who knows them.
        self._due: dict[int, float] = {}
        self._down: dict[int, float] = {}
        self._is_lost = False
        self._heard = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def take(self, data: bytes) -> None:
        """Take in one datagram."""
        for _, kind, _, body in message.split(data):
            if kind in {RTM_NEWLINK, RTM_DELLINK}:
                self._take_link(kind, body)
            elif kind in {RTM_NEWADDR, RTM_DELADDR}:
                self._note(self._due, codec.IFADDR.unpack_from(body)[4], DELAY_S)

    def _take_link(self, kind: int, body: bytes) -> None:
        family, _, index, flags, _ = codec.IFINFO.unpack_from(body)
        if family == AF_BRIDGE:
            return
        if kind == RTM_DELLINK:
            self._due[index] = 0.0
            self._heard.set()
        elif flags & codec.IFF_UP:
            self._note(self._due, index, DELAY_S)
        else:
            self._note(self._down, index, DOWN_DELAY_S)

    def _note(self, things: dict[int, float], index: int, delay_s: float) -> None:
        things.setdefault(index, self._loop.time() + delay_s)
        self._heard.set()
        if len(self._due) + len(self._down) > MAX_LINKS:
            self.lose()

    def lose(self) -> None:
        """Note that notifications have been lost."""
        self._due.clear()
        self._down.clear()
        self._is_lost = True
        self._heard.set()

    async def moved(self, known: Collection[int]) -> Collection[int] | None:
        """Wait for links that are to be looked at now; None for all of them."""
        while not self._is_lost:
            for index in self._down.keys() & known:
                self._due.setdefault(index, self._down[index])
            self._down.clear()
            now = self._loop.time()
            found = [index for index, when in self._due.items() if when <= now]
            if found:
                for index in found:
                    del self._due[index]
                return found
            self._heard.clear()
            await self._wait(min(self._due.values(), default=now) - now)
        self._is_lost = False
        return None

    async def _wait(self, time_s: float) -> None:
        """Wait for the next notification, not longer than some time; 0 for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(time_s or None):
                await self._heard.wait()
