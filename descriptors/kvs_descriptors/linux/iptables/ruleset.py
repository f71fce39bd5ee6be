# SPDX-License-Identifier: Apache-2.0
"""What iptables-save says: tables, chains, policies, and rules as they stand there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Table", "parse", "rules_to"]

_CHAIN = re.compile(r":(\S+) (\S+)")
_RULE = re.compile(r"(?:\[\d+:\d+\] )?-A (\S+)(?: (.*))?")
_JUMP = re.compile(r"(?:^| )-[jg] (\S+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table: the policy of each built-in chain, and the rules of all, in iptables' words."""

    policies: dict[str, str] = dataclasses.field(default_factory=dict)
    chains: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def rules(self, chain: str) -> Sequence[str]:
        """Return the rules of a chain, none where there is no such chain."""
        return self.chains.get(chain, ())

    def apply(self, lines: Iterable[str]) -> None:
        """Become what the table is after these lines of a script."""
        for line in lines:
            if line.startswith(":"):
                self.chains[line[1:].split()[0]] = []
                continue
            command, chain, *rest = line.split(" ", 2)
            rule = rest[0] if rest else ""
            if command == "-A":
                self.chains[chain].append(rule)
            elif command == "-I":
                self.chains.setdefault(chain, []).insert(0, rule.removeprefix("1 "))
            elif command == "-D":
                self.chains[chain].remove(rule)
            elif command == "-P":
                self.policies[chain] = rule
            elif command == "-F":
                self.chains[chain].clear()
            elif command == "-X":
                del self.chains[chain]


def parse(saved: str) -> dict[str, Table]:
    """Return the tables by name."""
    tables: dict[str, Table] = {}
    table = Table()
    for line in saved.splitlines():
        if line.startswith("*"):
            table = tables[line[1:]] = Table()
        elif chain := _CHAIN.match(line):
            table.chains[chain[1]] = []
            if chain[2] != "-":
                table.policies[chain[1]] = chain[2]
        elif rule := _RULE.fullmatch(line):
            table.chains.setdefault(rule[1], []).append(rule[2] or "")
    return tables


def rules_to(chains: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """Return, for each target, the chains that have a rule which leads there."""
    found: dict[str, set[str]] = {}
    for name, rules in chains.items():
        for rule in rules:
            for target in _JUMP.findall(rule):
                found.setdefault(target, set()).add(name)
    return found
