# SPDX-License-Identifier: Apache-2.0
"""What was done to etcd, transaction by transaction, to hold what a watch told against it."""

from __future__ import annotations

import bisect
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
        life, position = 0, 0
        for number, one in enumerate(news):
            if isinstance(one, Snapshot):
                assert (number == 0) == (one.reason is Reason.FIRST)
                life = self._life_of(one, life)
            else:
                revisions = sorted(self._lives[life])
                after = bisect.bisect_right(revisions, position)
                assert one.revision == revisions[after], "not the next revision"
                told = {key: entry and entry.value for key, entry in one.events}
                assert told == self._lives[life][one.revision]
            position = one.revision

    def _life_of(self, snapshot: Snapshot, life: int) -> int:
        """Return which life is listed: this one, or a later one where the server was emptied."""
        lives = range(life, len(self._lives))
        if snapshot.reason is Reason.COMPACTED:
            lives = range(life, life + 1)
        elif snapshot.reason is Reason.REWOUND:
            lives = range(life + 1, len(self._lives))
        listed = {entry.key: entry.value for entry in snapshot.entries}
        found = [n for n in lives if self._state(self._lives[n], snapshot.revision) == listed]
        assert found, "a listing of what never stood"
        return found[0]
