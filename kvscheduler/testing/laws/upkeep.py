# SPDX-License-Identifier: Apache-2.0
"""Creates, updates and deletes as an engine would, and blames what goes wrong on a law."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import describe
from ...planner.meaning import equivalent, must_recreate
from ..oracle import AnyDescriptor, Unit
from .broken import Law, LawBroken
from .driver import Driver
from .meaning import Meaning

__all__ = ["Upkeep"]


class Upkeep:
    """Brings about what is wanted.

    ``last`` says of each key how it came to be as it is: the law to blame if it is not so, and
    what is expected. ``updates`` holds the last update of each key: old, new, metadata. What is
    made ``anew`` has been cut short before. ``spared`` are the updates that the last time needed
    none: key, old, new.
    """

    def __init__(self) -> None:
        self.driver = Driver()
        self.meaning = Meaning()
        self.last: dict[str, tuple[Law, str]] = {}
        self.updates: dict[str, tuple[Any, Any, Any]] = {}
        self.anew: set[str] = set()
        self.spared: list[tuple[str, Any, Any]] = []
        self.created = 0
        self._cut: tuple[str, int] | None = None
        self._doubt: dict[str, Unit] = {}

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

    async def converge_cut_short(self, key: str, at: int) -> dict[str, Unit]:
        """Do so until the create of a key waits for the at-th time, and cancel that.

        Returns what may have been made or not: its companions in the same ring too.
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
            await self._update(unit, have.value)
        if unit.key not in self._doubt:
            self.driver.have[unit.key] = unit

    async def _create(self, unit: Unit) -> None:
        is_anew = unit.key in self.anew
        law = Law.INTERRUPTED if is_anew else Law.CREATE
        cut_at = self._cut[1] if self._cut is not None and self._cut[0] == unit.key else 0
        try:
            metadata = await self.call(law, unit, "create", unit.value, cut_at=cut_at)
        except asyncio.CancelledError:
            if not cut_at:
                raise
            self._doubt[unit.key] = unit
            return
        except LawBroken:
            # One that has failed with its companion, which was cut short, is in doubt as well.
            if self._cut is None or law is not Law.CREATE:
                raise
            self._doubt[unit.key] = unit
            return
        self.created += 1
        self.driver.known[unit.key] = metadata
        self.driver.gone.pop(unit.key, None)
        law = Law.INTERRUPTED if is_anew else Law.ROUND_TRIP
        self.last[unit.key] = (law, "what create() was given")

    async def _update(self, unit: Unit, old: Any) -> None:
        metadata = self.driver.known.get(unit.key)
        more = (metadata,)
        answer = await self.call(Law.UPDATE, unit, "update", old, unit.value, more=more)
        self.learn(unit.key, answer)
        self.updates[unit.key] = (old, unit.value, metadata)
        self.last[unit.key] = (Law.UPDATE, f"the new value: it was updated from {old!r}")

    def learn(self, key: str, answer: Any) -> None:
        """Take over the metadata that an update returned, if it did."""
        if answer is not None:
            self.driver.known[key] = answer

    async def _delete(self, unit: Unit) -> None:
        known = self.driver.known
        metadata = known.get(unit.key)
        if not unit.is_fact:
            await self.call(Law.DELETE, unit, "delete", unit.value, more=(metadata,))
            self.driver.gone[unit.key] = (unit, metadata)
        del self.driver.have[unit.key]
        known.pop(unit.key, None)
        self.updates.pop(unit.key, None)

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
