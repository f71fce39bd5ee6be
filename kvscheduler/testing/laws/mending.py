# SPDX-License-Identifier: Apache-2.0
"""Goes on from what is found, as the engine does, where nobody could follow what happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from ...model import Retrieved
from ..oracle import Unit
from .broken import Law
from .upkeep import INTERRUPTED, Doubt, Upkeep

__all__ = ["Mending"]


class Mending:
    """Takes what is found for what stands, and brings about what is wanted."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._driver = upkeep.driver

    async def resume(
        self, doubt: Mapping[str, Doubt], beyond: Sequence[Retrieved], *, crashed: bool
    ) -> None:
        """Finish or delete what is in doubt, ``beyond`` being what was found of it and of ours."""
        upkeep, target = self._upkeep, self._driver.target()
        found = {one.key: one for one in beyond}
        for key, one in found.items():
            is_finished = key in doubt and (key in target or doubt[key].method != "create")
            if not is_finished:
                unit, more = Unit(key=key, value=one.value), (one.metadata,)
                await upkeep.call(Law.INTERRUPTED, unit, "delete", one.value, more=more)
        upkeep.anew = {key: INTERRUPTED[cut.method] for key, cut in doubt.items()}
        for key, cut in doubt.items():
            if key not in found:
                await self._grope(cut, crashed=crashed, is_wanted=key in target)
            elif cut.method != "create" or (key in target and not crashed):
                self.take(cut.unit, found[key])
                what = f"what is wanted, after {cut.method}() was cut short"
                upkeep.last[key] = (INTERRUPTED[cut.method], what)
        await upkeep.converge()

    async def _grope(self, doubt: Doubt, *, crashed: bool, is_wanted: bool) -> None:
        """Deal with what nobody can look at: do again what was cut short, or delete it."""
        upkeep, unit = self._upkeep, doubt.unit
        if self._driver.binding(unit.key).retrieve is not None:
            return
        known = None if crashed else doubt.metadata
        if doubt.method == "update" and not crashed:
            assert doubt.before is not None
            self.take(doubt.before, Retrieved(unit.key, doubt.before.value, known))
        elif not is_wanted or (doubt.method == "delete" and not crashed):
            law = INTERRUPTED[doubt.method]
            await upkeep.call(law, unit, "delete", unit.value, more=(known,))

    def take(self, unit: Unit, found: Retrieved) -> None:
        """Take what is found for what stands of a value."""
        self._driver.have[unit.key] = dataclasses.replace(unit, value=found.value)
        self._driver.known[unit.key] = found.metadata

    async def repair(self, moved: Mapping[str, Retrieved | None]) -> None:
        """Make again what is gone, and put right what is another."""
        for key, one in moved.items():
            unit = self._driver.have[key]
            if one is not None:
                self.take(unit, one)
                self._upkeep.last[key] = (Law.WATCH, "what is wanted, again")
                continue
            self._upkeep.lose(key)
            for name, follower in list(self._driver.have.items()):
                is_seen = follower.is_fact or self._driver.binding(name).retrieve is not None
                if follower.base == key and not is_seen:
                    self._upkeep.lose(name)
        await self._upkeep.converge()
