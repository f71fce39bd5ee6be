# SPDX-License-Identifier: Apache-2.0
"""Asks the kernel what there is: whole namespaces at once, or a few interfaces."""

from __future__ import annotations

import asyncio
import errno
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..kernel import NamespaceGone
from ..kernel.looking import Looked, look_into
from ..links import link
from ..links.link import Link

if TYPE_CHECKING:
    from kvscheduler import Retrieved

    from ..kernel import Kernel
    from ..netlink import codec
    from ..netlink.channel import Channel
    from .inventory import Inventory

__all__ = ["UNKNOWN", "Survey", "place_of"]

# For more interfaces than these, a namespace is dumped rather than asked after each.
FEW = 16

# Who asks after a namespace by a number that is no longer valid gets one of these.
UNKNOWN = frozenset({errno.ENODEV, errno.EINVAL, errno.ENOENT})


class Survey:
    """Finds links."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def look(
        self, asked: Sequence[Retrieved], also: Iterable[str] | None
    ) -> Looked[Sequence[codec.LinkRecord]]:
        """Return the links around interfaces; ``also`` None: of these interfaces only."""
        by_place: dict[str, list[Retrieved]] = defaultdict(list)
        for one in asked:
            by_place[place_of(one)].append(one)
        if also is None and len(asked) <= FEW:
            return await look_into(by_place, lambda name: self._few(name, by_place[name]))
        return await look_into({*by_place, *(also or ())}, self._all)

    async def _all(self, namespace: str) -> Sequence[codec.LinkRecord]:
        return await link.dump(await self._kernel.channel(namespace))

    async def _few(self, namespace: str, asked: Iterable[Retrieved]) -> Sequence[codec.LinkRecord]:
        within = await self._kernel.channel(namespace)
        found = [await _find(within, one) for one in asked]
        return [one for one in found if one is not None]

    async def resolve(self, inventory: Inventory) -> None:
        """Ask after what is not certain: of the links that are tied to one namespace, the first.

        What the kernel's number for that one stands for is known from then on.
        """
        groups: dict[tuple[str, int | None], list[codec.LinkRecord]] = defaultdict(list)
        for place, end in inventory.doubtful():
            groups[place, end.lower_netns_id].append(end)

        async def ask(place: str, ends: Iterable[codec.LinkRecord]) -> None:
            for end in ends:
                if not inventory.infer(place, end):
                    inventory.learn(place, end, await self._other_end(place, end))

        await asyncio.gather(*(ask(place, ends) for (place, _), ends in groups.items()))

    async def _other_end(self, namespace: str, found: codec.LinkRecord) -> str:
        """Return the alias of a link's other end, or of the one beneath it, wherever that is."""
        index = link.beneath(found)
        try:
            within = await self._kernel.channel(namespace)
            other = await link.find(
                within, index=index, netns_id=found.lower_netns_id, gone=UNKNOWN
            )
        except NamespaceGone:
            return ""
        return other.alias if other else ""


def place_of(one: Retrieved) -> str:
    """Return the namespace in which to look for an expected interface."""
    # What is known of where it is counts for more than where it is wanted.
    metadata = one.metadata
    return metadata.namespace if isinstance(metadata, Link) else link.namespace_of(one.value)


async def _find(within: Channel, one: Retrieved) -> codec.LinkRecord | None:
    """Return an expected link, by its index, or by its name where the index says nothing."""
    found = None
    if isinstance(one.metadata, Link):
        found = await link.find(within, index=one.metadata.index)
    return found or await link.find(within, name=link.host_name(one.value))
