# SPDX-License-Identifier: Apache-2.0
"""Creates, updates and deletes as an engine would, and blames what goes wrong on a law."""

from __future__ import annotations

import asyncio
import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...errors import describe
from ...planner.meaning import equivalent, must_recreate
from ..oracle import AnyDescriptor, Unit
from .broken import Law, LawBroken
from .driver import Driver
from .meaning import Meaning

__all__ = ["INTERRUPTED", "Doubt", "Upkeep"]

INTERRUPTED: Final[Mapping[str, Law]] = types.MappingProxyType(
    {
        "create": Law.INTERRUPTED,
        "update": Law.UPDATE_INTERRUPTED,
        "delete": Law.DELETE_INTERRUPTED,
    }
)
"""The law to blame where a method, cut short, has left what the next call cannot deal with."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A call that was cut short: what it was about, and what stood before with its metadata."""

    method: str
    unit: Unit
    before: Unit | None = None
    metadata: Any = None


class Upkeep:
    """Brings about what is wanted.

    ``last`` says of each key how it came to be as it is: the law to blame if it is not so, and
    what is expected. ``updates`` holds the last update of each key: old, new, metadata. What is
    in ``anew`` has been cut short before, and the law to blame is named there. ``spared`` are the
    updates that the last time needed none: key, old, new.
    """

    def __init__(self) -> None:
        self.driver = Driver()
        self.meaning = Meaning()
        self.last: dict[str, tuple[Law, str]] = {}
        self.updates: dict[str, tuple[Any, Any, Any]] = {}
        self.anew: dict[str, Law] = {}
        self.spared: list[tuple[str, Any, Any]] = []
        self.created = 0
        self._cut: tuple[str, int] | None = None
        self._doubt: dict[str, Doubt] = {}

    def use(self, descriptors: Sequence[AnyDescriptor]) -> None:
        """Go on with these descriptors: at first, and after each crash."""
        self.driver.use(descriptors)
        self.meaning.use(self.driver.registry)

    async def converge(self) -> None:
        """Bring about what can stand, in an order that keeps dependencies."""
        driver = self.driver
        self.spared = []
        target = driver.target()
        falling = driver.falling(target, self._to_recreate(target))
        while (key := driver.leaf(falling)) is not None:
            falling.discard(key)
            await self._delete(driver.have[key])
            if self._doubt:
                return
        while ready := driver.ready(target):
            steps = (self._bring(target[key]) for key in ready)
            outcomes = await asyncio.gather(*steps, return_exceptions=True)
            if self._doubt:
                return
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        assert driver.have.keys() == target.keys()
        driver.have.update(target)

    async def converge_cut_short(self, key: str, at: int) -> dict[str, Doubt]:
        """Do so until a call for a key waits for the at-th time, and cancel that.

        Returns what may stand or not, or be another: what was done along with it, and has failed,
        too. It is no more among what the driver has.
        """
        self._cut = (key, at)
        try:
            await self.converge()
        finally:
            self._cut = None
        doubt, self._doubt = self._doubt, {}
        return doubt

    def _to_recreate(self, target: Mapping[str, Unit]) -> list[str]:
        again = []
        for key, unit in self.driver.have.items():
            new = target.get(key)
            if new is None or unit.is_fact or unit.value == new.value:
                continue
            binding, known = self.driver.binding(key), self.driver.known.get(key)
            if equivalent(binding, key, unit.value, new.value):
                self.meaning.check_recreate(binding, key, unit.value, new.value, known)
            elif must_recreate(binding, key, unit.value, new.value, known):
                again.append(key)
        return again

    async def _bring(self, unit: Unit) -> None:
        """Make a value, or have it changed."""
        have = self.driver.have.get(unit.key)
        if unit.is_fact:
            pass
        elif have is None:
            await self._create(unit)
        elif equivalent(self.driver.binding(unit.key), unit.key, have.value, unit.value):
            expected = f"nothing to do, since it is equivalent to {have.value!r}, which stood"
            self.last[unit.key] = (Law.EQUIVALENT, expected)
            self.spared.append((unit.key, have.value, unit.value))
        else:
            await self._update(unit, have)
        if unit.key not in self._doubt:
            self.driver.have[unit.key] = unit

    async def _create(self, unit: Unit) -> None:
        law = self.anew.get(unit.key, Law.CREATE)
        done, metadata = await self._try(Doubt(method="create", unit=unit), law, unit.value)
        if done:
            self.created += 1
            self.driver.known[unit.key] = metadata
            self.driver.gone.pop(unit.key, None)
            law = self.anew.get(unit.key, Law.ROUND_TRIP)
            self.last[unit.key] = (law, "what create() was given")

    async def _update(self, unit: Unit, have: Unit) -> None:
        old, metadata = have.value, self.driver.known.get(unit.key)
        law = self.anew.get(unit.key, Law.UPDATE)
        doubt = Doubt(method="update", unit=unit, before=have, metadata=metadata)
        done, answer = await self._try(doubt, law, old, unit.value, more=(metadata,))
        if done:
            self.learn(unit.key, answer)
            self.updates[unit.key] = (old, unit.value, metadata)
            self.last[unit.key] = (law, f"the new value: it was updated from {old!r}")

    async def _try(
        self, doubt: Doubt, law: Law, *values: Any, more: Sequence[Any] = ()
    ) -> tuple[bool, Any]:
        """Call, and return whether it was done, and the answer; it may be cut short."""
        key = doubt.unit.key
        cut_at = self._cut[1] if self._cut is not None and self._cut[0] == key else 0
        try:
            call = self.call(law, doubt.unit, doubt.method, *values, more=more, cut_at=cut_at)
            return True, await call
        except asyncio.CancelledError:
            if not cut_at:
                raise
        except LawBroken as broken:
            # What has failed along with one that was cut short is in doubt as well.
            is_alone = doubt.method == "delete" and not cut_at
            if self._cut is None or is_alone or broken.law is not law:
                raise
        self._doubt[key] = doubt
        self.lose(key)
        return False, None

    def lose(self, key: str) -> None:
        """Forget a value that stood, perhaps."""
        self.driver.have.pop(key, None)
        self.driver.known.pop(key, None)
        self.updates.pop(key, None)

    def learn(self, key: str, answer: Any) -> None:
        """Take over the metadata that an update returned, if it did."""
        if answer is not None:
            self.driver.known[key] = answer

    async def _delete(self, unit: Unit) -> None:
        metadata = self.driver.known.get(unit.key)
        if not unit.is_fact:
            law = self.anew.get(unit.key, Law.DELETE)
            doubt = Doubt(method="delete", unit=unit, before=unit, metadata=metadata)
            done, _ = await self._try(doubt, law, unit.value, more=(metadata,))
            if not done:
                return
            self.driver.gone[unit.key] = (unit, metadata)
        self.lose(unit.key)

    async def call(
        self,
        law: Law,
        unit: Unit,
        method: str,
        *values: Any,
        more: Sequence[Any] = (),
        cut_at: int = 0,
    ) -> Any:
        """Call a descriptor, which must succeed by that law."""
        try:
            return await self.driver.call(unit.key, method, *values, more=more, cut_at=cut_at)
        except LawBroken:
            raise
        except Exception as error:
            name = self.driver.binding(unit.key).name
            found = f"it raised {type(error).__name__}: {describe(error)}"
            said = (
                {"value": values[-1]} if len(values) == 1 else {"old": values[0], "new": values[1]}
            )
            expected = f"{method}() succeeds"
            raise LawBroken(law, name, unit.key, expected, found, **said) from error
