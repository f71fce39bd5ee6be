# SPDX-License-Identifier: Apache-2.0
"""Rule chains: made, swapped as a whole, found again and removed, others' rules left alone."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection, Iterable, Sequence

from kvscheduler import Depends, Descriptor, InvalidValue, Retrieved
from ligato.linux.iptables.iptables_pb2 import RuleChain

from .. import keys, places, syscalls
from ..kernel import Kernel, NamespaceGone
from ..kernel.looking import look_into
from . import chain as chains
from .canon import Canon
from .chain import Chain
from .marks import Marks
from .probe import has_tables
from .reader import Reader, Sight
from .script import Scribe
from .together import Together
from .tool import Tool, ToolFailed, ToolMissing, locked

__all__ = ["RuleChainDescriptor"]

MAX_COMMENT_BYTES = 255
# Namespaces that are read at once: each takes two programs.
AT_ONCE = 8
TABLES = frozenset(name.lower() for name in RuleChain.Table.keys())  # noqa: SIM118 - no mapping


class RuleChainDescriptor(Descriptor[RuleChain, None]):
    """Rule chains, in one variant of iptables: "nft", "legacy", or "" for the host's choice.

    Rules for a built-in chain stand in a chain of our own, to which its first rule leads.
    """

    name = "linux-rule-chain"
    key_prefix = keys.RULE_CHAIN
    retrieve_after = ("linux-namespace",)

    def __init__(self, kernel: Kernel, variant: str = "") -> None:
        self._kernel = kernel
        self._tool = Tool(variant)
        self._marks = Marks(kernel.owner)
        self._scribe = Scribe(self._marks)
        self._together = Together(kernel, self._tool)
        self._reader = Reader(self._marks, Canon(self._tool))
        # The CUSTOM chains that plans were last made for, and by which key: a hint, which lets
        # rules jump to a chain that is made later in the same transaction.
        self._planned: dict[tuple[str, bool, str], dict[str, str]] = {}

    def validate(self, key: str, value: RuleChain) -> None:
        """Check all that can be told without asking iptables."""
        chains.check(key, value)
        longest = self._marks.of(self._wanted(value), policy="ACCEPT", before="ACCEPT")
        if len(self._marks.rule(longest)[-1]) > MAX_COMMENT_BYTES:
            raise InvalidValue("too long to be written into a comment, with its owner", ("name",))

    def _wanted(self, value: RuleChain) -> Chain:
        return chains.in_kernel(value, self._kernel.owner)

    def equivalent(self, key: str, old: RuleChain, new: RuleChain) -> bool:
        """Tell whether two values configure the same, whatever quotation marks they have."""
        return old == new or self._wanted(old) == self._wanted(new)

    def dependencies(self, key: str, value: RuleChain) -> Iterable[Depends]:
        """Need the namespace, and the interfaces that the rules speak of."""
        wanted = self._wanted(value)
        if not wanted.built_in:
            self._planned.setdefault(wanted.where, {})[wanted.chain] = key
        yield from places.needs(value.namespace)
        for name in dict.fromkeys(value.interfaces):
            yield Depends(keys.interface(name), f"interface-exists-{name}")

    def claims(self, key: str, value: RuleChain) -> Iterable[str]:
        """Hold the chain: two values for one built-in chain would leave open which goes first."""
        wanted = self._wanted(value)
        family = "ip6tables" if wanted.is_ipv6 else "iptables"
        yield f"{family}:{wanted.place}/{wanted.table}/{wanted.built_in or wanted.chain}"

    def requires_recreate(self, key: str, old: RuleChain, new: RuleChain, metadata: None) -> bool:
        """Take a new chain where it is to be elsewhere; rules and policy change in place."""
        there, here = self._wanted(old), self._wanted(new)
        return (there.where, there.chain, there.built_in) != (
            here.where,
            here.chain,
            here.built_in,
        )

    async def create(self, key: str, value: RuleChain) -> None:
        """Make the chain with all its rules, in one transaction; one of ours is brought up."""
        await self._put(value)

    async def update(self, key: str, old: RuleChain, new: RuleChain, metadata: None) -> None:
        """Swap all rules, in one transaction: no packet meets a part of them."""
        if self._wanted(old) != self._wanted(new):
            await self._put(new, is_known=True)

    async def _put(self, value: RuleChain, *, is_known: bool = False) -> None:
        wanted = self._wanted(value)
        coming = self._planned.get(wanted.where, ())
        put = functools.partial(self._scribe.put, wanted=wanted, coming=coming, is_known=is_known)
        await self._together.change(wanted, put)

    async def delete(self, key: str, value: RuleChain, metadata: None) -> None:
        """Remove the chain and what leads to it, and put the policy back; gone is a success."""
        wanted = self._wanted(value)
        planned = self._planned.get(wanted.where, {})
        if planned.get(wanted.chain) == key:
            del planned[wanted.chain]
        try:
            await self._together.change(
                wanted, functools.partial(self._scribe.take, wanted=wanted)
            )
        except NamespaceGone:
            return

    def is_retriable(self, error: Exception) -> bool:
        """Give up on what iptables does not understand, and where there is none."""
        if isinstance(error, ToolFailed):
            return not error.is_hopeless
        return not isinstance(error, ToolMissing)

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return our chains: one call of iptables-save for each namespace and family in use."""
        only = None if keys is None else set(keys)
        asked = [one for one in expected if only is None or one.key in only]
        here = {one.key: places.place_of(one.value.namespace) for one in asked}
        also: Collection[str] = {"", *self._kernel.marked} if only is None else ()
        room = asyncio.Semaphore(AT_ONCE)

        async def look(place: str) -> list[Sight]:
            async with room:
                return await self._look(place)

        looked = await look_into({*here.values(), *also}, look)
        sights = [sight for found in looked.found.values() for sight in found]
        values = await self._reader.values(sights, asked)
        unread = [key for key, place in here.items() if place in looked.failed]
        found = [one for one in values if only is None or one.key in only]
        return looked.answer(found, unread)

    async def _look(self, place: str) -> list[Sight]:
        within = await self._kernel.channel(place)
        async with locked(within.netns_fd) as held:
            families = await self._families(held)
            return [
                Sight(place=place, is_ipv6=is_ipv6, name=name, table=table)
                for is_ipv6 in sorted(families)
                for name, table in (await self._tool.save(held, is_ipv6=is_ipv6)).items()
                if name in TABLES
            ]

    async def _families(self, held: int) -> set[bool]:
        """Return of which families there may be rules; without iptables too there may be."""
        if self._tool.is_missing:
            both = [await _probe(held, is_legacy=is_legacy) for is_legacy in (False, True)]
            return set().union(*(found or () for found in both))
        found = await _probe(held, is_legacy=await self._tool.is_legacy(held))
        # Where the kernel does not know the variant, iptables has the words for it.
        return {False, True} if found is None else found


async def _probe(held: int, *, is_legacy: bool) -> set[bool] | None:
    probe = functools.partial(has_tables, held, is_legacy=is_legacy)
    try:
        return await syscalls.in_own_thread(probe)
    except OSError:
        return None
