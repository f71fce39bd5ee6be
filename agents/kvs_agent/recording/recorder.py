# SPDX-License-Identifier: Apache-2.0
"""Records transactions and how values stood, from what the engine tells of both."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kvscheduler import (
    Executed,
    OperationError,
    TransactionResult,
    ValueState,
    ValueStatus,
)
from kvscheduler.errors import describe

from .timeline import GONE, Revision, Timelines, Track
from .transactions import Entry, Record, Records

__all__ = ["Limits", "Recorder"]

_FAULTY = (ValueState.FAILED, ValueState.RETRYING, ValueState.INVALID, ValueState.PENDING)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is recorded, and for how long.

    What happens within ``first_s`` of the start is kept for good, up to the ``first`` numbers;
    everything else up to ``age_s``.
    """

    age_s: float = 24 * 60 * 60
    first_s: float = 60 * 60
    transactions: int = 1000
    first_transactions: int = 200
    entries: int = 100_000
    revisions: int = 20_000
    first_revisions: int = 2_000


class Recorder:
    """Takes in results and statuses, the results first; answers questions about the past.

    ``look`` returns the status that a key has now, ``value`` what is wanted under it or stands
    there; both are asked rarely, for what failed, waits or is others'. Pure but for these.
    """

    def __init__(
        self,
        look: Callable[[str], ValueStatus],
        value: Callable[[str], Any],
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._value = value
        self._limits = limits or Limits()
        self._clock = clock
        self._started = clock()
        most = self._limits
        self._records = Records(most.transactions, most.first_transactions, most.entries)
        self._timelines = Timelines(most.revisions, most.first_revisions)
        self._number = 0

    # Taking in.

    def take(self, result: TransactionResult) -> Record:
        """Record a finished transaction."""
        self._number = result.number
        retries, attempt = self._retried(result)
        entries = tuple(self._entries(result))
        record = Record(result, entries, retries, attempt)
        for old in self._records.add(record, is_early=self._is_early(result.started)):
            self._release(old)
        self._forget()
        return record

    def note(self, status: ValueStatus) -> None:
        """Record how a value stands from now on, or what is known of it beside that."""
        track = self._timelines.track(status.key)
        last = track.revisions[-1] if track.revisions else None
        track.state, track.error = status.state, _error(status.error)
        same = last is not None and last.state in GONE and status.state in GONE
        if last is not None and (same or self._completes(last)):
            _fill(last, status)
            return
        if last is None and status.state in GONE:
            self._timelines.tidy(status.key)
            return
        revision = self._next(track, status.key, last)
        _fill(revision, status)
        if status.state is ValueState.OBTAINED and status.base is None:
            # No operation has told of it, and later it may not be there to be asked for.
            revision.value = self._value(status.key)
        self._timelines.add(track, revision, is_early=self._is_early(revision.since))

    def _completes(self, last: Revision) -> bool:
        """Tell whether a status is that of the revision that an operation has just begun."""
        return not last.is_told and not last.is_gone and last.number == self._number

    def _next(self, track: Track, key: str, last: Revision | None) -> Revision:
        revision = Revision(
            key=key, since=self._clock(), number=self._number, touched=track.touched
        )
        if last is not None:
            revision.value, revision.base = last.value, last.base
            revision.descriptor, revision.derived = last.descriptor, last.derived
        return revision

    def _is_early(self, when: float) -> bool:
        return when < self._started + self._limits.first_s

    def _forget(self) -> None:
        before = self._clock() - self._limits.age_s
        for old in self._records.forget(before):
            self._release(old)
        self._timelines.forget(before)

    def _release(self, record: Record) -> None:
        for entry in record.entries:
            self._timelines.tidy(entry.key)

    def _retried(self, result: TransactionResult) -> tuple[int, int]:
        """Return which transaction a retry repeats, and how often that was done with this."""
        keys = [one.operation.key for one in result.operations]
        keys += [key for key in result.errors if key not in keys]
        if result.kind != "retry":
            return 0, 0
        tracks = [self._timelines.track(key) for key in keys]
        for track in tracks:
            track.attempts += 1
        first = tracks[0] if tracks else None
        return (first.asked, first.attempts) if first is not None else (0, 0)

    def _entries(self, result: TransactionResult) -> Iterator[Entry]:
        is_retry = result.kind == "retry"
        for executed in result.operations:
            yield self._executed(result, executed, is_retry=is_retry)
        plan = result.plan
        told = {one.operation.key for one in result.operations}
        for key in plan.pending:
            yield self._waiting(result, key, ValueState.PENDING, told)
        for key, text in plan.invalid.items():
            yield self._waiting(result, key, ValueState.INVALID, told, text)

    def _executed(self, result: TransactionResult, executed: Executed, *, is_retry: bool) -> Entry:
        operation = executed.operation
        key = operation.key
        track = self._touch(result, key, is_retry=is_retry)
        before, error_before = track.state, track.error
        if executed.error is None:
            is_delete = operation.kind == "delete"
            after = ValueState.REMOVED if is_delete else ValueState.CONFIGURED
            error = ""
        else:
            after, error = self._failed(key), _error(executed.error)
        track.state, track.error = after, error
        self._change(result, track, executed, after, error)
        return Entry(
            operation.kind,
            key,
            operation.base,
            operation.old,
            operation.new,
            before,
            after,
            error_before,
            error,
            is_revert=executed.revert,
            is_retry=is_retry,
            is_recreate=operation.recreate,
        )

    def _failed(self, key: str) -> ValueState:
        """Return how a value stands that has just failed; by now it may stand better."""
        now = self._look(key).state
        return now if now in _FAULTY else ValueState.RETRYING

    def _waiting(
        self,
        result: TransactionResult,
        key: str,
        state: ValueState,
        told: set[str],
        error: str = "",
    ) -> Entry:
        track = self._touch(result, key, is_retry=False)
        before, error_before = track.state, track.error
        value = self._value(key)
        base = track.current.base if track.current is not None else None
        if key not in told:
            track.state, track.error = state, error
        # A value that waits or is refused has stood before, or is new.
        operation = "create" if before in GONE or before is state else "update"
        return Entry(
            operation, key, base, None, value, before, state, error_before, error, is_noop=True
        )

    def _touch(self, result: TransactionResult, key: str, *, is_retry: bool) -> Track:
        track = self._timelines.track(key)
        track.touched = result.number
        if not is_retry:
            track.asked, track.attempts = result.number, 0
        return track

    def _change(
        self,
        result: TransactionResult,
        track: Track,
        executed: Executed,
        after: ValueState,
        error: str,
    ) -> None:
        """Let a revision begin with an operation; a status may tell more of it later."""
        operation = executed.operation
        is_delete = operation.kind == "delete"
        failed = executed.error is not None
        last = track.current
        value = operation.old if is_delete else operation.new
        if failed and last is not None:
            value = last.value if not is_delete else value
        when = result.started + result.duration_s
        revision = Revision(
            key=operation.key,
            since=max(when, last.since if last is not None else 0.0),
            number=result.number,
            touched=result.number,
            state=after,
            value=value,
            base=operation.base,
            descriptor=operation.descriptor,
            error=error,
            derived=last.derived if last is not None else (),
        )
        self._timelines.add(track, revision, is_early=self._is_early(when))

    # Looking back.

    def transactions(self, since: float = 0.0, until: float = float("inf")) -> list[Record]:
        """Return the transactions that ended after one time and began before another."""
        self._forget()
        return [one for one in self._records if one.stopped >= since and one.started <= until]

    def transaction(self, number: int) -> Record | None:
        """Return one transaction, None where it is not recorded, or no more."""
        return next((one for one in self._records if one.number == number), None)

    def timeline(self, key: str) -> list[Revision]:
        """Return all that is known of how a value stood, oldest first."""
        self._forget()
        track = self._timelines.tracks.get(key)
        return list(track.revisions) if track is not None else []

    def at(self, when: float, keys: Iterable[str] | None = None) -> list[Revision]:
        """Return how all values stood at a time, sorted by key; those that had gone left out."""
        tracks = self._timelines.tracks
        chosen = sorted(tracks if keys is None else keys)
        found = (_at(tracks[key], when) for key in chosen if key in tracks)
        return [one for one in found if one is not None and not one.is_gone]

    def after(self, number: int) -> list[Revision]:
        """Return how all values stood once a transaction had ended, before the next one."""
        tracks = self._timelines.tracks
        found = (_after(tracks[key], number) for key in sorted(tracks))
        return [one for one in found if one is not None and not one.is_gone]

    def revisions(self) -> Iterator[Revision]:
        """Yield all that is recorded of values, in no order."""
        self._forget()
        return iter(self._timelines)


def _fill(revision: Revision, status: ValueStatus) -> None:
    """Put what a status tells into a revision."""
    revision.state = status.state
    revision.base = status.base
    revision.error = _error(status.error)
    revision.unmet = tuple((one.label, one.key) for one in status.unmet)
    revision.derived = tuple(one.key for one in status.derived)
    revision.is_told = True


def _at(track: Track, when: float) -> Revision | None:
    return next((one for one in reversed(track.revisions) if one.stands_at(when)), None)


def _after(track: Track, number: int) -> Revision | None:
    return next((one for one in reversed(track.revisions) if one.number <= number), None)


def _error(error: BaseException | None) -> str:
    """Return what was wrong, without the key and the operation, which stand beside it."""
    if isinstance(error, OperationError):
        error = error.cause
    return describe(error) if error is not None else ""
