# SPDX-License-Identifier: Apache-2.0
"""Descriptors for ``Item`` values on a simulated southbound: plain, asynchronous, blocking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence

from ..descriptor import Descriptor, Southbound
from ..errors import InvalidValue, PartialRetrieve
from ..model import Depends, DependsOnAny, Derived, Origin, Retrieved
from .faults import Hang
from .item import Item
from .southbound import SimulatedSouthbound
from .store import Call, Held

__all__ = [
    "AsyncSimulatedDescriptor",
    "BlockingSimulatedDescriptor",
    "SimulatedDescriptor",
]


_MARKS = {True: Origin.NORTHBOUND, False: Origin.SOUTHBOUND, None: Origin.UNKNOWN}


class SimulatedDescriptor(Descriptor[Item, int]):
    """Serve the items below a prefix by plain ``def`` calls, which take no virtual time.

    ``marked``: retrieve tells ours from others'; else the origin is UNKNOWN. ``retrieves``
    False: there is no retrieve at all. ``loose``: an item that differs only in what it derives
    needs no update. ``with_metadata`` False: create returns None.
    """

    def __init__(
        self,
        southbound: SimulatedSouthbound,
        name: str,
        key_prefix: str,
        *,
        marked: bool = True,
        retrieves: bool = True,
        loose: bool = False,
        with_metadata: bool = True,
        retrieve_after: Sequence[str] = (),
    ) -> None:
        self.southbound = southbound
        self.name = name
        self.key_prefix = key_prefix
        self.marked = marked
        self.retrieves = retrieves
        self.loose = loose
        self.with_metadata = with_metadata
        self.retrieve_after = tuple(retrieve_after)
        self.port: Southbound | None = None
        southbound.serve(key_prefix, retrieves=retrieves)

    def validate(self, key: str, value: Item) -> None:
        """Refuse an item that says it is not valid."""
        if not value.valid:
            message = f"{key} is marked as not valid"
            raise InvalidValue(message, fields=("valid",))

    def equivalent(self, key: str, old: Item, new: Item) -> bool:
        """Compare; a loose descriptor leaves out what the items derive."""
        return old.bare() == new.bare() if self.loose else old == new

    def dependencies(self, key: str, value: Item) -> Iterable[Depends | DependsOnAny]:
        """Return what the item says."""
        return value.dependencies()

    def derived(self, key: str, value: Item) -> Iterable[Derived]:
        """Return what the item says."""
        return value.derived()

    def requires_recreate(self, key: str, old: Item, new: Item, metadata: int | None) -> bool:
        """Demand a recreate for another shape."""
        return old.shape != new.shape

    def claims(self, key: str, value: Item) -> Iterable[str]:
        """Return what the item says."""
        return value.claims

    def is_retriable(self, error: Exception) -> bool:
        """Ask the error."""
        return bool(getattr(error, "retriable", True))

    def create(self, key: str, value: Item) -> int | None:
        """Make the item."""
        return self._now(self.southbound.begin("create", key, new=value))

    def update(self, key: str, old: Item, new: Item, metadata: int | None) -> int | None:
        """Change the item."""
        return self._now(self.southbound.begin("update", key, old, new, metadata))

    def delete(self, key: str, value: Item, metadata: int | None) -> None:
        """Remove the item."""
        self._now(self.southbound.begin("delete", key, value, metadata=metadata))

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what the southbound holds below the prefix, derived values too."""
        if not self.retrieves:
            raise NotImplementedError
        self.southbound.begin_retrieve(self.key_prefix).raise_planned()
        return self._found(keys)

    def _found(self, keys: Sequence[str] | None) -> list[Retrieved]:
        found = [
            self._retrieved(key, held)
            for key, held in self.southbound.retrieve(self.key_prefix)
            if keys is None or key in keys
        ]
        if self.southbound.unreadable:
            unknown = tuple(sorted(self.southbound.unreadable))
            known = [one for one in found if not one.key.startswith(unknown)]
            raise PartialRetrieve(known, unknown)
        return found

    def attach(self, southbound: Southbound) -> None:
        """Keep the way back, for the simulated system's notifications."""
        self.port = southbound
        self.southbound.connect(self.key_prefix, southbound.notify)

    def _now(self, call: Call) -> int | None:
        """Run a call at once; one that takes time cannot run here."""
        try:
            self._refuse_to_wait(call)
            if call.effect_comes_first():
                self.southbound.take_effect(call)
            call.raise_planned()
            self.southbound.take_effect(call)
        except BaseException as error:
            self.southbound.finish(call, error)
            raise
        self.southbound.finish(call)
        return self._result(call)

    def _refuse_to_wait(self, call: Call) -> None:
        if call.waits:
            message = f"{self.name}: a plain def call cannot wait, use another variant"
            raise TypeError(message)

    def _result(self, call: Call) -> int | None:
        return call.result if self.with_metadata and call.kind == "create" else None

    def _retrieved(self, key: str, held: Held) -> Retrieved:
        metadata = held.metadata if self.with_metadata else None
        return Retrieved(key, held.value, metadata, _MARKS[held.ours if self.marked else None])


