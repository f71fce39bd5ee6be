# SPDX-License-Identifier: Apache-2.0
"""What interfaces our own namespace has, whoever made them: properties that others wait for.

Only those that are up count; each with its addresses, and the VRF that it is in.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from kvscheduler import Descriptor, Origin, Retrieved, Southbound

from .. import keys
from ..kernel.looking import look_into
from ..links import link
from ..netlink import channel, codec
from ..netlink.ear import Ear, subscribe
from ..places import OWN
from ..watching.host import Restless
from .survey import FEW

if TYPE_CHECKING:
    from ..kernel import Kernel
    from ..netlink.channel import Channel

__all__ = ["HostInterfaceDescriptor"]

VRF = "vrf"
# The kernel's names have no slash, so what follows one is certain.
KEY = re.compile(re.escape(keys.HOST_INTERFACE) + r"[^/]+(/address/.+|/vrf-host-name/[^/]+)?")

# The keys of each interface that is up, by its index.
Shown = dict[int, frozenset[str]]


class HostInterfaceDescriptor(Descriptor[Empty, None]):
    """Interfaces of our own namespace, by their names in the kernel: never made here."""

    name = "linux-interface-watcher"
    key_prefix = keys.HOST_INTERFACE

    def __init__(self, kernel: Kernel, *, watch: bool = False) -> None:
        self._kernel = kernel
        self._is_watching = watch

    def attach(self, southbound: Southbound) -> None:
        """Learn whom to tell."""
        self._southbound = southbound

    def selects(self, key: str) -> bool:
        """Take just these keys: a logical name may be ``host-name``."""
        return KEY.fullmatch(key) is not None

    def why_absent(self, key: str) -> str:
        """Say what somebody has to see to who waits for an interface of others."""
        return "no interface of that name is up in our own network namespace"

    async def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return what there is now."""
        looked = await look_into([OWN], self._look)
        found = {key for shown in looked.found.values() for one in shown.values() for key in one}
        asked = found if keys is None else found.intersection(keys)
        told = [Retrieved(key, Empty(), None, Origin.SOUTHBOUND) for key in sorted(asked)]
        return looked.answer(told, [self.key_prefix])

    async def watch(self) -> None:
        """Tell of what comes and goes, if that is wanted."""
        if not self._is_watching:
            return
        restless = Restless()
        ear = Ear(subscribe(), restless.take, restless.lose)
        try:
            await self._follow(restless)
        finally:
            ear.close()

    async def _follow(self, restless: Restless) -> None:
        shown: Shown = {}
        indexes: Collection[int] | None = None
        while True:
            found = await self._look(OWN, indexes)
            before = _union([shown.pop(index, frozenset()) for index in indexes or list(shown)])
            shown.update(found)
            gone = before - _union(found.values())
            if gone:
                # A name may have come to another meanwhile.
                gone -= _union(shown.values())
            self._tell(_union(found.values()) - before, gone)
            indexes = await restless.moved(shown.keys())

    def _tell(self, new: Iterable[str], gone: Iterable[str]) -> None:
        changes: dict[str, Empty | None] = dict.fromkeys(sorted(gone))
        changes.update((key, Empty()) for key in sorted(new))
        if changes:
            self._southbound.notify(changes)

    async def _look(self, place: str, indexes: Collection[int] | None = None) -> Shown:
        within = await self._kernel.channel(place)
        if indexes is None or len(indexes) > FEW:
            links = await link.dump(within)
        else:
            asked = [await link.find(within, index=index) for index in indexes]
            links = [one for one in asked if one is not None]
        wanted = [one for one in links if one.is_up and (indexes is None or one.index in indexes)]
        addresses = await _addresses(within, [one.index for one in wanted])
        vrfs = {one.index: one.name for one in links if one.kind == VRF}
        return {
            one.index: frozenset(
                [
                    keys.host_interface(one.name),
                    *(keys.host_interface_address(one.name, text) for text in texts),
                    *await _vrf(within, one, vrfs),
                ]
            )
            for one in wanted
            for texts in (addresses[one.index],)
        }


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)


async def _addresses(within: Channel, indexes: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for index in indexes if len(indexes) <= FEW else (0,):
        body = codec.IFADDR.pack(0, 0, 0, 0, index)
        for answer in await within.dump(
            channel.RTM_GETADDR, body, "all addresses", tolerate=link.GONE
        ):
            owner, packed, length, _ = codec.decode_address(answer)
            found[owner].append(f"{ipaddress.ip_address(packed)}/{length}")
    return found


async def _vrf(within: Channel, found: codec.LinkRecord, vrfs: dict[int, str]) -> list[str]:
    if found.master_kind != VRF:
        return []
    name = vrfs.get(found.master)
    if name is None:
        master = await link.find(within, index=found.master)
        if master is None:
            return []
        name = vrfs[found.master] = master.name
    return [keys.host_interface_vrf(found.name, name)]
