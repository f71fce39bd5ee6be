# SPDX-License-Identifier: Apache-2.0
"""Deleting links together: for each deletion the kernel waits 20 ms for readers to be done.

One request can delete all links of a group. So the links that are to go at about the same time
are put into a group that nobody else knows, and deleted with one wait: 1,000 in 0.2 s, not 20.

A group is of one namespace, and the kernel waits for one group after the other. So those of each
namespace gather until it is their turn: of many namespaces each then takes few waits, not many.
"""

from __future__ import annotations

import asyncio
import secrets
import weakref
from typing import TYPE_CHECKING

from ..links import link
from ..netlink import channel, codec

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..netlink.channel import Channel

__all__ = ["Deleting"]

# After so many turns of the loop without another link to delete there is most likely none to
# come soon.
QUIET_TURNS = 3

Batch = dict[int, asyncio.Future[bool]]


class Deleting:
    """Deletes links; calls that are under way at once share a request."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        # A number that nobody chooses by accident, since all links in the group are deleted.
        self._group = 1 << 30 | secrets.randbits(30)
        self._gathering: weakref.WeakKeyDictionary[Channel, Batch] = weakref.WeakKeyDictionary()

    async def delete(self, within: Channel, index: int) -> None:
        """Delete a link; one that is gone is a success."""
        is_deleted = False
        while not is_deleted:
            batch = self._gathering.get(within)
            if batch is None:
                await self._lead(within, index)
                return
            mine = batch.setdefault(index, asyncio.get_running_loop().create_future())
            # Shielded, since two may wait for one link. False: who led has been cut short.
            is_deleted = await asyncio.shield(mine)

    async def _lead(self, within: Channel, index: int) -> None:
        batch: Batch = {index: asyncio.get_running_loop().create_future()}
        self._gathering[within] = batch
        is_deleted = False
        try:
            await _until_quiet(batch)
            async with self._kernel.deleting:
                # Who comes from now on is of the next batch.
                del self._gathering[within]
                await self._delete_all(within, list(batch))
            is_deleted = True
        finally:
            if self._gathering.get(within) is batch:
                del self._gathering[within]
            for waiting in batch.values():
                waiting.set_result(is_deleted)

    async def _delete_all(self, within: Channel, indexes: list[int]) -> None:
        if len(indexes) > 1 and await self._delete_group(within, indexes):
            return
        for index in indexes:
            await link.delete(within, index, f"interface {index}")

    async def _delete_group(self, within: Channel, indexes: list[int]) -> bool:
        """Delete links as a group; tell whether that was possible."""
        group = codec.number(codec.IFLA_GROUP, self._group)
        bodies = [codec.link_body([group], index=index) for index in indexes]
        what = "interfaces to delete"
        calls = (
            within.call(channel.RTM_NEWLINK, 0, body, what, tolerate=link.GONE) for body in bodies
        )
        await asyncio.gather(*calls)
        try:
            # A crash before this leaves the links in a group that means nothing any more.
            body = codec.link_body([group])
            await within.call(channel.RTM_DELLINK, 0, body, what, tolerate=link.GONE)
        except channel.Refused:
            # One that cannot be deleted keeps all of the group; alone it says so for itself.
            return False
        return True


async def _until_quiet(batch: Batch) -> None:
    size, quiet = len(batch), 0
    while quiet < QUIET_TURNS:
        await asyncio.sleep(0)
        quiet = quiet + 1 if len(batch) == size else 0
        size = len(batch)