class AsyncSimulatedDescriptor(SimulatedDescriptor):
    """The same by ``async def`` calls, which take virtual time and may hang."""

    async def create(  # type: ignore[override]  # an awaitable, as Descriptor allows
        self, key: str, value: Item
    ) -> int | None:
        """Make the item."""
        return await self._later(self.southbound.begin("create", key, new=value))

    async def update(  # type: ignore[override]  # an awaitable, as Descriptor allows
        self, key: str, old: Item, new: Item, metadata: int | None
    ) -> int | None:
        """Change the item."""
        return await self._later(self.southbound.begin("update", key, old, new, metadata))

    async def delete(  # type: ignore[override]  # an awaitable, as Descriptor allows
        self, key: str, value: Item, metadata: int | None
    ) -> None:
        """Remove the item."""
        await self._later(self.southbound.begin("delete", key, value, metadata=metadata))

    async def retrieve(  # type: ignore[override]  # an awaitable, as Descriptor allows
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what the southbound holds below the prefix, derived values too."""
        if not self.retrieves:
            raise NotImplementedError
        call = self.southbound.begin_retrieve(self.key_prefix)
        if call.delay_s > 0:
            await self.southbound.clock.sleep(call.delay_s)
        if call.hang is not None:
            await call.hang.wait()
        call.raise_planned()
        return self._found(keys)

    async def _later(self, call: Call) -> int | None:
        try:
            if call.effect_comes_first():
                self.southbound.take_effect(call)
            if call.delay_s > 0:
                await self.southbound.clock.sleep(call.delay_s)
            if call.hang is not None:
                await _hang(call, call.hang)
            call.raise_planned()
            self.southbound.take_effect(call)
        except BaseException as error:
            self.southbound.finish(call, error)
            raise
        self.southbound.finish(call)
        return self._result(call)


async def _hang(call: Call, hang: Hang) -> None:
    while True:
        try:
            await hang.wait()
        except asyncio.CancelledError:
            if call.fault is None or not call.fault.stubborn:
                raise
        else:
            return


class BlockingSimulatedDescriptor(SimulatedDescriptor):
    """The same by ``def`` calls that run in threads, where they may wait and hang.

    Only inside ``VirtualClock.run()``, which knows how to wait for threads.
    """

    blocking = True

    def _now(self, call: Call) -> int | None:
        try:
            if call.effect_comes_first():
                self.southbound.take_effect(call)
            if call.delay_s > 0:
                self.southbound.clock.block(call.delay_s, threading.Event())
            if call.hang is not None:
                call.hang.reached = True
                self.southbound.clock.block(None, call.hang.event)
            call.raise_planned()
            self.southbound.take_effect(call)
        except BaseException as error:
            self.southbound.finish(call, error)
            raise
        self.southbound.finish(call)
        return self._result(call)
