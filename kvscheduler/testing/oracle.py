# SPDX-License-Identifier: Apache-2.0
"""What ought to be: the set of values that law 1 demands, by the plainest code there is.

Nothing here is shared with the planner, and nothing here is fast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..descriptor import Descriptor
from ..errors import InvalidValue
from ..model import Depends, DependsOnAny

__all__ = ["ConflictExpected", "Oracle", "Rules", "Unit", "reasons", "standing"]

AnyDescriptor = Descriptor[Any, Any]


class ConflictExpected(Exception):
    """The change asks for one claim, or one key, twice: the engine has to refuse it."""

    def __init__(self, what: str, keys: Iterable[str]) -> None:
        self.what = what
        self.keys = tuple(keys)
        super().__init__(f"{what} by {', '.join(self.keys)}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A wanted value, its meaning spelled out; ``descriptor`` None makes it a fact."""

    key: str
    value: Any
    base: str | None = None
    needs: tuple[str, ...] = ()
    any_of: tuple[DependsOnAny, ...] = ()
    claims: tuple[str, ...] = ()
    descriptor: AnyDescriptor | None = None

    @property
    def is_fact(self) -> bool:
        """Tell whether the value is there whenever its base is, without an operation."""
        return self.descriptor is None

    def holds_on_to(self) -> tuple[str, ...]:
        """Return every key that must be present for this one, the base included."""
        return self.needs if self.base is None else (*self.needs, self.base)


class Rules:
    """What values mean, asked of the descriptors' pure methods."""

    def __init__(self, descriptors: Iterable[AnyDescriptor]) -> None:
        self.descriptors = list(descriptors)

    def descriptor_of(self, key: str) -> AnyDescriptor | None:
        """Return the descriptor with the longest prefix that fits."""
        fitting = [one for one in self.descriptors if one.selects(key)]
        return max(fitting, key=lambda one: len(one.key_prefix), default=None)

    def is_valid(self, key: str, value: object) -> bool:
        """Ask the descriptor; a value without one is valid."""
        descriptor = self.descriptor_of(key)
        if descriptor is None:
            return True
        try:
            descriptor.validate(key, value)
        except InvalidValue:
            return False
        return True

    def derived(self, key: str, value: object) -> list[tuple[str, Any]]:
        """Return what a base value derives."""
        descriptor = self.descriptor_of(key)
        return [] if descriptor is None else [tuple(one) for one in descriptor.derived(key, value)]

    def unit(self, key: str, value: object, base: str | None = None) -> Unit:
        """Spell out one value."""
        descriptor = self.descriptor_of(key)
        if descriptor is None:
            return Unit(key=key, value=value, base=base)
        dependencies = tuple(descriptor.dependencies(key, value))
        return Unit(
            key=key,
            value=value,
            base=base,
            needs=tuple(one.key for one in dependencies if isinstance(one, Depends)),
            any_of=tuple(one for one in dependencies if isinstance(one, DependsOnAny)),
            claims=tuple(descriptor.claims(key, value)),
            descriptor=descriptor,
        )

    def family(self, key: str, value: object) -> dict[str, Unit]:
        """Spell out a value that is present and all that it derives, valid or not."""
        units = {key: self.unit(key, value)}
        for name, item in self.derived(key, value):
            units[name] = self.unit(name, item, base=key)
        return units


def standing(
    units: Mapping[str, Unit], present: Iterable[str] = (), blocked: Iterable[str] = ()
) -> set[str]:
    """Return which units stand, by law 1, beside what is ``present`` in any case.

    Layer on layer: each is the largest set whose ``Depends`` are met in it or below it and
    whose any-of dependencies are met below it. ``blocked`` units cannot stand.
    """
    given, out = set(present), set(blocked)
    ground = {key for key in units if key in given}
    while True:
        layer = set(units) - out - ground
        while fallen := {key for key in layer if not _carried(units[key], given | ground, layer)}:
            layer -= fallen
        if not layer:
            return ground
        ground |= layer


def _carried(unit: Unit, below: set[str], beside: set[str]) -> bool:
    """Tell whether a unit stands on what is below it, with its like beside it."""
    return all(key in below or key in beside for key in unit.holds_on_to()) and all(
        any(one.matches(key) and key != unit.key for key in below) for one in unit.any_of
    )


