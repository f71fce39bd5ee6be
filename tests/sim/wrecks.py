# SPDX-License-Identifier: Apache-2.0
"""What a kill leaves behind, and an engine that starts from it."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Protocol

from kvscheduler.journal import Journal, Made, Wanted
from kvscheduler.testing import MemoryJournal, SimulatedSouthbound, VirtualClock
from tests.sim.expected import Expected

__all__ = ["AnyJournal", "FileJournal", "Wreck", "discard", "new_journal", "wreck_of"]


class FileJournal(Journal):
    """The real one in a folder of its own, with the moments of the one in memory."""

    def __init__(self) -> None:
        super().__init__(pathlib.Path(tempfile.mkdtemp(prefix="kvs-sim-")) / "journal")
        self.moments: list[Callable[[str], object]] = []

    def begin(
        self,
        wanted: Mapping[str, Wanted | None],
        intents: Mapping[str, object],
        rejected: Mapping[str, Wanted] | None = None,
    ) -> None:
        """Store what is wanted and what is about to happen."""
        self._moment("before begin")
        super().begin(wanted, intents, rejected or {})
        self._moment("after begin")

    def record(self, key: str, made: Made | None) -> None:
        """Note what is now known of a key."""
        super().record(key, made)
        self._moment("record")

    def flush(self) -> None:
        """Store what was recorded."""
        if self._buffer:
            self._moment("before flush")
            super().flush()
            self._moment("after flush")

    def copy(self) -> FileJournal:
        """Return the journal on a copy of the files as they are at this moment."""
        twin = FileJournal()
        for file in self.path.parent.glob(f"{self.path.name}*"):
            if file.suffix != ".lock":
                shutil.copy(file, twin.path.parent / file.name)
        return twin

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path.parent)

    def _moment(self, name: str) -> None:
        for callback in self.moments:
            callback(name)


AnyJournal = FileJournal | MemoryJournal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wreck:
    """The southbound and the journal at a moment, and what may be wanted there.

    ``again``: what was killed had just begun on another wreck.
    """

    moment: str
    southbound: SimulatedSouthbound
    journal: AnyJournal | None
    allowed: tuple[Expected, ...]
    again: bool = False


class HasJournal(Protocol):
    """A world, as far as a kill is concerned."""

    southbound: SimulatedSouthbound
    clock: VirtualClock
    journal: AnyJournal | None


def wreck_of(
    world: HasJournal, moment: str, allowed: tuple[Expected, ...], *, again: bool = False
) -> Wreck:
    """Return what a kill at this moment leaves."""
    journal = None if world.journal is None else world.journal.copy()
    announced = () if journal is None else journal.peek().made
    return Wreck(
        moment=moment,
        southbound=world.southbound.copy(world.clock, announced),
        journal=journal,
        allowed=allowed,
        again=again,
    )


def new_journal(kind: str) -> AnyJournal | None:
    """Return a new journal: "memory", "file" or, where the name is empty, none."""
    if not kind:
        return None
    return MemoryJournal() if kind == "memory" else FileJournal()


def discard(journal: AnyJournal | None) -> None:
    """Remove what a journal has on the disk."""
    if isinstance(journal, FileJournal):
        journal.discard()
