# SPDX-License-Identifier: Apache-2.0
"""Any history of etcd ends in a system that is as etcd says, with statuses that say so."""

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
from kvscheduler import ValueState
from tests.etcd.agent import INTERFACES, PREFIX, Agent, agent, key, published, value
from tests.etcd.following import client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Etcd

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "12"))
NAMES = ("a", "b", "c", "d")
# An interface by its name: deleted, standing alone, or waiting for another one.
CHANGES = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([None, "", *NAMES, "nobody"]), min_size=1
)
TROUBLE = ("cut", "stall", "resume", "compact", "kill", "wipe", "revoke")
STEPS = st.lists(st.one_of(CHANGES, CHANGES, st.sampled_from(TROUBLE)), max_size=20)


@pytest.fixture(scope="module")
def server(installed: None) -> Iterator[Etcd]:
    with tempfile.TemporaryDirectory() as folder:
        one = Etcd(Path(folder) / "etcd")
        one.start()
        yield one
        one.kill()


class Story:
    """Does to etcd what the steps say; ``wanted`` is what then stands there."""

    def __init__(self, etcd: Etcd, near: Client, proxy: Proxy) -> None:
        self._etcd = etcd
        self._near = near
        self._proxy = proxy
        self.wanted: dict[str, str] = {}
        self._count = 0

    async def step(self, step: Any) -> None:
        if isinstance(step, dict):
            await self.change(step)
        elif step in {"cut", "stall", "resume"}:
            getattr(self._proxy, step)()
        else:
            await getattr(self, f"do_{step}")()

    async def change(self, changes: dict[str, str | None]) -> None:
        ops = []
        for name, needed in changes.items():
            self._count += 1
            if needed is None:
                self.wanted.pop(name, None)
                ops.append(delete_op(key(name).encode()))
            else:
                self.wanted[name] = needed
                data = value(name, host_if_name=needed, mtu=1000 + self._count)
                ops.append(put_op(key(name).encode(), data))
        await self._near.txn(ops)

    async def do_compact(self) -> None:
        with contextlib.suppress(Compacted):
            await self._near.compact(await self._near.put("/elsewhere", b""))

    async def do_kill(self) -> None:
        await asyncio.to_thread(self._etcd.kill)
        await asyncio.to_thread(self._etcd.start)

    async def do_wipe(self) -> None:
        await asyncio.to_thread(self._etcd.kill)
        self._etcd.wipe()
        await asyncio.to_thread(self._etcd.start)
        self.wanted.clear()

    async def do_revoke(self) -> None:
        listing = await self._near.get_prefix(f"{PREFIX}config-status/")
        for lease in {entry.lease for entry in listing.entries}:
            await self._near.revoke(lease)


def _expected(wanted: dict[str, str]) -> dict[str, ValueState]:
    """Return the states: the largest set that is closed under what its members need."""
    standing = set(wanted)
    while left := {name for name in standing if wanted[name] and wanted[name] not in standing}:
        standing -= left
    return {
        name: ValueState.CONFIGURED if name in standing else ValueState.PENDING for name in wanted
    }


async def _agrees(made: Agent, near: Client, wanted: dict[str, str]) -> bool:
    expected = _expected(wanted)
    standing = [name for name, state in expected.items() if state is ValueState.CONFIGURED]
    if not made.holds(*standing):
        return False
    mtus = {name: made.southbound.held[INTERFACES + name].mtu for name in standing}
    there = {
        name: entry and f'"mtu": {mtus[name]}'.encode() in entry.value
        for name in standing
        for entry in [await near.get(key(name))]
    }
    statuses = {name: status.value.state for name, status in (await published(near)).items()}
    numbers = {name: _NUMBERS[state] for name, state in expected.items()}
    return all(there.values()) and statuses == numbers


_NUMBERS = {ValueState.CONFIGURED: 4, ValueState.PENDING: 7}


async def _play(etcd: Etcd, steps: Sequence[Any]) -> None:
    async with (
        client(etcd.endpoint) as near,
        Proxy(etcd.client_port) as proxy,
        client(proxy.endpoint, operation_timeout_s=1.0) as far,
    ):
        await near.delete_prefix(PREFIX)
        async with agent(far) as made:
            story = Story(etcd, near, proxy)
            for step in steps:
                await story.step(step)
            proxy.resume()
            await story.change({"a": ""})
            while not await _agrees(made, near, story.wanted):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)


@settings(max_examples=EXAMPLES)
@given(steps=STEPS)
def test_the_system_ends_as_etcd_says(server: Etcd, steps: Sequence[Any]) -> None:
    asyncio.run(_play(server, steps))
