# SPDX-License-Identifier: Apache-2.0
"""What the oracle expects, worked out once for each thing that may be wanted."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

from kvscheduler import ValueState
from kvscheduler.testing import ConflictExpected, Item, Oracle, Rules
from tests.sim.universe import Universe, Wanted

__all__ = ["Edge", "Expectations", "Expected"]

# Tuples: an enum is dear to hash.
PENDING = (ValueState.PENDING, ValueState.MISSING)
UNWANTED = (ValueState.OBTAINED, ValueState.NONEXISTENT)  # an engine may not have looked yet
GONE = (ValueState.NONEXISTENT, ValueState.REMOVED)


class Expected:
    """What has to be where the northbound has come to want something."""

    def __init__(self, oracle: Oracle, universe: Universe) -> None:
        self.oracle = oracle
        self.wanted = dict(oracle.wanted)
        self.strangers = universe.strangers
        self.units = oracle.units()
        self.stand = oracle.stand(universe.strangers)
        self.loose = universe.loose
        self.lent = universe.lent
        # What the engine may not do: to make another's value anew.
        self.refused = {key for key in self.lent if key in self.wanted and self.wanted[key].shape}
        due: dict[str, Item] = oracle.configured(universe.strangers)
        self.due = {key: value.bare() for key, value in due.items()} if self.loose else due
        self.invalid = oracle.invalid()
        self.states = self._states()
        self.edges: dict[int, Edge | None] = {}

    def _states(self) -> dict[str, tuple[ValueState, ...]]:
        states: dict[str, tuple[ValueState, ...]] = {}
        for key, unit in self.units.items():
            if key in self.invalid:
                states[key] = (ValueState.INVALID,)
            elif key not in self.stand:
                # What was lost, and cannot come back yet, may be called either.
                states[key] = PENDING
            elif not unit.is_fact:
                states[key] = (ValueState.CONFIGURED,)
        for key in self.oracle.unimplemented():
            states[key] = (ValueState.UNIMPLEMENTED,)
        states.update(dict.fromkeys(self.lent, UNWANTED))
        states.update(dict.fromkeys(self.lent.keys() & self.wanted, (ValueState.CONFIGURED,)))
        states.update(dict.fromkeys(self.refused, (ValueState.FAILED,)))
        return states

    @functools.cached_property
    def borrowed(self) -> Wanted:
        """What is wanted, and others made: it has to be as it is wanted."""
        return {k: self.wanted[k] for k in self.lent if k in self.wanted and k not in self.refused}

    def is_same(self, oracle: Oracle) -> bool:
        """Tell whether an oracle has come to the very same."""
        return (
            self.oracle.counted == oracle.counted
            and self.wanted == oracle.wanted
            and {k: u.value for k, u in self.units.items()}
            == {k: u.value for k, u in oracle.units().items()}
        )


class Edge:
    """The way from one thing that is wanted to another.

    ``calls`` and the like are how much is done on it when nothing fails; None: not known yet.
    """

    def __init__(self, before: Expected, after: Expected, target: int) -> None:
        self.before, self.after, self.target = before, after, target
        self.changes = difference(before.wanted, after.wanted)
        # How often a key may be called for at the most, one round of failures after another.
        self.keys = len(before.units.keys() | after.units.keys())
        self.gone = [
            key
            for key in before.units.keys() - after.units.keys() - after.wanted.keys()
            if key not in before.strangers
        ]

    def __str__(self) -> str:
        return f"to target {self.target} by {self.changes}"

    def refused(self) -> bool:
        """Tell whether a transaction with ``revert`` is refused: it brings an invalid value."""
        named = set(self.changes)
        for value in self.changes.values():
            named |= {name for name, _ in value.derives} if value is not None else set()
        return bool(self.after.invalid & named or self.after.refused & self.changes.keys())

    def sets(self, keys: Iterable[str]) -> bool:
        """Tell whether the transaction sets all of these values, or what they derive from."""
        for key in keys:
            unit = self.after.units.get(key)
            base = None if unit is None else unit.base
            if self.changes.get(key) is None and self.changes.get(base or "") is None:
                return False
        return True

    def must_revert(self, key: str) -> bool:
        """Tell whether a failure on the key undoes the transaction, by the words of the law."""
        unit = self.after.units.get(key)
        based = unit is not None and unit.base in self.changes
        return key in self.changes or key in self.before.due or based


class Expectations:
    """Finds out what is expected, and remembers it."""

    def __init__(self, universe: Universe, rules: Rules) -> None:
        self.universe = universe
        self.nothing = Expected(Oracle(rules), universe)
        self._known: list[Expected] = [self.nothing]

    def edge(self, before: Expected, target: int) -> Edge | None:
        """Return the way to a target; None where it has to be refused, or leads nowhere."""
        if target not in before.edges:
            before.edges[target] = self._find(before, self.universe.targets[target], target)
        return before.edges[target]

    def _find(self, before: Expected, wanted: Wanted, target: int) -> Edge | None:
        if before.wanted == wanted:
            return None
        oracle = before.oracle.copy()
        try:
            oracle.change(difference(before.wanted, wanted))
        except ConflictExpected:
            return None
        after = next((one for one in self._known if one.is_same(oracle)), None)
        if after is None:
            after = Expected(oracle, self.universe)
            self._known.append(after)
        return Edge(before, after, target)


def difference(before: Wanted, after: Wanted) -> dict[str, Item | None]:
    """Return what has to be set and deleted to want the one after the other."""
    keys = sorted(before.keys() | after.keys())
    return {key: after.get(key) for key in keys if before.get(key) != after.get(key)}


def problems(
    said: Mapping[str, ValueState], states: Mapping[str, tuple[ValueState, ...]]
) -> Sequence[str]:
    """Return where what the engine says of its values is not what is expected."""
    return [
        f"{key} is {said[key].name}, not {' or '.join(sorted(s.name for s in due))}"
        for key, due in states.items()
        if said[key] not in due
    ]
