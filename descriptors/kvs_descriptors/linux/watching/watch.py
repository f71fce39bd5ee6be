# SPDX-License-Identifier: Apache-2.0
"""Follows the kernel in every namespace in use: what moves is read again by the engine.

The engine reads in its turn, after what is under way, so that changes of our own are found to be
as they should be. A storm is a few reads, at growing distances; what was lost of one is a read of
all that is in the namespace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .. import keys, places
from ..netlink.ear import Ear
from .events import Moved
from .places import Mounts, Processes

if TYPE_CHECKING:
    from kvscheduler import Southbound

    from ..kernel import Kernel

__all__ = ["Watch"]

logger = logging.getLogger(__name__)

# From the first notification to the report; while they go on, each time twice as long.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.032
# When to ask once more after links that nobody knew: by then a create under way has ended.
SECOND_CHANCE_S = 0.5


class Watch:
    """Listens in each namespace that is opened, and looks after the namespaces themselves."""

    def __init__(self, kernel: Kernel, southbound: Southbound) -> None:
        self._kernel = kernel
        self._southbound = southbound
        self._heard: dict[str, _Heard] = {}
        # The namespaces that were found in places when these were opened.
        self._identities: dict[str, tuple[int, int]] = {}
        # Places where something has failed because they were not there, and that may come back.
        self._absent: set[str] = set()
        # Places that have gone, as the values which stand for them do not tell yet.
        self._untold: set[str] = set()
        self._mounts = Mounts(self.look)
        self._processes = Processes(self.look)

    def opened(self, place: str, identity: tuple[int, int], ear_fd: int) -> None:
        """Listen in a place that has been opened."""
        self.closed(place)
        moved = Moved(place, lambda: self._kernel.seen)
        self._heard[place] = _Heard(moved, self._pass_on, ear_fd)
        is_anew = place in self._identities
        self._identities[place] = identity
        self._absent.discard(place)
        self._untold.discard(place)
        self._processes.follow(place, self._kernel.process_of(place))
        if is_anew:
            # Nobody has listened since it was closed, or there is another one now.
            self._report(place)

    def closed(self, place: str) -> None:
        """Listen no more in a place."""
        heard = self._heard.pop(place, None)
        if heard is not None:
            heard.close()

    def look(self) -> None:
        """Look whether all places are what they were."""
        for place, known in list(self._identities.items()):
            identity = self._kernel.identity(place) if place else known
            if identity == known:
                continue
            del self._identities[place]
            if identity is None and places.key_of(place):
                self._untold.add(place)
            # Our sockets would keep what has gone alive.
            self._kernel.forget(place)
            self._report(place)
        self._welcome()

    def missed(self, place: str) -> bool:
        """Note that somebody needs a place that is not there; tell whether that is news."""
        if place in self._identities:
            asyncio.get_running_loop().call_soon(self._catch_up)
            return True
        if not places.key_of(place):
            self._absent.add(place)
        return place in self._untold

    def told(self, place: str) -> None:
        """Note that the value which stands for a place has been read."""
        self._untold.discard(place)

    def _catch_up(self) -> None:
        """Report what has gone, and have what failed for that very reason looked at again."""
        self.look()
        self._southbound.request_resync(keys.INTERFACE)

    def _pass_on(self, moved: Moved) -> None:
        """Have read again what has moved."""
        # A namespace that goes takes cables with it that end elsewhere: first things first.
        self.look()
        self._refresh(moved.keys())

    def _welcome(self) -> None:
        """Have what failed for want of its place tried again, now that it is back."""
        back = [place for place in self._absent if self._kernel.identity(place) is not None]
        if back:
            self._absent.difference_update(back)
            self._southbound.request_resync(keys.INTERFACE)

    def _report(self, place: str) -> None:
        """Have all read again that is in a place, and whether it is there."""
        moved = {}
        if key := places.key_of(place):
            moved[key] = False
        for name in self._kernel.seen.at(place).values():
            moved[keys.interface(name)] = True
        self._refresh(moved)

    def _refresh(self, moved: Mapping[str, bool]) -> None:
        for around in (False, True):
            asked = [key for key, is_around in moved.items() if is_around is around]
            if asked:
                self._southbound.request_refresh(asked, around=around)

    async def run(self) -> None:
        """Look after the places until cancelled."""
        try:
            self._mounts.open()
        except OSError as error:
            logger.warning("the names of namespaces are not followed: %s", error)
        try:
            await asyncio.Event().wait()
        finally:
            self._mounts.close()
            self._processes.close()


class _Heard:
    """What is heard in one namespace, and when it is passed on."""

    def __init__(self, moved: Moved, pass_on: Callable[[Moved], None], fd: int) -> None:
        self._moved = moved
        self._on_moved = pass_on
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._chance: asyncio.TimerHandle | None = None
        self._pause_s = FIRST_PAUSE_S
        self._last = 0.0
        self._ear = Ear(fd, self._hear, self._lose)

    def _hear(self, data: bytes) -> None:
        self._moved.take(data)
        self._wake()

    def _lose(self) -> None:
        self._moved.lose()
        self._wake()

    def _wake(self) -> None:
        if self._timer is None:
            is_quiet = self._loop.time() - self._last > self._pause_s
            self._pause_s = FIRST_PAUSE_S if is_quiet else min(LONGEST_PAUSE_S, 2 * self._pause_s)
            self._timer = self._loop.call_later(self._pause_s, self._pass_on)

    def _pass_on(self) -> None:
        self._timer = None
        self._last = self._loop.time()
        self._on_moved(self._moved)
        if self._moved.has_unknown and self._chance is None:
            self._chance = self._loop.call_later(SECOND_CHANCE_S, self._give_chance)

    def _give_chance(self) -> None:
        self._chance = None
        self._on_moved(self._moved)
        self._moved.give_up()

    def close(self) -> None:
        for timer in (self._timer, self._chance):
            if timer is not None:
                timer.cancel()
        self._ear.close()
