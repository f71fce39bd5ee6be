# SPDX-License-Identifier: Apache-2.0
"""Looks at the southbound through retrieve(), and compares with what ought to stand."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...errors import describe
from ...model import Origin, Retrieved
from ...planner.meaning import equivalent
from ...registry import Binding
from ..oracle import Unit
from .broken import Law, LawBroken
from .driver import Driver
from .world import Snapshot, World

__all__ = ["Looking"]


class Looking:
    """Checks what retrieve() tells, and that it changes nothing by telling.

    ``last`` says of each key how it came to be as it is: see ``Upkeep``. ``taken`` are the keys
    in whose places strangers stand.
    """

    def __init__(self, world: World, driver: Driver, last: Mapping[str, tuple[Law, str]]) -> None:
        self._world = world
        self._driver = driver
        self._last = last
        self.taken: set[str] = set()

    async def look(
        self, doubt: Mapping[str, Unit] | None = None, known: Mapping[str, Any] | None = None
    ) -> tuple[list[Retrieved], Snapshot]:
        """Check all that stands; return what of ours was found beyond it, and the world as it is.

        ``known`` is the metadata of before a crash. What is in ``doubt`` may stand or not.
        """
        remembered = dict(self._driver.known if known is None else known)
        doubtful = doubt or {}
        beyond: list[Retrieved] = []
        before = await self._world.snapshot()
        for binding in self._driver.retrieving():
            expected = self._expected(binding, doubtful)
            found = await self._retrieve(binding, expected, None)
            self._check_standing(binding, found, remembered, doubtful)
            self._note(found, remembered)
            beyond += self._beyond(binding, found, doubtful)
        if known is not None:
            self._keep_unretrieved(remembered)
        now = await self._world.check_same(before, Law.READ_ONLY, self._names())
        if doubt is None:
            self._refuse_beyond(beyond)
        return beyond, now

    async def ask(self, keys: Sequence[str]) -> None:
        """Check that asking after some keys gives what asking after everything gives."""
        before = await self._world.snapshot()
        for binding in self._driver.retrieving():
            asked = [key for key in keys if self._driver.binding(key) is binding]
            if not asked:
                continue
            expected = self._expected(binding, {})
            whole = await self._retrieve(binding, expected, None)
            narrow = [one for one in expected if one.key in asked]
            part = await self._retrieve(binding, narrow, asked)
            for key in asked:
                self._check_asked(binding, key, whole.get(key), part.get(key))
            await self._retrieve(binding, [], None)
        await self._world.check_same(before, Law.READ_ONLY, self._names())

    async def find(self) -> dict[str, Retrieved | None]:
        """Return what is found, or not, of all that stands and is not as it was made."""
        moved: dict[str, Retrieved | None] = {}
        for binding in self._driver.retrieving():
            found = await self._retrieve(binding, self._expected(binding, {}), None)
            for key, unit in self._driver.have.items():
                if unit.is_fact or self._driver.binding(key) is not binding:
                    continue
                one = found.get(key)
                if one is None or not equivalent(binding, key, one.value, unit.value):
                    moved[key] = one
        return moved

    def _expected(self, binding: Binding, doubt: Mapping[str, Unit]) -> list[Retrieved]:
        driver = self._driver
        units = {**doubt, **driver.have}
        return [
            Retrieved(unit.key, unit.value, driver.known.get(unit.key), Origin.NORTHBOUND)
            for unit in units.values()
            if not unit.is_fact and driver.binding(unit.key) is binding
        ]

    async def _retrieve(
        self, binding: Binding, expected: Sequence[Retrieved], keys: Sequence[str] | None
    ) -> dict[str, Retrieved]:
        ask = functools.partial(binding.descriptor.retrieve, expected, keys)
        try:
            found: Iterable[Any] = list(await self._driver.ask(binding, ask))
        except Exception as error:
            text = f"retrieve() raised {type(error).__name__}: {describe(error)}"
            raise _broken(binding, "", "an answer", text) from error
        values: dict[str, Retrieved] = {}
        for one in found:
            if not isinstance(one, Retrieved):
                raise _broken(binding, "", "Retrieved values", f"{one!r}")
            if self._driver.registry.find(one.key) is not binding:
                raise _broken(binding, one.key, "keys that the descriptor serves", f"{one!r}")
            if one.key in values:
                raise _broken(binding, one.key, "each key once", f"{values[one.key]!r}, {one!r}")
            values[one.key] = one
        return values

    def _check_standing(
        self,
        binding: Binding,
        found: Mapping[str, Retrieved],
        known: Mapping[str, Any],
        doubt: Collection[str],
    ) -> None:
        for key, unit in self._driver.have.items():
            if unit.is_fact or self._driver.binding(key) is not binding:
                continue
            one = found.get(key)
            if one is None:
                law, how = self._last[key]
                blamed = Law.RETRIEVE if law is Law.ROUND_TRIP else law
                text = "retrieve() does not find it"
                raise LawBroken(blamed, binding.name, key, how, text, value=unit.value)
            if one.origin is Origin.SOUTHBOUND:
                text = "retrieve() says that another has made it: Origin.SOUTHBOUND"
                raise _broken(binding, key, "what we created is ours", text)
            self._check_value(binding, unit, one, doubt)
            self._check_metadata(binding, key, one, known)

    def _check_value(
        self, binding: Binding, unit: Unit, one: Retrieved, doubt: Collection[str]
    ) -> None:
        driver = self._driver
        parts = driver.rules.derived(unit.key, unit.value)
        is_whole = all(name in driver.have and name not in doubt for name, _ in parts)
        if is_whole and not equivalent(binding, unit.key, one.value, unit.value):
            law, how = self._last[unit.key]
            text = f"retrieve() finds {one.value!r}, which equivalent() calls another"
            raise LawBroken(law, binding.name, unit.key, how, text, value=unit.value)

    def _check_metadata(
        self, binding: Binding, key: str, one: Retrieved, known: Mapping[str, Any]
    ) -> None:
        due = known.get(key)
        if one.metadata != due:
            expected = f"{due!r}, as create() or update() returned it"
            text = f"retrieve() tells {one.metadata!r}"
            raise LawBroken(Law.METADATA, binding.name, key, expected, text)

    def _note(self, found: Mapping[str, Retrieved], remembered: Mapping[str, Any]) -> None:
        """Take over the metadata at once: what is retrieved next may look it up."""
        for key, one in found.items():
            if key in self._driver.have and key in remembered:
                self._driver.known[key] = one.metadata

    def _keep_unretrieved(self, remembered: Mapping[str, Any]) -> None:
        for key, metadata in remembered.items():
            if self._driver.binding(key).retrieve is None:
                self._driver.known[key] = metadata

    def _beyond(
        self, binding: Binding, found: Mapping[str, Retrieved], doubt: Collection[str]
    ) -> list[Retrieved]:
        # Of what nobody has marked, the engine takes that for ours which it may have made.
        ours = [
            one
            for key, one in found.items()
            if key not in self._driver.have
            and (
                one.origin is Origin.NORTHBOUND or (one.origin is Origin.UNKNOWN and key in doubt)
            )
        ]
        for one in ours:
            if one.key in self.taken:
                text = "retrieve() says that it is ours: Origin.NORTHBOUND"
                raise LawBroken(
                    Law.STRANGERS, binding.name, one.key, "another's stays another's", text,
                    value=one.value,
                )  # fmt: skip
        return ours

    def _refuse_beyond(self, beyond: Sequence[Retrieved]) -> None:
        for one in beyond:
            binding = self._driver.binding(one.key)
            state = "deleted" if one.key in self._driver.gone else "never created"
            raise _broken(binding, one.key, f"nothing: it was {state}", f"{one!r}")

    def _check_asked(
        self, binding: Binding, key: str, whole: Retrieved | None, part: Retrieved | None
    ) -> None:
        same = (whole is None) is (part is None)
        if whole is not None and part is not None:
            same = (whole.metadata, whole.origin) == (part.metadata, part.origin)
            same = same and equivalent(binding, key, whole.value, part.value)
        if not same:
            raise LawBroken(
                Law.ASKED_KEYS, binding.name, key, f"{whole!r}, as without keys=", f"{part!r}"
            )

    def _names(self) -> str:
        return ", ".join(self._driver.registry.bindings)


def _broken(binding: Binding, key: str, expected: str, found: str) -> LawBroken:
    return LawBroken(Law.RETRIEVE, binding.name, key, expected, found)
