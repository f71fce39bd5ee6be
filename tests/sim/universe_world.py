# SPDX-License-Identifier: Apache-2.0
"""An engine in a drawn universe: each prefix has its own kind of descriptor."""

from __future__ import annotations

from kvscheduler.testing import SimulatedDescriptor, SimulatedSouthbound
from tests.sim.loop import SimulationClock
from tests.sim.universe import Universe
from tests.sim.world import World
from tests.sim.wrecks import AnyJournal

__all__ = ["UniverseWorld"]


class UniverseWorld(World):
    """The world of a universe: each prefix has its own kind of descriptor, but for one perhaps."""

    def __init__(
        self,
        universe: Universe,
        journal: AnyJournal | None,
        southbound: SimulatedSouthbound | None = None,
        *,
        without: str = "",
    ) -> None:
        self.universe = universe
        self.journal = journal
        if southbound is None:
            southbound = SimulatedSouthbound(seed=universe.seed, clock=SimulationClock())
        prefixes = [name for name in universe.kinds if name != without]
        seed = universe.seed
        super().__init__(
            prefixes=prefixes, seed=seed, southbound=southbound, journal=journal, history=8
        )
        if universe.threaded:
            assert isinstance(self.clock, SimulationClock)
            self.scheduler._engine.calls.start_thread = self.clock.loop.threads.start

    def let_go(self) -> None:
        """Cut what an engine and its descriptors hold each other by: it then goes at once.

        A run leaves engines behind, and the collector takes longer over one than it has worked.
        """
        self.southbound._tellers.clear()
        for descriptor in self.descriptors:
            descriptor.port = None

    def descriptor(self, name: str) -> SimulatedDescriptor:
        """Make the descriptor for a prefix, as the universe has it."""
        universe = self.universe
        return universe.kinds[name](
            self.southbound, name, f"{name}/", loose=universe.loose, marked=universe.marked
        )
