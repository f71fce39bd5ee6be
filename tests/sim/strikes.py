# SPDX-License-Identifier: Apache-2.0
"""Failures at chosen places: the third call, the second write of the journal, this moment."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import random
from collections.abc import Callable, Iterator, Sequence

from kvscheduler import JournalError
from kvscheduler.testing import Call, Fault, Hang, SimulatedError, When

__all__ = ["LONG_S", "Kind", "Place", "Script", "Strike", "singles"]


# After so long every retry and deadline of a run is over.
LONG_S = 200.0


class Place(enum.Enum):
    """What is counted to find where a strike goes; moments are all of the others' too."""

    __hash__ = object.__hash__  # dear otherwise, and asked for at every moment

    CALL = "call"
    RETRIEVE = "retrieve"
    BEGIN = "journal begin"
    FLUSH = "journal flush"
    MOMENT = "moment"


class Kind(enum.Enum):
    """What happens there."""

    ERROR = "error"
    FINAL = "error that is not retriable"
    BROKEN = "CancelledError raised by the descriptor"
    HANG = "hang past the deadline"
    STUBBORN = "hang that no cancellation ends"
    CANCEL = "committing task cancelled"
    CRASH = "crash"


@dataclasses.dataclass(frozen=True, slots=True)
class Strike:
    """One failure: at the ``at``-th of a place, counted from the start of the commit."""

    place: Place
    at: int
    kind: Kind = Kind.ERROR
    when: When = When.BEFORE_EFFECT

    def __str__(self) -> str:
        when = f", {self.when.value}" if self.place is Place.CALL else ""
        return f"{self.kind.value} at {self.place.value} {self.at}{when}"

    @property
    def name(self) -> str:
        """What it is counted as."""
        when = f" {self.when.value}" if self.place is Place.CALL else ""
        place = "" if self.place in {Place.CALL, Place.MOMENT} else f" in {self.place.value}"
        return f"{self.kind.value}{place}{when}"


# Kept here: to ask an enum for a member costs as much as a call.
_CALL, _RETRIEVE, _MOMENT = Place.CALL, Place.RETRIEVE, Place.MOMENT
_NOTHING = dict.fromkeys(Place, 0)


class Script:
    """Counts what happens, and strikes where it is due.

    ``done`` are the strikes that struck; ``on_moment`` is told of each moment by name.
    """

    def __init__(self, strikes: Sequence[Strike] = ()) -> None:
        self._due = {(one.place, one.at): one for one in strikes}
        self.counts = _NOTHING.copy()
        self.done: list[Strike] = []
        self.on_moment: list[Callable[[str], object]] = []
        self.cancel: Callable[[], object] | None = None
        self.hangs: list[Hang] = []
        self.written = False
        # How much was done in the commit itself.
        self.extent = _NOTHING

    def committed(self) -> None:
        """Note that the commit is over, and with it the moments to be told of."""
        self.extent = dict(self.counts)
        self.on_moment = []

    def _count(self, place: Place) -> Strike | None:
        at = self.counts[place]
        self.counts[place] = at + 1
        if not self._due:
            return None
        strike = self._due.pop((place, at), None)
        if strike is not None:
            self.done.append(strike)
        return strike

    def due(self) -> Iterator[Strike]:
        """Yield the strikes to come."""
        yield from self._due.values()

    def end(self) -> None:
        """Strike no more, release what hangs."""
        self._due.clear()
        self.on_moment = []
        for hang in self.hangs:
            hang.release()

    # Where a southbound asks for faults.

    def fault(self, kind: str, key: str, number: int, rng: random.Random) -> Fault | None:
        """Return the fault of a call."""
        strike = self._count(_RETRIEVE if kind == "retrieve" else _CALL)
        if strike is None:
            return None
        fault = Fault(name=strike.name, when=strike.when)
        if strike.kind is Kind.HANG or strike.kind is Kind.STUBBORN:
            fault.hang = Hang()
            fault.stubborn = strike.kind is Kind.STUBBORN
            self.hangs.append(fault.hang)
        elif strike.kind is Kind.BROKEN:
            fault.error = asyncio.CancelledError(strike.name)
        else:
            final = strike.kind is Kind.FINAL
            fault.error = SimulatedError(strike.name, retriable=not final)
        return fault

    def drift(self, rng: random.Random) -> str:
        """Leave things alone."""
        return ""

    def is_announced(self, rng: random.Random) -> bool:
        """Keep silent."""
        return False

    # What happens, moment by moment.

    def look(self, moment: str, call: Call | None = None) -> None:
        """Note a moment of a southbound call, or of the journal."""
        at = self.counts[_MOMENT]
        if self._due:
            if self._count(_MOMENT) is not None and self.cancel is not None:
                self.cancel()
        else:
            self.counts[_MOMENT] = at + 1
        if self.on_moment:
            name = f"journal: {moment}" if call is None else f"{moment} of {call.kind} {call.key}"
            for callback in self.on_moment:
                callback(name)

    def journal(self, moment: str) -> None:
        """Note a moment of the journal; a write that is to fail fails here."""
        if moment.startswith("before"):
            place = Place.BEGIN if moment == "before begin" else Place.FLUSH
            if self._count(place) is not None:
                message = f"planned: {place.value} fails"
                raise JournalError(message)
        elif moment == "after begin":
            self.written = True
        self.look(moment)


def singles(counts: dict[Place, int], *, waits: bool) -> Iterator[Strike]:
    """Yield each single failure of a commit in which so much is done; crashes apart."""
    kinds: tuple[Kind, ...] = (Kind.ERROR, Kind.FINAL, Kind.BROKEN)
    kinds += (Kind.HANG, Kind.STUBBORN) if waits else ()
    for at in range(counts[Place.CALL]):
        for kind in kinds:
            for when in When:
                yield Strike(Place.CALL, at, kind, when)
    for place in (Place.RETRIEVE, Place.BEGIN, Place.FLUSH):
        for at in range(counts[place]):
            yield Strike(place, at)
    for at in range(counts[Place.MOMENT]):
        yield Strike(Place.MOMENT, at, Kind.CANCEL)