def reasons(
    units: Mapping[str, Unit], stand: set[str], present: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return for each unit that does not stand the keys it misses, and ``any:`` + prefixes."""
    there = stand | set(present)
    found = {}
    for key in sorted(set(units) - stand):
        unit = units[key]
        missing = [name for name in unit.holds_on_to() if name not in there and name != key]
        missing += [
            f"any:{'|'.join(one.prefixes)}"
            for one in unit.any_of
            if not any(one.matches(name) and name != key for name in there)
        ]
        found[key] = tuple(missing)
    return found


class Oracle:
    """Follows the northbound through its changes and tells what law 1 makes of it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.wanted: dict[str, Any] = {}
        self.counted: dict[str, Any] = {}
        self._derived: dict[str, Any] = {}

    def copy(self) -> Oracle:
        """Return an oracle in the same state."""
        twin = Oracle(self.rules)
        twin.wanted, twin.counted = dict(self.wanted), dict(self.counted)
        twin._derived = dict(self._derived)
        return twin

    def change(self, changes: Mapping[str, Any | None]) -> None:
        """Take a transaction in; raise ``ConflictExpected``, and change nothing, if it clashes."""
        twin = self.copy()
        for key in sorted(changes):
            twin.put(key, changes[key])
        twin._refuse_keys_wanted_twice()  # noqa: SLF001 - its own kind
        units = twin.units()
        self._refuse_claims_held_twice(units)
        self.wanted, self.counted = twin.wanted, twin.counted
        self._derived = {key: unit.value for key, unit in units.items() if unit.base is not None}

    def reconsider(self) -> None:
        """Look at all values anew, as when a descriptor has come: they may not be valid now."""
        valid = self.rules.is_valid
        self.counted = {k: value for k, value in self.counted.items() if valid(k, value)}
        self._derived = {k: value for k, value in self._derived.items() if valid(k, value)}
        self.change({})

    def replace(self, values: Mapping[str, Any]) -> None:
        """Take a full or upstream resync in: what is not among the values is not wanted."""
        gone = {key: None for key in self.wanted if key not in values}
        self.change({**gone, **values})

    def units(self) -> dict[str, Unit]:
        """Return all that counts as wanted: an invalid value as its last valid predecessor."""
        units = {
            key: self.rules.unit(key, value)
            for key, value in sorted(self.counted.items())
            if self.rules.descriptor_of(key) is not None
        }
        for key, value in sorted(self.counted.items()):
            for name, item in self.rules.derived(key, value):
                valid = self.rules.is_valid(name, item)
                if valid or name in self._derived:
                    counts = item if valid else self._derived[name]
                    units[name] = self.rules.unit(name, counts, base=key)
        return units

    def invalid(self) -> set[str]:
        """Return the wanted keys, derived ones included, whose latest value is not valid."""
        bad = {key for key, value in self.wanted.items() if not self.rules.is_valid(key, value)}
        for key, value in self.counted.items():
            for name, item in self.rules.derived(key, value):
                if not self.rules.is_valid(name, item):
                    bad.add(name)
        return bad

    def unimplemented(self) -> set[str]:
        """Return the wanted keys that no descriptor serves."""
        return {key for key in self.wanted if self.rules.descriptor_of(key) is None}

    def stand(
        self, properties: Mapping[str, Any] | None = None, blocked: Iterable[str] = ()
    ) -> dict[str, Unit]:
        """Return the units that stand, facts included, given what others made."""
        units = self.units()
        return {key: units[key] for key in standing(units, self.given(properties), blocked)}

    def given(self, properties: Mapping[str, Any] | None = None) -> set[str]:
        """Return the keys that others made, with those that derive from them."""
        given = set()
        for key, value in (properties or {}).items():
            given |= set(self.rules.family(key, value))
        return given

    def configured(
        self, properties: Mapping[str, Any] | None = None, blocked: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return what the southbound must hold of ours, exactly."""
        stand = self.stand(properties, blocked)
        mine = (unit for unit in stand.values() if not unit.is_fact)
        return {unit.key: unit.value for unit in mine if unit.key not in (properties or {})}

    def put(self, key: str, value: object | None) -> None:
        """Take one value in, None to want it no longer; clashes are not looked for."""
        if value is None:
            self.wanted.pop(key, None)
            self.counted.pop(key, None)
            return
        self.wanted[key] = value
        if self.rules.is_valid(key, value):
            self.counted[key] = value

    def _refuse_keys_wanted_twice(self) -> None:
        owners = {key: key for key in self.wanted}
        for key, value in sorted(self.counted.items()):
            for name, _ in self.rules.derived(key, value):
                if name in owners:
                    raise ConflictExpected(name, (owners[name], key))
                owners[name] = key

    def _refuse_claims_held_twice(self, units: Mapping[str, Unit]) -> None:
        holders: dict[str, str] = {}
        for unit in _by_key(units):
            for claim in dict.fromkeys(unit.claims):
                if claim in holders:
                    raise ConflictExpected(claim, (holders[claim], unit.key))
                holders[claim] = unit.key


def _by_key(units: Mapping[str, Unit]) -> Iterator[Unit]:
    return (units[key] for key in sorted(units))
