# SPDX-License-Identifier: Apache-2.0
"""The world of one example: what was in it at first must be in it at all times, and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .broken import Law, LawBroken
from .driver import wait_for
from .rig import Rig

__all__ = ["Snapshot", "World"]

Snapshot = dict[str, Any]


class World:
    """A rig, and what it held before the first value."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._baseline: Snapshot = {}

    async def snapshot(self) -> Snapshot:
        """Return what is in the world."""
        return dict(await wait_for(self.rig.snapshot()))

    async def begin(self) -> None:
        """Take what is there for others', from now on."""
        self._baseline = await self.snapshot()

    async def let_in(self, key: str, value: Any) -> Snapshot | None:
        """Have a stranger take the place of a value; return the world with it, None without."""
        before = await self.snapshot()
        if not await wait_for(self.rig.stranger(key, value)):
            return None
        after = await self.snapshot()
        if after == before:
            raise ValueError(f"what the rig's stranger() made for {key} is not in its snapshot()")
        for name in set(before) | set(after):
            if name not in after:
                self._baseline.pop(name, None)
            elif name not in before or before[name] != after[name]:
                self._baseline[name] = after[name]
        return after

    def check(
        self, now: Snapshot, who: str, deleted: str, *, is_bare: bool, law: Law = Law.LEFTOVERS
    ) -> None:
        """Check that what was there is there as it was; where it is bare, nothing else either."""
        kept = {name: now[name] for name in self._baseline if name in now}
        if kept != self._baseline:
            expected = "what was there before the first value stays as it was"
            found = difference(self._baseline, kept)
            raise LawBroken(Law.STRANGERS, who, "", expected, found)
        if is_bare and now != self._baseline:
            expected = "the same snapshot as before the first value"
            found = difference(self._baseline, now)
            raise LawBroken(law, who, deleted, expected, found)

    async def check_same(
        self, before: Snapshot, law: Law, who: str, key: str = "", **values: object
    ) -> Snapshot:
        """Check that nothing has changed since a snapshot; return the new one."""
        now = await self.snapshot()
        if now != before:
            expected = "the same snapshot before and after"
            raise LawBroken(law, who, key, expected, difference(before, now), **values)
        return now


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return in words what is different between two snapshots."""
    names = sorted(set(before) | set(after), key=str)
    return "; ".join(
        f"{name}: {_state(before, name)} became {_state(after, name)}"
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    )


def _state(snapshot: Mapping[str, Any], name: str) -> str:
    return repr(snapshot[name]) if name in snapshot else "nothing"
