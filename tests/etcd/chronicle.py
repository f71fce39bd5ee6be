# SPDX-License-Identifier: Apache-2.0
"""What was done to etcd, transaction by transaction, to hold what a watch told against it."""

from __future__ import annotations

from collections.abc import Sequence

from kvs_agent.etcd import Change, Reason, Snapshot

__all__ = ["Chronicle"]

Told = dict[bytes, bytes | None]


class Chronicle:
    """The history of a prefix, in lives: with each emptying of the server another one begins."""

    def __init__(self) -> None:
        self._lives: list[dict[int, Told]] = [{}]

    def begin_anew(self) -> None:
        self._lives.append({})

    def note(self, revision: int, told: Told) -> None:
        """Note what a transaction did."""
        self._lives[-1][revision] = told

    @property
    def present(self) -> dict[bytes, bytes]:
        """What stands now."""
        life = self._lives[-1]
        return self._state(life, max(life, default=0))

    @staticmethod
    def _state(life: dict[int, Told], revision: int) -> dict[bytes, bytes]:
        state: dict[bytes, bytes] = {}
        for number in sorted(life):
            if number <= revision:
                for key, value in life[number].items():
                    if value is None:
                        state.pop(key, None)
                    else:
                        state[key] = value
        return state

    def check(self, news: Sequence[Snapshot | Change]) -> None:
        """Assert that it was told just so: nothing left out, nothing twice, nothing made up."""
        lives, position = {0}, 0
        for number, one in enumerate(news):
            if isinstance(one, Snapshot):
                assert (number == 0) == (one.reason is Reason.FIRST)
                lives = self._listed_in(one, lives, position)
                assert lives, "a listing of what never stood"
            else:
                lives = {
                    life
                    for life in self._alike(lives, position)
                    if self._is_next(one, life, position)
                }
                assert lives, "not the next transaction, or not as it was"
            position = one.revision

    def _alike(self, lives: set[int], position: int) -> set[int]:
        """Return these lives, and later ones that nobody could tell from them so far."""
        states = [self._state(self._lives[life], position) for life in lives]
        later = range(min(lives), len(self._lives))
        return {n for n in later if n in lives or self._state(self._lives[n], position) in states}

    def _is_next(self, change: Change, life: int, position: int) -> bool:
        after = [revision for revision in sorted(self._lives[life]) if revision > position]
        told = {key: entry and entry.value for key, entry in change.events}
        return after[:1] == [change.revision] and told == self._lives[life][change.revision]

    def _listed_in(self, snapshot: Snapshot, lives: set[int], position: int) -> set[int]:
        """Return which lives may be listed; a later one where the server was emptied."""
        listed = {entry.key: entry.value for entry in snapshot.entries}
        possible = self._alike(lives, position)
        if snapshot.reason is not Reason.COMPACTED:
            possible = set(range(min(lives), len(self._lives)))
        return {n for n in possible if self._state(self._lives[n], snapshot.revision) == listed}
