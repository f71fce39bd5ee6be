# SPDX-License-Identifier: Apache-2.0
"""Turns what iptables-save tells of our chains into values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from kvscheduler import Origin, Retrieved
from ligato.linux.iptables.iptables_pb2 import RuleChain

from .. import keys, places
from . import chain as chains
from . import rules
from .canon import Canon
from .chain import Chain
from .marks import Mark, Marks
from .ruleset import Table
from .script import Scribe

__all__ = ["Reader", "Sight"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One table of one namespace, as it was when we looked."""

    place: str
    is_ipv6: bool
    name: str
    table: Table

    @property
    def where(self) -> tuple[str, bool, str]:
        """Return what has chain names of its own."""
        return self.place, self.is_ipv6, self.name


# In the place of no rules: a chain that is wanted without any is not as it was, either.
UNMARKED = '-m comment --comment "the mark is gone"'


class Reader:
    """Knows, for each chain of ours that is there, which value would have made it."""

    def __init__(self, marks: Marks, canon: Canon) -> None:
        self._marks = marks
        self._scribe = Scribe(marks)
        self._canon = canon
        # What was there when it was first looked at, of rules that load only where they belong.
        self._first_seen: dict[Chain, Sequence[str]] = {}

    async def values(
        self, sights: Sequence[Sight], expected: Sequence[Retrieved]
    ) -> list[Retrieved]:
        """Return our chains in some tables, each under the key that it was wanted by."""
        tables = {sight.where: sight.table for sight in sights}
        wanted = {one.key: chains.in_kernel(one.value, self._marks.owner) for one in expected}
        here = {key: one for key, one in wanted.items() if one.where in tables}
        right = [one for one in here.values() if self._is_as_told(tables[one.where], one)]
        await self._canon.learn([(one, tables[one.where]) for one in right])
        found: dict[str, Retrieved] = {}
        for one in expected:
            want = here.get(one.key)
            if want is not None and self._is_there(tables[want.where], want):
                value = self._expected(tables[want.where], want, one.value)
                origin = self._origin(tables[want.where], want)
                found[one.key] = Retrieved(one.key, value, None, origin)
        taken = {(*here[key].where, here[key].chain) for key in found}
        for there in self._unexpected(sights, taken, found):
            found[there.key] = there
        return list(found.values())

    def _mark(self, have: Table, wanted: Chain) -> Mark | None:
        mark = self._marks.find(have.rules(wanted.chain))
        return mark if mark is not None and mark.name == wanted.name else None

    def _is_as_told(self, have: Table, wanted: Chain) -> bool:
        mark = self._mark(have, wanted)
        return mark is not None and mark.digest == rules.digest(wanted.rules)

    def _is_there(self, have: Table, wanted: Chain) -> bool:
        if wanted.chain not in have.chains:
            return False
        # Flushed by somebody, mark and all, or its name is the mark.
        may_be = bool(wanted.built_in) or not have.rules(wanted.chain)
        return may_be or self._mark(have, wanted) is not None

    def _origin(self, have: Table, wanted: Chain) -> Origin:
        is_ours = bool(wanted.built_in) or self._mark(have, wanted) is not None
        return Origin.NORTHBOUND if is_ours else Origin.UNKNOWN

    def _expected(self, have: Table, wanted: Chain, value: RuleChain) -> RuleChain:
        found = RuleChain()
        found.CopyFrom(value)
        if wanted.policy:
            found.default_policy = chains.policy_of(have.policies.get(wanted.built_in, ""))
        there = self._rules(have, wanted)
        if there is not None:
            del found.rules[:]
            found.rules.extend(there)
        mark = self._mark(have, wanted)
        if mark is not None and mark.policy and not wanted.policy:
            found.default_policy = chains.policy_of(mark.policy)
        return found

    def _rules(self, have: Table, wanted: Chain) -> Sequence[str] | None:
        """Return the rules that are there, None where they are those that are wanted."""
        if self._mark(have, wanted) is None or not self._scribe.is_led_to(have, wanted):
            # No packet gets to them, or they are not ours: as good as none. The same whatever was
            # expected, since that is what was found, the next time.
            return [UNMARKED]
        there = self._others(have, wanted.chain)
        if not self._is_as_told(have, wanted):
            return there
        form = self._canon.form(wanted)
        if form is None:
            form = tuple(self._first_seen.setdefault(wanted, there))
        return None if tuple(there) == form else there

    def _others(self, have: Table, chain: str) -> list[str]:
        """Return the rules of a chain less its mark, if that stands where it should."""
        there = list(have.rules(chain))
        return there[1:] if there and self._marks.read(there[0]) else there

    def _unexpected(
        self,
        sights: Iterable[Sight],
        taken: Iterable[tuple[str, bool, str, str]],
        found: Mapping[str, Retrieved],
    ) -> list[Retrieved]:
        more: dict[str, Retrieved] = {}
        taken = set(taken)
        for sight in sights:
            for chain, mark in self._scribe.marked(sight.table):
                if (*sight.where, chain) not in taken:
                    value = self._value(sight, chain, mark)
                    if keys.rule_chain(value.name) in {*found, *more}:
                        # The same value at two places: this one can only be deleted.
                        family = "ipv6" if sight.is_ipv6 else "ipv4"
                        value.name = f"{mark.name}~{family}~{sight.name}~{sight.place}"
                    key = keys.rule_chain(value.name)
                    more[key] = Retrieved(key, value, None, Origin.NORTHBOUND)
        return list(more.values())

    def _value(self, sight: Sight, chain: str, mark: Mark) -> RuleChain:
        value = RuleChain(
            name=mark.name,
            namespace=places.reference(sight.place),
            protocol=chains.protocol_of(is_ipv6=sight.is_ipv6),
            table=sight.name.upper(),
            chain_type=mark.built_in or "CUSTOM",
            chain_name="" if mark.built_in else chain,
        )
        wanted = chains.in_kernel(value, self._marks.owner)
        if self._scribe.is_led_to(sight.table, wanted):
            value.rules.extend(self._others(sight.table, chain))
        if mark.policy:
            value.default_policy = chains.policy_of(sight.table.policies.get(mark.built_in, ""))
        return value
