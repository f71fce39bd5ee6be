# SPDX-License-Identifier: Apache-2.0
"""A thousand changes a second: each one is carried out, once, and memory stays as it is.

KVS_ETCD_SECONDS says for how long.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import sys
import time

import pytest

from kvs_agent.etcd import Client
from tests.etcd.agent import Agent, agent, key, settled, value
from tests.etcd.following import client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Etcd

SECONDS = int(os.environ.get("KVS_ETCD_SECONDS", "3"))
RATE = 1000
AT_ONCE = 20
KEYS = 500
# The engine keeps its last 1,000 transactions; before that memory has a reason to grow.
WARM_UP = 2000
# Blocks of Python's allocator, of which it holds some 200,000 here: what a moment holds or not.
GROWTH_BLOCKS = 4000


def _open_files() -> int:
    return len(list(pathlib.Path("/proc/self/fd").iterdir()))


class Load:
    """Changes one key after another, at a rate, and counts what has reached the southbound."""

    def __init__(self, near: Client, made: Agent) -> None:
        self._near = near
        self._made = made
        self.sent = 0
        self.carried_out = 0

    async def send(self, count: int) -> None:
        """Send so many changes, and wait until they are carried out."""
        started = time.monotonic()
        for first in range(0, count, AT_ONCE):
            puts = [self._put() for _ in range(AT_ONCE)]
            revisions = await asyncio.gather(*puts)
            self._count()
            await asyncio.sleep(started + (first + AT_ONCE) / RATE - time.monotonic())
        await self._made.applied(max(revisions))
        self._count()

    async def _put(self) -> int:
        self.sent += 1
        name = f"i{self.sent % KEYS}"
        return await self._near.put(key(name), value(name, mtu=1000 + self.sent))

    def _count(self) -> None:
        self.carried_out += len(self._made.southbound.calls)
        self._made.southbound.calls.clear()


def _held() -> tuple[int, int, int]:
    gc.collect()
    return sys.getallocatedblocks(), _open_files(), len(asyncio.all_tasks())


@pytest.mark.timeout(120 + 4 * SECONDS)
@pytest.mark.parametrize("trouble", [False, True])
def test_a_thousand_changes_a_second_are_carried_out_once_each(
    etcd: Etcd, *, trouble: bool
) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            agent(far, patience_s=100 + 4 * SECONDS) as made,
        ):
            load = Load(near, made)
            await load.send(WARM_UP)
            before = _held()
            for _ in range(SECONDS):
                if trouble:
                    proxy.cut()
                await load.send(RATE)
            await settled(near, **{f"i{number}": "CONFIGURED" for number in range(KEYS)})
            after = _held()

            told = f"{load.sent} changes: blocks, files, tasks {before} -> {after}"
            sys.stderr.write(f"{told}; {load.carried_out} carried out\n")
            assert load.carried_out == load.sent
            assert after[0] - before[0] <= GROWTH_BLOCKS, told
            assert after[1] <= before[1] + 1, told
            assert after[2] <= before[2] + 2, told
            mtus = {one.mtu - 1000 for one in made.southbound.held.values()}
            assert mtus == set(range(load.sent - KEYS + 1, load.sent + 1))

    asyncio.run(main())
