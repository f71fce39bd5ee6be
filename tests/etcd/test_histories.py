# SPDX-License-Identifier: Apache-2.0
"""Any history, with any trouble in it: what a watch has told is just that, once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvs_agent.etcd import Client, Compacted, delete_op, put_op
from tests.etcd.chronicle import Chronicle, Told
from tests.etcd.following import Follower, client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Etcd

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
KEYS = [b"/p/%d" % number for number in range(5)]
TROUBLE = ["cut", "away", "back", "compact", "compact-last", "kill", "wipe", "other"]
CHANGES = st.dictionaries(st.sampled_from(KEYS), st.booleans(), min_size=1)
STEPS = st.lists(st.one_of(CHANGES, CHANGES, st.sampled_from(TROUBLE)), max_size=30)


@pytest.fixture(scope="module")
def servers(installed: None) -> Iterator[Etcd]:
    with tempfile.TemporaryDirectory() as folder:
        server = Etcd(Path(folder) / "etcd")
        server.start()
        yield server
        server.kill()


class Story:
    """Does to etcd what the steps say, and writes it down."""

    def __init__(self, etcd: Etcd, near: Client, proxy: Proxy, follower: Follower) -> None:
        self._etcd = etcd
        self._near = near
        self._proxy = proxy
        self._follower = follower
        self.chronicle = Chronicle()
        self._revision = 0
        self._count = 0
        self._is_away = False

    async def step(self, step: Any) -> None:
        if isinstance(step, dict):
            await self.change(step)
        else:
            await getattr(self, "do_" + step.replace("-", "_"))()

    async def change(self, changes: dict[bytes, bool]) -> None:
        """Put (True) and delete keys in one transaction."""
        there = self.chronicle.present
        self._count += 1
        told: Told = {
            key: b"%d" % self._count if is_put else None
            for key, is_put in changes.items()
            if is_put or key in there
        }
        ops = [
            delete_op(key) if value is None else put_op(key, value) for key, value in told.items()
        ]
        if ops:
            self._revision = (await self._near.txn(ops)).header.revision
            self.chronicle.note(self._revision, told)

    async def do_other(self) -> None:
        """Have the store move on elsewhere."""
        self._revision = await self._near.put("/elsewhere", b"")

    async def do_cut(self) -> None:
        self._proxy.cut()

    async def do_away(self) -> None:
        self._proxy.stall()
        self._proxy.cut()
        self._is_away = True

    async def do_back(self) -> None:
        self._proxy.resume()
        self._is_away = False

    async def do_compact(self) -> None:
        await self._compact(self._revision)

    async def do_compact_last(self) -> None:
        await self._compact(self._revision - 1)

    async def _compact(self, revision: int) -> None:
        if not self._is_away:
            await self.told()  # what is just being caught up with is another test's
        if revision > 1:
            with contextlib.suppress(Compacted):
                await self._near.compact(revision)

    async def do_kill(self) -> None:
        await asyncio.to_thread(self._etcd.kill)
        await asyncio.to_thread(self._etcd.start)

    async def do_wipe(self) -> None:
        await self.told()
        await asyncio.to_thread(self._etcd.kill)
        self._etcd.wipe()
        await asyncio.to_thread(self._etcd.start)
        self.chronicle.begin_anew()
        self._revision = 1

    async def told(self) -> None:
        """Wait until the watch has told of all that stands."""
        if self._is_away:
            return
        while self._follower.values != self.chronicle.present or not self._follower.news:
            await self._follower.moved()


async def _play(etcd: Etcd, steps: Sequence[Any]) -> None:
    async with (
        client(etcd.endpoint) as near,
        Proxy(etcd.client_port) as proxy,
        client(proxy.endpoint, page=2) as far,
    ):
        await near.delete_prefix("/p/")
        async with Follower(far) as follower:
            story = Story(etcd, near, proxy, follower)
            for step in steps:
                await story.step(step)
            await story.do_back()
            await story.change({b"/p/last": True})
            await story.told()

        story.chronicle.check(follower.news)
        assert follower.values == {e.key: e.value for e in (await near.get_prefix("/p/")).entries}


@settings(max_examples=EXAMPLES)
@given(steps=STEPS)
def test_what_a_watch_tells_is_what_happened(servers: Etcd, steps: Sequence[Any]) -> None:
    asyncio.run(asyncio.wait_for(_play(servers, steps), 60))
