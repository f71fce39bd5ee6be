# SPDX-License-Identifier: Apache-2.0
"""Gates, one for each link: some pass, or others have closed it, but never both at once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..netlink.channel import Channel

__all__ = ["Closed", "Gates"]


@dataclasses.dataclass(slots=True)
class Closed:
    """A gate's being closed: for how many, and what they share as long as it is."""

    count: int = 0
    shared: Any = None


class _Gate:
    """Counts who passes, and who would like to use it."""

    def __init__(self) -> None:
        self.users = 0
        self.passing = 0
        self.closed: Closed | None = None
        self.moved = asyncio.Condition()


class Gates:
    """The gates of all links; one that nobody uses is forgotten."""

    def __init__(self) -> None:
        self._gates: weakref.WeakKeyDictionary[Channel, dict[int, _Gate]] = (
            weakref.WeakKeyDictionary()
        )

    @contextlib.asynccontextmanager
    async def passing(self, within: Channel, index: int) -> AsyncIterator[None]:
        """Go through, with others; waits while the gate is closed."""
        with self._at(within, index) as gate:
            async with gate.moved:
                await gate.moved.wait_for(lambda: gate.closed is None)
                gate.passing += 1
            try:
                yield
            finally:
                gate.passing -= 1
                await _tell(gate)

    @contextlib.asynccontextmanager
    async def closed(self, within: Channel, index: int) -> AsyncIterator[Closed]:
        """Keep it closed, with others who do; waits until those are through who are in it."""
        with self._at(within, index) as gate:
            closed = gate.closed = gate.closed or Closed()
            closed.count += 1
            try:
                async with gate.moved:
                    await gate.moved.wait_for(lambda: not gate.passing)
                yield closed
            finally:
                closed.count -= 1
                if not closed.count:
                    gate.closed = None
                await _tell(gate)

    @contextlib.contextmanager
    def _at(self, within: Channel, index: int) -> Iterator[_Gate]:
        gates = self._gates.setdefault(within, {})
        gate = gates.setdefault(index, _Gate())
        gate.users += 1
        try:
            yield gate
        finally:
            gate.users -= 1
            if not gate.users:
                gates.pop(index, None)


async def _tell(gate: _Gate) -> None:
    if gate.users > 1:
        async with gate.moved:
            gate.moved.notify_all()
