# SPDX-License-Identifier: Apache-2.0
"""Blocking descriptors in simulations: each call in a thread, and in its turn."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from kvscheduler import Retrieved
from kvscheduler.testing import BlockingSimulatedDescriptor, Item
from tests.sim.loop import SimulationClock

__all__ = ["OrderedBlockingDescriptor"]


class OrderedBlockingDescriptor(BlockingSimulatedDescriptor):
    """A blocking descriptor whose calls wait for their turn before they touch anything."""

    def create(self, key: str, value: Item) -> int | None:
        """Make the item."""
        with self._turn():
            return super().create(key, value)

    def update(self, key: str, old: Item, new: Item, metadata: int | None) -> int | None:
        """Change the item."""
        with self._turn():
            return super().update(key, old, new, metadata)

    def delete(self, key: str, value: Item, metadata: int | None) -> None:
        """Remove the item."""
        with self._turn():
            super().delete(key, value, metadata)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what the southbound holds below the prefix."""
        with self._turn():
            return super().retrieve(expected, keys)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        clock = self.southbound.clock
        assert isinstance(clock, SimulationClock)
        clock.loop.threads.park()
        try:
            yield
        finally:
            clock.loop.threads.leave()
