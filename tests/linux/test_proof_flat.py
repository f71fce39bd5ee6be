# SPDX-License-Identifier: Apache-2.0
"""Transaction after transaction on the real kernel: memory and open files stay as they are.

KVS_TRANSACTIONS says how many.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import sys
import tracemalloc

import pytest

from tests.linux.bench import Bench
from tests.linux.machine import Machine, have, in_own_network, loaded
from tests.linux.topologies import document, drafts_of, topology, varied

TRANSACTIONS = int(os.environ.get("KVS_TRANSACTIONS", "100"))
WARM_UP = 40
INTERFACES = 8
SEED = 3
# What caches may still take: some 40 bytes for each of 1,000 transactions.
GROWTH_BYTES = 40 << 10


def open_files() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.timeout(120 + TRANSACTIONS)
def test_memory_and_open_files_stay_flat_over_many_transactions(bench: Bench) -> None:
    in_own_network(lambda: to_and_fro(bench))


def to_and_fro(bench: Bench) -> None:
    machine = Machine(bench)
    drafts = drafts_of(SEED, INTERFACES)
    both = [
        loaded(document(topology(SEED, some, has_filters=False)))
        for some in (drafts, varied(SEED, drafts))
    ]

    async def scenario() -> None:
        async with machine.scheduler(history=WARM_UP // 2) as scheduler:

            async def change(count: int) -> None:
                for number in range(count):
                    (await have(scheduler, both[number % 2])).check()

            await change(WARM_UP)
            before, held = open_files(), await snapshot()
            await change(TRANSACTIONS)
            after, holds = open_files(), await snapshot()

            grown = holds.compare_to(held, "lineno")
            growth = sum(one.size_diff for one in grown)
            told = f"{TRANSACTIONS} transactions: {before} -> {after} files, {growth} bytes more"
            sys.stderr.write(f"{told}, {resident_bytes()} resident\n")
            assert after <= before, told
            assert growth <= GROWTH_BYTES, "\n".join([told, *map(str, grown[:5])])
            (await have(scheduler, {})).check()

    tracemalloc.start()
    try:
        machine.bench.run(scenario())
    finally:
        tracemalloc.stop()
        machine.clean()


async def snapshot() -> tracemalloc.Snapshot:
    """Return what Python holds, all of it that has not just been let go of."""
    await asyncio.sleep(0)
    gc.collect()
    # pathlib makes Python's one table of all names grow, at some moment, to twice its size.
    # What measures is not what is measured: coverage remembers each thread that there ever was.
    names = ("tracemalloc.py", "pathlib.py", "coverage/*")
    apart = [tracemalloc.Filter(False, f"*/{name}") for name in names]
    return tracemalloc.take_snapshot().filter_traces(apart)
