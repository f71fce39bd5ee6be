# SPDX-License-Identifier: Apache-2.0
"""Which table the routes over an interface belong in: the main one, or that of its VRF."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING

from ..netlink import codec
from . import link

if TYPE_CHECKING:
    from ..netlink.channel import Channel

__all__ = ["may_be_vrfs", "table_of", "tables"]

VRF = "vrf"

# linux/if_link.h
IFLA_VRF_TABLE = 1

# Since then the kernel has had a setting for VRFs where it has VRFs.
TELLS_SINCE = (5, 9)
SETTING = pathlib.Path("/proc/sys/net/vrf")


def may_be_vrfs() -> bool:
    """Tell whether there can be VRFs on this machine; most have none, and need not be asked."""
    release = os.uname().release.split("-")[0].split(".")
    return SETTING.exists() or tuple(map(int, release[:2])) < TELLS_SINCE


async def table_of(within: Channel, index: int) -> int:
    """Return the number of the table for routes over the interface with an index."""
    found = await link.find(within, index=index)
    if found is None or not found.master:
        return codec.RT_TABLE_MAIN
    master = await link.find(within, index=found.master)
    return _table(master) if master is not None else codec.RT_TABLE_MAIN


async def tables(within: Channel) -> dict[int, int]:
    """Return the tables for the interfaces of a namespace that are in a VRF, by their indexes."""
    links = {one.index: one for one in await link.dump(within)}
    masters = {index: links.get(one.master) for index, one in links.items()}
    found = {index: _table(master) for index, master in masters.items() if master is not None}
    return {index: table for index, table in found.items() if table != codec.RT_TABLE_MAIN}


def _table(master: codec.LinkRecord) -> int:
    if master.kind != VRF:
        return codec.RT_TABLE_MAIN
    return codec.to_number(master.options().get(IFLA_VRF_TABLE, b"")) or codec.RT_TABLE_MAIN
