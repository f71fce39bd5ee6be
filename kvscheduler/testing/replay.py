# SPDX-License-Identifier: Apache-2.0
"""Replays operations over what is present, and says at which moment laws 2 and 4 are broken."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from .oracle import Rules, Unit

__all__ = ["Graph", "Replay", "Step", "check_graph", "check_order", "cycles"]


class Step(Protocol):
    """What is read of an operation, be it planned or executed."""

    @property
    def kind(self) -> str:
        """Return "create", "update" or "delete"."""

    @property
    def key(self) -> str:
        """Return the key."""

    @property
    def new(self) -> Any:
        """Return the value that is to stand."""


class Graph(Protocol):
    """What is read of ``plan.graph``: which position must wait for which."""

    def predecessors(self, node: int) -> Iterable[int]:
        """Return the positions that must be done first."""


def cycles(units: Mapping[str, Unit]) -> dict[str, frozenset[str]]:
    """Return for each key the keys that it needs and that need it, itself included."""
    reach = {key: _reach(key, units) for key in units}
    return {
        key: frozenset({key} | {other for other in reach[key] if key in reach[other]})
        for key in units
    }


def _reach(start: str, units: Mapping[str, Unit]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for key in units[waiting.pop()].holds_on_to():
            if key in units and key not in seen:
                seen.add(key)
                waiting.append(key)
    return seen


class Replay:
    """Follows operations that start and end, knowing what is surely and what is perhaps there.

    ``before`` and ``after`` are the units that stand (facts too) before and after the whole;
    ``given`` are keys that others made. ``problems`` collects what is broken.
    """

    def __init__(
        self,
        rules: Rules,
        before: Mapping[str, Unit],
        after: Mapping[str, Unit],
        given: Iterable[str] = (),
    ) -> None:
        self.rules = rules
        self.given = set(given)
        self.before = {key: unit for key, unit in before.items() if not unit.is_fact}
        self.after = {key: unit for key, unit in after.items() if not unit.is_fact}
        self.old_cycles, self.new_cycles = cycles(before), cycles(after)
        self.possible: dict[str, list[Unit]] = {k: [unit] for k, unit in self.before.items()}
        self.sure = set(self.before)
        self.problems: list[str] = []
        self._touched: set[str] = set()
        self._created: set[str] = set()
        self._deletes_to_come: set[str] = set()

    def expect(self, steps: Iterable[Step]) -> None:
        """Announce the operations, so that a cycle under removal is known as such."""
        self._deletes_to_come |= {step.key for step in steps if step.kind == "delete"}

    def start(self, step: Step) -> None:
        """Begin an operation: from now on its effect may be there, or not."""
        {"create": self._start_create, "update": self._start_update}.get(
            step.kind, self._start_delete
        )(step)
        self._touched.add(step.key)
        self._look(f"at the start of {step.kind} {step.key}")

    def end(self, step: Step, *, effect: bool = True) -> None:
        """End an operation: now it is known what is there."""
        key = step.key
        if not effect:
            kept = self.possible.get(key, [])[:1] if step.kind != "create" else []
            self._settle(key, kept)
        elif step.kind == "delete":
            self._settle(key, [])
            self._deletes_to_come.discard(key)
        else:
            self._settle(key, self.possible.get(key, [])[-1:])
        self._look(f"at the end of {step.kind} {step.key}")

    def run(self, steps: Sequence[Step]) -> list[str]:
        """Replay operations one after another; return what is broken."""
        self.expect(steps)
        self._look("before the first operation")
        for step in steps:
            self.start(step)
            self.end(step)
        return self.problems

    def _settle(self, key: str, units: list[Unit]) -> None:
        if units:
            self.possible[key] = units
            self.sure.add(key)
        else:
            self.possible.pop(key, None)
            self.sure.discard(key)

    def _start_create(self, step: Step) -> None:
        if step.key in self.possible:
            self.problems.append(f"create {step.key}: it is there already")
        unit = self._coming(step)
        self._enter(step, unit, unit.holds_on_to(), joins=True)
        self.possible[step.key] = [unit]
        self._created.add(step.key)

    def _start_update(self, step: Step) -> None:
        if step.key not in self.sure:
            self.problems.append(f"update {step.key}: it is not there")
        unit = self._coming(step)
        had = {key for one in self.possible.get(step.key, []) for key in one.holds_on_to()}
        fresh = tuple(key for key in unit.holds_on_to() if key not in had)
        cycle = self.new_cycles.get(step.key, frozenset())
        self._enter(step, unit, fresh, joins=bool(cycle & set(fresh)))
        self.possible[step.key] = [*self.possible.get(step.key, []), unit]

    def _start_delete(self, step: Step) -> None:
        if step.key not in self.sure:
            self.problems.append(f"delete {step.key}: it is not there")
        self.sure.discard(step.key)

    def _coming(self, step: Step) -> Unit:
        known = self.after.get(step.key)
        if known is not None and known.value == step.new:
            return known
        old = self.before.get(step.key)
        base = known.base if known else (old.base if old else None)
        return self.rules.unit(step.key, step.new, base)

    def _enter(self, step: Step, unit: Unit, fresh: Sequence[str], *, joins: bool) -> None:
        """Check what only cycles ask for: that one is entered, or leant on, as one value."""
        own = self.new_cycles.get(step.key, frozenset({step.key}))
        if joins and len(own) > 1:
            for member in own:
                for lack in self._lacks_outside(member, own):
                    what = f"{step.kind} {step.key}: {member} of its cycle still lacks {lack}"
                    self.problems.append(what)
        for key in fresh:
            cycle = self.new_cycles.get(key, frozenset())
            if len(cycle) > 1 and step.key not in cycle and not self._is_whole(cycle):
                what = f"{step.kind} {step.key}: the cycle of {key} is not whole"
                self.problems.append(what)

    def _lacks_outside(self, member: str, cycle: frozenset[str]) -> list[str]:
        unit = self.after.get(member)
        if unit is None:  # a fact
            return []
        there = self._there()
        lacks = [key for key in unit.holds_on_to() if key not in cycle and key not in there]
        lacks += [
            str(one.prefixes)
            for one in unit.any_of
            if not any(one.matches(key) for key in there - cycle)
        ]
        return lacks

    def _is_whole(self, cycle: frozenset[str]) -> bool:
        """Tell whether a cycle stands: all members there, and needing each other."""
        members = [key for key in cycle if key in self.after]
        if not all(key in self.sure and len(self.possible[key]) == 1 for key in members):
            return False
        now = {key: self.possible[key][0] for key in self.sure if len(self.possible[key]) == 1}
        for key in list(now):
            for name, item in self.rules.derived(key, now[key].value):
                now.setdefault(name, self.rules.unit(name, item, base=key))
        return cycle <= cycles(now).get(members[0], frozenset())

    def _facts(self) -> set[str]:
        """Return the facts that are there whatever becomes of operations under way."""
        facts = set()
        for key in self.sure:
            each = [
                {
                    name
                    for name, _ in self.rules.derived(key, unit.value)
                    if self.rules.descriptor_of(name) is None
                }
                for unit in self.possible[key]
            ]
            facts |= set.intersection(*each)
        return facts

    def _there(self) -> set[str]:
        return self.sure | self._facts() | self.given

    def _look(self, moment: str) -> None:
        there = self._there()
        for key in sorted(set(self.possible) - self.given):
            for unit in self.possible[key]:
                for need in unit.holds_on_to():
                    if need not in there and not self._is_excused(unit, need):
                        self.problems.append(f"{moment}: {key} stands without {need}")
                for one in unit.any_of:
                    if not any(one.matches(name) and name != key for name in there):
                        self.problems.append(f"{moment}: {key} stands without any {one.prefixes}")
        self._look_at_claims(moment)

    def _look_at_claims(self, moment: str) -> None:
        holders: dict[str, set[str]] = {}
        for key, units in self.possible.items():
            for unit in units:
                for claim in unit.claims:
                    holders.setdefault(claim, set()).add(key)
        for claim, keys in sorted(holders.items()):
            if len(keys) > 1:
                self.problems.append(f"{moment}: {claim} is held by {sorted(keys)}")

    def _is_excused(self, unit: Unit, need: str) -> bool:
        """Tell whether the missing need is a cycle mate that comes, or goes, with the unit."""
        key = unit.key
        if need == unit.base and self._handed_over(unit):
            return True
        comes = (
            key in self._touched
            and self.after.get(key) == unit
            and need in self.new_cycles.get(key, frozenset())
        )
        mates = self.old_cycles.get(key, frozenset())
        goes = (
            self.before.get(key) == unit
            and need in mates
            and key in self._deletes_to_come
            and not mates & self._created
        )
        return comes or goes

    def _handed_over(self, unit: Unit) -> bool:
        """Tell whether a derived value that stays as it is has its other base by now."""
        old, new = self.before.get(unit.key), self.after.get(unit.key)
        if old is None or new is None or old.value != new.value:
            return False
        return new.base in self.sure or old.base in self.sure


def check_order(
    rules: Rules,
    steps: Sequence[Step],
    before: Mapping[str, Unit],
    after: Mapping[str, Unit],
    given: Iterable[str] = (),
) -> list[str]:
    """Replay operations in the given order; return what they break."""
    return Replay(rules, before, after, given).run(steps)


def check_graph(
    rules: Rules,
    steps: Sequence[Step],
    graph: Graph,
    before: Mapping[str, Unit],
    after: Mapping[str, Unit],
    *,
    given: Iterable[str] = (),
    rng: random.Random,
    samples: int = 5,
) -> list[str]:
    """Run the graph as an executor may, at random, operations overlapping; return what breaks."""
    waits = {at: set(graph.predecessors(at)) for at in range(len(steps))}
    for _ in range(samples):
        replay = Replay(rules, before, after, given)
        replay.expect(steps)
        problems = _race(replay, steps, waits, rng)
        if problems:
            return problems
    return []


def _race(
    replay: Replay, steps: Sequence[Step], waits: Mapping[int, set[int]], rng: random.Random
) -> list[str]:
    idle, running, done = set(waits), set[int](), set[int]()
    trace: list[str] = []
    while idle or running:
        ready = sorted(at for at in idle if waits[at] <= done)
        if not ready and not running:
            return [*trace, f"the graph has a ring among {sorted(idle)}"]
        if ready and (not running or rng.random() < 0.5):  # noqa: PLR2004 - even odds
            at = rng.choice(ready)
            idle.discard(at)
            running.add(at)
            replay.start(steps[at])
            trace.append(f"start {steps[at].kind} {steps[at].key}")
        else:
            at = rng.choice(sorted(running))
            running.discard(at)
            done.add(at)
            replay.end(steps[at])
            trace.append(f"end {steps[at].kind} {steps[at].key}")
        if replay.problems:
            return [*replay.problems, f"after: {', '.join(trace)}"]
    return []
