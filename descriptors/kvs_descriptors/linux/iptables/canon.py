# SPDX-License-Identifier: Apache-2.0
"""What iptables makes of rules: asked of it, in a namespace that nobody else is in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Sequence

from .. import syscalls
from . import rules
from .chain import Chain
from .rules import Words
from .ruleset import Table
from .script import Script
from .tool import Tool

__all__ = ["Canon"]

# Rules whose forms are kept, some 500 bytes each.
CACHED_RULES = 50_000

Form = tuple[str, ...]
_Asked = tuple[bool, str, tuple[Words, ...]]


class Canon:
    """Knows in which words iptables-save tells of rules, whatever way they were written.

    A parser of one's own would have to know each extension of each version. So wanted rules are
    loaded once, into a namespace that is made for it, and read back.
    """

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._forms: dict[_Asked, Form | None] = {}

    async def learn(self, wanted: Sequence[tuple[Chain, Table]]) -> None:
        """Find out the forms of chains' rules, all at once; tables say what chains they see."""
        new = {
            asked: have for chain, have in wanted if (asked := _asked(chain)) not in self._forms
        }
        if not new:
            return
        self._make_room(sum(len(asked[2]) for asked in new))
        try:
            async with _scratch() as netns_fd:
                await self._ask(netns_fd, new)
        except PermissionError:
            self._forms.update(dict.fromkeys(new))

    def form(self, wanted: Chain) -> Form | None:
        """Return a chain's rules as iptables-save tells them; None where that is not known."""
        return self._forms.get(_asked(wanted))

    def _make_room(self, more: int) -> None:
        if sum(len(form or ()) for form in self._forms.values()) + more > CACHED_RULES:
            self._forms.clear()

    async def _ask(self, netns_fd: int, new: dict[_Asked, Table]) -> None:
        by_table: dict[tuple[bool, str], dict[_Asked, Table]] = {}
        for asked, have in new.items():
            by_table.setdefault(asked[:2], {})[asked] = have
        for group in by_table.values():
            if not await self._load(netns_fd, group):
                for asked, have in group.items():
                    if not await self._load(netns_fd, {asked: have}):
                        self._forms[asked] = None

    async def _load(self, netns_fd: int, group: dict[_Asked, Table]) -> bool:
        """Load and read back what is of one table; False where it cannot be loaded here."""
        is_ipv6, table, _ = next(iter(group))
        names = {f"~{number}": asked for number, asked in enumerate(group)}
        aimed = {
            target
            for asked, have in group.items()
            for rule in asked[2]
            for target in rules.targets(rule) & have.chains.keys() - have.policies.keys()
        }
        lines = [f":{name} - [0:0]" for name in (*sorted(aimed), *names)]
        for name, asked in names.items():
            lines += [f"-A {name} {rules.written(rule)}" for rule in asked[2]]
        script = Script(tuple(lines))
        try:
            await self._tool.restore(netns_fd, script, table=table, is_ipv6=is_ipv6, about=())
            saved = await self._tool.save(netns_fd, is_ipv6=is_ipv6, table=table)
        except OSError:
            return False
        there = saved.get(table, Table())
        self._forms |= {asked: tuple(there.rules(name)) for name, asked in names.items()}
        return True


def _asked(chain: Chain) -> _Asked:
    return chain.is_ipv6, chain.table, chain.rules


@contextlib.asynccontextmanager
async def _scratch() -> AsyncIterator[int]:
    """Make a namespace that is gone afterwards, with all that is in it."""

    def make() -> None:
        syscalls.unshare_network()
        made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    made: list[int] = []
    try:
        await syscalls.in_own_thread(make)
        yield made[0]
    finally:
        for fd in made:
            os.close(fd)
