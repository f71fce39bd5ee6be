# SPDX-License-Identifier: Apache-2.0
"""The life of a descriptor in one example: what is done to it, and what must come of that."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...model import Retrieved
from ..oracle import AnyDescriptor, Unit, standing
from ..replay import cycles
from .broken import Law, LawBroken
from .driver import names_of, wait_for
from .hearing import Heard
from .looking import Looking
from .mending import Mending
from .rig import Rig
from .upkeep import INTERRUPTED, Doubt, Upkeep
from .watching import Watching
from .world import Snapshot, World

__all__ = ["Cut", "Family", "Life"]

Family = Callable[[Any], AnyDescriptor | Sequence[AnyDescriptor]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a call is cut short, and what comes then.

    ``part`` 0 is the value itself, others derive from it; the call is cut when it waits for the
    ``at``-th time; the process may have ``crashed`` then; is the value ``wanted`` after that?
    """

    part: int
    at: int
    crashed: bool
    wanted: bool


class Life:
    """One rig, the descriptors on it, and all that stands; a step that breaks a law raises.

    ``lacking`` says why values could not be created, for the author whose test tests nothing.
    """

    def __init__(self, family: Family, rig: Rig) -> None:
        self._family = family
        self.rig = rig
        self._world = World(rig)
        self.upkeep = Upkeep()
        self.driver = self.upkeep.driver
        self._looking = Looking(self._world, self.driver, self.upkeep.last)
        self._mending = Mending(self.upkeep)
        self._ground: frozenset[str] = frozenset()
        self._taken: set[str] = set()
        self.lacking: set[str] = set()

    # From open to close.

    async def open(self) -> None:
        """Make the world, and the ground in it."""
        await wait_for(self.rig.open())
        self._use_new_descriptors()
        await self._world.begin()
        for key, value in self.rig.ground.items():
            if self._may_want(key, value):
                self.driver.wanted[key] = value
        await self.upkeep.converge()
        unmet = sorted(set(self.rig.ground) - set(self.driver.have))
        if unmet:
            raise ValueError(f"the rig's ground cannot stand: {unmet[0]} lacks what it needs")
        await self._look()
        self._ground = frozenset(self.driver.have)
        self.upkeep.created = 0
        self.lacking.clear()
        await self._world.begin()

    async def end(self) -> None:
        """Delete everything, and look at what is left."""
        for key in self.standing():
            del self.driver.wanted[key]
        await self.upkeep.converge()
        await self._look()

    async def close(self) -> None:
        """Remove the world."""
        await wait_for(self.rig.close())

    # The steps.

    async def want(self, key: str, value: Any) -> None:
        """Want a value: it is created, or changed, once it can stand."""
        if not self._may_want(key, value):
            return
        self.driver.wanted[key] = value
        await self.upkeep.converge()
        await self._look()
        await self._update_needlessly()
        if key not in self.driver.have:
            self._note_lacking(key, value)

    async def delete(self, key: str, *, forgotten: bool) -> None:
        """Want a value no longer; ``forgotten``: metadata was lost in a crash."""
        del self.driver.wanted[key]
        if forgotten:
            fallen = self.driver.falling(self.driver.target(), ())
            self.driver.known.update(dict.fromkeys(fallen & set(self.driver.known)))
        await self.upkeep.converge()
        await self._look()

    async def create_again(self, key: str, *, crashed: bool) -> None:
        """Lose the answer of a create, with the process or alone, and create again."""
        unit = self.driver.have[key]
        if crashed:
            await self.crash()
        known = self.driver.known.pop(key, None)
        law, who = Law.CREATE_AGAIN, self.driver.binding(key).name
        before = await self._world.snapshot()
        metadata = await self.upkeep.call(law, unit, "create", unit.value)
        self.driver.known[key] = metadata
        await self._world.check_same(before, law, who, key, value=unit.value)
        if metadata != known:
            expected, found = f"{known!r}, as from the first create()", f"{metadata!r}"
            raise LawBroken(Law.METADATA, who, key, expected, found, value=unit.value)
        self.upkeep.last[key] = (law, "what create() was given, twice")
        await self._look()

    async def update_again(self, key: str, *, crashed: bool) -> None:
        """Lose the answer of the last update, with the process or alone, and update again."""
        unit = self.driver.have[key]
        old, new, metadata = self.upkeep.updates[key]
        if crashed:
            await self.crash()
            metadata = self.driver.known.get(key)
        law, who = Law.UPDATE_AGAIN, self.driver.binding(key).name
        before = await self._world.snapshot()
        answer = await self.upkeep.call(law, unit, "update", old, new, more=(metadata,))
        self.upkeep.learn(key, answer)
        await self._world.check_same(before, law, who, key, old=old, new=new)
        self.upkeep.last[key] = (law, f"the new value, after {old!r} was updated to it twice")
        await self._look()

    async def delete_again(self, key: str, *, forgotten: bool) -> None:
        """Lose the answer of a delete, and delete again."""
        unit, metadata = self.driver.gone[key]
        law, who = Law.DELETE_AGAIN, self.driver.binding(key).name
        before = await self._world.snapshot()
        more = (None if forgotten else metadata,)
        await self.upkeep.call(law, unit, "delete", unit.value, more=more)
        await self._world.check_same(before, law, who, key, value=unit.value)

    async def crash(self, doubt: Mapping[str, Unit] | None = None) -> list[Retrieved]:
        """Lose all that the process knew; what stands is found again.

        What is in ``doubt`` may stand; returned is what is found beyond what surely stands.
        """
        await wait_for(self.rig.crash())
        known, self.driver.known = self.driver.known, {}
        self._use_new_descriptors()
        beyond, _ = await self._looking.look(doubt, known)
        return beyond

    async def ask(self, keys: Sequence[str]) -> None:
        """Ask after some keys alone."""
        await self._looking.ask(keys)

    async def compare(self, pairs: Sequence[tuple[str, Any]]) -> None:
        """Compare the meaning of values with each other, key by key."""
        for key, value in pairs:
            self._may_want(key, value)

    async def meet(self, key: str, value: Any) -> None:
        """Find the place of a value taken by a stranger, and leave it alone."""
        if not self._may_want(key, value) or key in self.driver.wanted:
            return
        units = {**self.driver.have, **self.driver.rules.family(key, value)}
        if key not in standing(units):
            return
        world = await self._world.let_in(key, value)
        if world is not None:
            self._taken.update(names_of(units[key]))
            self._looking.taken.add(key)
            await self._collide(units[key], world)

    async def interrupt(self, key: str, value: Any, cut: Cut) -> None:
        """Cut a create or an update short, of a value or of what derives from it."""
        if not self._may_want(key, value):
            return
        before = self.driver.wanted.get(key)
        self.driver.wanted[key] = value
        await self._cut_short(key, [before, value], cut)

    async def interrupt_delete(self, key: str, cut: Cut) -> None:
        """Cut a delete short, of a value or of what derives from it."""
        await self._cut_short(key, [self.driver.wanted.pop(key)], cut)

    async def _cut_short(self, key: str, values: Sequence[Any], cut: Cut) -> None:
        parts = {key: None}
        for value in values:
            if value is not None:
                units = self.driver.rules.family(key, value).values()
                parts.update((unit.key, None) for unit in units if not unit.is_fact)
        part = list(parts)[cut.part % len(parts)]
        doubt = await self.upkeep.converge_cut_short(part, cut.at)
        if doubt:
            self.driver.wanted.pop(key, None)
            if cut.wanted:
                self.driver.wanted[key] = values[-1]
            await self._resume(doubt, crashed=cut.crashed)
        cut_short = doubt.get(part)
        await self._look(INTERRUPTED[cut_short.method] if cut_short else Law.LEFTOVERS, part)

    async def watch(self, key: str | None, *, again: bool) -> None:
        """Have the descriptors watch, disturb a value meanwhile, and repair what is reported.

        ``again``: they have been cancelled, and start anew.
        """
        watching = Watching(self.driver, self.rig.patience_s)
        if again:
            async with watching.run():
                pass
        self.driver.heard = heard = Heard()
        try:
            async with watching.run():
                if key is not None and await self._is_disturbed(key):
                    moved = await self._looking.find()
                    await watching.wait(heard, moved)
                    await self._mending.repair(moved)
        finally:
            self.driver.heard = None
        await self._look()

    async def _is_disturbed(self, key: str) -> bool:
        before = await self._world.snapshot()
        if not await wait_for(self.rig.disturb(key, self.driver.have[key].value)):
            return False
        if await self._world.snapshot() == before:
            raise ValueError(f"what the rig's disturb() did to {key} is not in its snapshot()")
        return True

    # What can be done next.

    def is_asynchronous(self) -> bool:
        """Tell whether there are calls that wait, and so can be cut short."""
        bindings = self.driver.registry.bindings.values()
        return any(
            inspect.iscoroutinefunction(call)
            for one in bindings
            for call in (one.create, one.update, one.delete)
        )

    def is_watching(self) -> bool:
        """Tell whether there are descriptors that watch."""
        return any(one.watch is not None for one in self.driver.registry.bindings.values())

    def visible(self) -> list[str]:
        """Return what stands beside the ground and can be retrieved."""
        own = (key for key, unit in self.driver.have.items() if not unit.is_fact)
        return sorted(
            key
            for key in own
            if key not in self._ground and self.driver.binding(key).retrieve is not None
        )

    def standing(self) -> list[str]:
        """Return what is wanted beside the ground."""
        return sorted(key for key in self.driver.wanted if key not in self._ground)

    def changeable(self) -> list[str]:
        """Return what is wanted and has been drawn with other values."""
        return [key for key in self.standing() if self.others(key)]

    def others(self, key: str) -> list[Any]:
        """Return the values with which a key has been drawn, less the one that is wanted."""
        wanted = self.driver.wanted[key]
        return [value for value in self.upkeep.meaning.values(key) if value != wanted]

    def may_meet(self) -> bool:
        """Tell whether a stranger may come: a second one would leave too little to be done."""
        return type(self.rig).stranger is not Rig.stranger and not self._looking.taken

    def created_last(self) -> list[str]:
        """Return what could have been created last: nothing but its own ring leans on it."""
        driver = self.driver
        rings = cycles(driver.have)
        own = (key for key, unit in driver.have.items() if not unit.is_fact)
        return sorted(
            key for key in own if key not in self._ground and driver.leaning(key) <= rings[key]
        )

    def updated_last(self) -> list[str]:
        """Return what could have been updated last."""
        leaves, have = set(self.created_last()), self.driver.have
        last = self.upkeep.updates.items()
        return sorted(key for key, (_, new, _) in last if key in leaves and have[key].value == new)

    def gone(self) -> list[str]:
        """Return what is gone and has its claims free."""
        held = {name for unit in self.driver.have.values() for name in names_of(unit)}
        held |= self._taken
        gone = self.driver.gone
        return sorted(key for key in gone if held.isdisjoint(names_of(gone[key][0])))

    # Inside.

    def _use_new_descriptors(self) -> None:
        made = self._family(self.rig)
        self.upkeep.use(made if isinstance(made, Sequence) else [made])

    def _may_want(self, key: str, value: Any) -> bool:
        binding = self.driver.registry.find(key)
        if binding is None:
            raise ValueError(f"values= draws the key {key!r}, which no descriptor selects")
        if not self.upkeep.meaning.is_valid(binding, key, value):
            self.lacking.add(f"{key} is refused by validate()")
            return False
        return key not in self._ground and not self.driver.clashes(key, value, self._taken)

    def _note_lacking(self, key: str, value: Any) -> None:
        unit = self.driver.rules.unit(key, value)
        needs = [need for need in unit.needs if need not in self.driver.have]
        needs += [one.label or str(one.prefixes) for one in unit.any_of]
        if not self.driver.binding(key).writable:
            self.lacking.add(f"the descriptor of {key} has no create()")
        elif needs:
            self.lacking.add(f"{key} needs {', '.join(needs)}")

    async def _look(self, law: Law = Law.LEFTOVERS, part: str = "") -> None:
        """Look at everything; ``law`` is broken if what is left of a part should not be there."""
        _, now = await self._looking.look()
        who = ", ".join(self.driver.registry.bindings)
        deleted = ", ".join(self.driver.gone) if law is Law.LEFTOVERS else part
        is_bare = self.driver.have.keys() == self._ground
        self._world.check(now, who, deleted, is_bare=is_bare, law=law)

    async def _update_needlessly(self) -> None:
        """Do the updates that were spared: nothing must come of them."""
        law = Law.EQUIVALENT
        for key, old, new in self.upkeep.spared:
            binding, unit = self.driver.binding(key), self.driver.have[key]
            if binding.update is not None:
                before = await self._world.snapshot()
                more = (self.driver.known.get(key),)
                answer = await self.upkeep.call(law, unit, "update", old, new, more=more)
                self.upkeep.learn(key, answer)
                await self._world.check_same(before, law, binding.name, key, old=old, new=new)

    async def _collide(self, unit: Unit, world: Snapshot) -> None:
        """Create what is another's already, look, and delete it again."""
        law, binding = Law.STRANGERS, self.driver.binding(unit.key)
        metadata = None
        try:
            metadata = await self.driver.call(unit.key, "create", unit.value)
        except LawBroken:
            raise
        except Exception as error:  # noqa: BLE001 - to refuse is right, in whatever way
            binding.descriptor.is_retriable(error)
        await self._world.check_same(world, law, binding.name, unit.key, created=unit.value)
        await self._look()
        await self.upkeep.call(law, unit, "delete", unit.value, more=(metadata,))
        await self._world.check_same(world, law, binding.name, unit.key, deleted=unit.value)

    async def _resume(self, doubt: Mapping[str, Doubt], *, crashed: bool) -> None:
        """Do what the engine does after a crash, or a missed deadline: look, and go on."""
        units = {key: one.unit for key, one in doubt.items()}
        if crashed:
            beyond = await self.crash(units)
        else:
            beyond, _ = await self._looking.look(units)
        try:
            await self._mending.resume(doubt, beyond, crashed=crashed)
        finally:
            self.upkeep.anew = {}
