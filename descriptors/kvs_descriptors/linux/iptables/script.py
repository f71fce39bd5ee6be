# SPDX-License-Identifier: Apache-2.0
"""What iptables-restore is told, so that one transaction makes or removes a chain of ours."""

from __future__ import annotations

import dataclasses
import errno
import shlex
from collections.abc import Collection, Iterator

from ..netlink.channel import Refused
from . import rules
from .chain import Chain
from .marks import Mark, Marks
from .ruleset import Table, rules_to

__all__ = ["Scribe", "Script"]


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """Lines for iptables-restore; ``first_rule`` is the number, from 1, of the wanted first."""

    lines: tuple[str, ...]
    first_rule: int = 0

    def text(self, table: str) -> str:
        """Return what iptables-restore reads."""
        return "\n".join([f"*{table}", *self.lines, "COMMIT", ""])


class Scribe:
    """Compares what a table holds with what is wanted; touches nothing of others'."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    def put(
        self, have: Table, wanted: Chain, coming: Collection[str] = (), *, is_known: bool = False
    ) -> Script:
        """Return what makes a chain, or puts it right; ``Refused`` where another's is in the way.

        ``coming`` are the names of chains that are to come. Where a rule jumps to one of these
        that is not there yet it is made, empty. ``is_known``: ours, though it may bear no mark.
        """
        mark = self._ours(have, wanted, is_known=is_known)
        there = have.chains.keys() | {wanted.chain}
        aimed = {target for rule in wanted.rules for target in rules.targets(rule)}
        policy, before = self._policy(have, wanted, mark)
        lines = [f":{wanted.chain} - [0:0]"]
        lines += [
            line for name in sorted(aimed & set(coming) - there) for line in self._hold(name)
        ]
        lines.append(
            _append(wanted.chain, self._marks.rule(self._marks.of(wanted, policy, before)))
        )
        first = len(lines) + 2  # the line with the table's name comes before all
        lines += [_append(wanted.chain, rule) for rule in wanted.rules]
        lines += self._set_policy(have, wanted, mark, policy)
        lines += self._lead(have, wanted)
        lines += self._tidy(have, wanted.chain, aimed)
        return Script(tuple(lines), first)

    def take(self, have: Table, wanted: Chain) -> Script:
        """Return what removes a chain of ours; nothing to do where there is none.

        Where a rule of another chain of ours still jumps to it, it is left behind empty, and
        removed with the last such rule.
        """
        mark = self._marks.find(have.rules(wanted.chain))
        if not self._is_ours(have, wanted, mark) or (mark and mark.is_placeholder):
            return Script(())
        lines = [f"-D {chain} {rule}" for chain, rule in self._jumps(have, wanted)]
        lines += self._put_back(have, wanted, mark)
        if self._is_needed(have, wanted):
            lines += self._hold(wanted.chain)
        else:
            lines += _remove(wanted.chain)
        lines += self._tidy(have, wanted.chain, ())
        return Script(tuple(lines))

    def marked(self, have: Table) -> Iterator[tuple[str, Mark]]:
        """Yield the chains of ours in a table, and what their marks tell; no placeholders."""
        for chain in have.chains:
            mark = self._marks.find(have.rules(chain))
            if mark is not None and not mark.is_placeholder:
                yield chain, mark

    def is_led_to(self, have: Table, wanted: Chain) -> bool:
        """Tell whether packets get to the chain: CUSTOM ones are led to by others' rules."""
        found = [chain for chain, _ in self._jumps(have, wanted)]
        return found == ([wanted.built_in] if wanted.built_in else [])

    def _ours(self, have: Table, wanted: Chain, *, is_known: bool) -> Mark | None:
        """Return the mark of the chain that is there, if any; ``Refused`` for another's."""
        mark = self._marks.find(have.rules(wanted.chain))
        if wanted.chain in have.chains and not self._is_ours(have, wanted, mark):
            if is_known and not have.rules(wanted.chain):
                return None  # flushed, mark and all
            text = f"another's chain has the name {wanted.chain} in table {wanted.table}"
            raise Refused(errno.EEXIST, text, f"rule chain {wanted.name}")
        return mark

    def _is_ours(self, have: Table, wanted: Chain, mark: Mark | None) -> bool:
        if mark is None:
            # A name that is made from the owner's and the chain's is a mark too.
            return bool(wanted.built_in) and wanted.chain in have.chains
        return mark.is_placeholder or mark.name == wanted.name

    def _jumps(self, have: Table, wanted: Chain) -> list[tuple[str, str]]:
        """Return where our rules lead to the chain: from which built-in one, in which words."""
        jump = list(self._marks.jump(wanted))
        ending = f" -j {wanted.chain}"
        return [
            (chain, rule)
            for chain in have.policies
            for rule in have.chains[chain]
            if rule.endswith(ending) and shlex.split(rule) == jump
        ]

    def _lead(self, have: Table, wanted: Chain) -> Iterator[str]:
        """Yield what makes just one rule lead to the chain: a new one stands first."""
        is_led = False
        for chain, rule in self._jumps(have, wanted):
            if chain == wanted.built_in and not is_led:
                is_led = True
            else:
                yield f"-D {chain} {rule}"
        if wanted.built_in and not is_led:
            yield f"-I {wanted.built_in} 1 {rules.written(self._marks.jump(wanted))}"

    def _policy(self, have: Table, wanted: Chain, mark: Mark | None) -> tuple[str, str]:
        """Return the policy to set, and the one to put back later."""
        if not wanted.policy:
            return "", ""
        if mark is not None and mark.policy:
            return wanted.policy, mark.before
        # Of a chain that somebody has flushed it is not known what was before.
        is_flushed = mark is None and wanted.chain in have.chains
        before = "ACCEPT" if is_flushed else have.policies.get(wanted.built_in, "ACCEPT")
        return wanted.policy, before

    def _set_policy(
        self, have: Table, wanted: Chain, mark: Mark | None, policy: str
    ) -> Iterator[str]:
        now = have.policies.get(wanted.built_in, "ACCEPT")
        # One that is no longer what we have set is another's by now.
        if not policy and mark is not None and mark.policy == now:
            policy = mark.before
        if policy and policy != now:
            yield f"-P {wanted.built_in} {policy}"

    def _put_back(self, have: Table, wanted: Chain, mark: Mark | None) -> Iterator[str]:
        # Without the mark it is not known what was before: the kernel's default will do.
        was, before = (mark.policy, mark.before) if mark else (wanted.policy, "ACCEPT")
        now = have.policies.get(wanted.built_in, "")
        if was and was == now != before:
            yield f"-P {wanted.built_in} {before}"

    def _hold(self, chain: str) -> list[str]:
        return [f":{chain} - [0:0]", _append(chain, self._marks.placeholder())]

    def _is_needed(self, have: Table, wanted: Chain) -> bool:
        """Tell whether our rules jump to the chain; ``Refused`` where others' do."""
        if not wanted.built_in:
            origins = rules_to(have.chains).get(wanted.chain, set()) - {wanted.chain}
            if any(self._marks.find(have.rules(chain)) is None for chain in origins):
                text = f"others' rules still jump to the chain {wanted.chain}"
                raise Refused(errno.EBUSY, text, f"rule chain {wanted.name}")
            return bool(origins)
        return False

    def _tidy(self, have: Table, changed: str, aimed: Collection[str]) -> Iterator[str]:
        """Yield what removes the placeholders that nothing jumps to once a chain has changed."""
        held = [
            chain
            for chain in have.chains
            if chain != changed
            and (mark := self._marks.find(have.rules(chain)))
            and mark.is_placeholder
        ]
        if not held:
            return
        rest = {name: there for name, there in have.chains.items() if name != changed}
        wanted = rules_to(rest).keys() | set(aimed)
        for chain in held:
            if chain not in wanted:
                yield from _remove(chain)


def _append(chain: str, rule: rules.Words) -> str:
    return f"-A {chain} {rules.written(rule)}"


def _remove(chain: str) -> list[str]:
    return [f"-F {chain}", f"-X {chain}"]
