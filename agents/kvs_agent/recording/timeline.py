# SPDX-License-Identifier: Apache-2.0
"""How values stood over time: each change one revision, until the next."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from typing import Any

from kvscheduler import ValueState

__all__ = ["Revision", "Timelines", "Track"]

GONE = (ValueState.NONEXISTENT, ValueState.REMOVED)


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class Revision:
    """How a value stood from ``since`` to ``until`` (None: it stands so now).

    ``number`` is that of the last transaction at the time, ``touched`` that of the last one that
    had to do with the value (0 for none). ``unmet`` holds the labels and keys of what it waited
    for. ``is_told`` is False as long as only the transaction is known, and no status yet.
    """

    key: str
    since: float
    until: float | None = None
    number: int = 0
    touched: int = 0
    state: ValueState = ValueState.NONEXISTENT
    value: Any = None
    base: str | None = None
    descriptor: str = ""
    error: str = ""
    unmet: tuple[tuple[str, str], ...] = ()
    derived: tuple[str, ...] = ()
    is_told: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether this says no more than that the value has gone."""
        return self.state in GONE

    def stands_at(self, time: float) -> bool:
        """Tell whether this was the case at a time."""
        return self.since <= time and (self.until is None or time < self.until)


class Track:
    """The revisions of one key, oldest first, and what is remembered of it between them."""

    __slots__ = ("asked", "attempts", "error", "revisions", "state", "touched")

    def __init__(self) -> None:
        self.revisions: deque[Revision] = deque()
        self.state = ValueState.NONEXISTENT
        self.error = ""
        self.touched = 0
        # Which transaction wanted it, and how often it was tried again since.
        self.asked = 0
        self.attempts = 0

    @property
    def current(self) -> Revision | None:
        """How the value stands now, None where it does not."""
        last = self.revisions[-1] if self.revisions else None
        return last if last is not None and last.until is None else None


class Timelines:
    """The tracks of all keys.

    A revision that stands is kept whatever its age; of those that are over the oldest go, and of
    the first hour or so some are kept for good.
    """

    def __init__(self, most: int, most_first: int) -> None:
        self.tracks: dict[str, Track] = {}
        self._most = most
        self._most_first = most_first
        self._first = 0
        self._over: deque[tuple[Track, Revision]] = deque()

    def track(self, key: str) -> Track:
        """Return the track of a key, begun where there is none."""
        track = self.tracks.get(key)
        if track is None:
            track = self.tracks[key] = Track()
        return track

    def add(self, track: Track, revision: Revision, *, is_early: bool) -> None:
        """Let a revision follow on what stood before."""
        before = track.current
        if before is not None:
            before.until = revision.since
            self._end(track, before, is_early=is_early)
        track.revisions.append(revision)
        if revision.is_gone:
            revision.until = revision.since
            self._end(track, revision, is_early=is_early)

    def _end(self, track: Track, revision: Revision, *, is_early: bool) -> None:
        if is_early and self._first < self._most_first:
            self._first += 1
            return
        self._over.append((track, revision))
        while len(self._over) > self._most:
            self._drop()

    def forget(self, before: float) -> None:
        """Drop what was over before a time."""
        while self._over and (self._over[0][1].until or 0.0) < before:
            self._drop()

    def _drop(self) -> None:
        track, revision = self._over.popleft()
        track.revisions.remove(revision)
        self.tidy(revision.key)

    def tidy(self, key: str) -> None:
        """Drop the track of a key that is gone and has left no revision."""
        track = self.tracks.get(key)
        if track is not None and not track.revisions and track.state in GONE:
            del self.tracks[key]

    def __iter__(self) -> Iterator[Revision]:
        for track in self.tracks.values():
            yield from track.revisions
