# SPDX-License-Identifier: Apache-2.0
"""How much links have sent and received, in any namespace, from the kernel's own table."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .. import syscalls
from ..kernel import Kernel
from ..links.link import Link

__all__ = ["Counters", "of_links"]

TABLE: Final = "/proc/thread-self/net/dev"
_HEADING_LINES: Final = 2
# Where the table has what is told of.
_COLUMNS: Final = {
    "rx_packets": 1,
    "tx_packets": 9,
    "rx_bytes": 0,
    "tx_bytes": 8,
    "rx_errors": 2,
    "tx_errors": 10,
    "rx_dropped": 3,
    "tx_dropped": 11,
}

Counters = dict[str, int]


async def of_links(kernel: Kernel, links: Mapping[str, Link]) -> dict[str, Counters]:
    """Return the counters of links by name; those that are not there any more are left out."""
    tables: dict[str, dict[str, Counters]] = {}
    for place in sorted({one.namespace for one in links.values()}):
        try:
            text = await syscalls.in_own_thread(functools.partial(_table, kernel, place))
        except OSError:
            continue
        tables[place] = _parsed(text)
    found = {
        name: tables.get(one.namespace, {}).get(one.host_if_name) for name, one in links.items()
    }
    return {name: counted for name, counted in found.items() if counted is not None}


def _table(kernel: Kernel, place: str) -> str:
    """Return the table of a namespace: only in a thread of one's own."""
    if place:
        opened = kernel.open(place)
        try:
            syscalls.enter(opened)
        finally:
            os.close(opened)
    return Path(TABLE).read_text(encoding="ascii", errors="replace")


def _parsed(text: str) -> dict[str, Counters]:
    found = {}
    for line in text.splitlines()[_HEADING_LINES:]:
        name, _, numbers = line.rpartition(":")
        columns = [int(one) for one in numbers.split()]
        found[name.strip()] = {what: columns[place] for what, place in _COLUMNS.items()}
    return found
