# SPDX-License-Identifier: Apache-2.0
"""Configuration in etcd reaches the engine, in its transactions; bad values fail alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from typing import Any

import pytest

from kvs_agent import models
from kvs_agent.etcd import Health, Unavailable, delete_op, put_op
from kvs_agent.keyspace import agent_prefix
from kvs_agent.orchestrator import Item, StoreError
from kvs_agent.sources.etcd import EtcdSource
from kvscheduler import Unreadable, ValueState
from tests.etcd.agent import INTERFACES, LABEL, PREFIX, agent, key, until, value
from tests.etcd.following import client
from tests.etcd.server import Etcd, free_ports


def test_what_is_there_is_taken_as_one_and_each_transaction_after_it_as_one(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            await one.txn([put_op(key(name).encode(), value(name)) for name in "abc"])
            await one.put("/vnf-agent/vpp2/config/other", b"another agent's")

            async with agent(one) as made:
                await made.source.until_synced()
                assert made.holds("a", "b", "c")
                before = len(made.scheduler.history)
                txn = await one.txn(
                    [
                        put_op(key("d").encode(), value("d")),
                        delete_op(key("a").encode()),
                        put_op(key("b").encode(), value("b", mtu=1500)),
                    ]
                )
                await made.applied(txn.header.revision)

                (result,) = made.scheduler.history[before:]
                assert len(result.operations) == 3
                assert result.description == f"etcd revision {txn.header.revision}"
                assert {made.state(name) for name in "bcd"} == {ValueState.CONFIGURED}
                assert made.state("a") is ValueState.NONEXISTENT

    asyncio.run(main())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"", "not JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"name": "bad", "nonsense": 1}', "nonsense"),
        (value("another"), "another"),
    ],
)
def test_a_value_that_cannot_be_read_costs_its_key_alone(etcd: Etcd, bad: bytes, why: str) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            ops = [put_op(key("bad").encode(), bad), put_op(key("good").encode(), value("good"))]
            await made.applied((await one.txn(ops)).header.revision)

            assert made.state("good") is ValueState.CONFIGURED
            assert made.state("bad") is ValueState.INVALID
            assert why in str(made.scheduler.status(INTERFACES + "bad").error)
            await made.applied(await one.put(key("bad"), value("bad")))
            assert made.state("bad") is ValueState.CONFIGURED

    asyncio.run(main())


def test_keys_that_are_no_text_or_of_no_model_harm_nobody(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(f"{PREFIX}config/".encode() + b"\xff\xfe", b"")
            await one.put(f"{PREFIX}config/vpp/v2/interfaces/loop", b"{}")
            await made.applied(await one.put(key("good"), value("good")))

            assert made.state("good") is ValueState.CONFIGURED
            for strange in ("config/vpp/v2/interfaces/loop", "config/\\xff\\xfe"):
                assert made.scheduler.status(strange).state is ValueState.UNIMPLEMENTED

    asyncio.run(main())


def test_etcd_may_come_after_the_agent_and_go_and_come_again(etcd: Etcd) -> None:
    told: list[Health] = []
    etcd.kill()

    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one, report=told.append) as made:
            await until(lambda: bool(told))
            assert not made.source.is_synced
            assert told[0].error

            etcd.start()
            await made.source.until_synced()
            await made.applied(await one.put(key("a"), value("a")))
            etcd.kill()
            await until(lambda: not made.source.health.connected)
            assert made.state("a") is ValueState.CONFIGURED
            etcd.start()
            await made.applied(await one.put(key("b"), value("b")))

            assert {made.state(name) for name in "ab"} == {ValueState.CONFIGURED}
            connected = [health.connected for health in told]
            assert connected[0] is False
            assert connected[-1] is True

    asyncio.run(main())


def test_without_a_delayed_start_an_etcd_that_is_down_is_an_error() -> None:
    async def main() -> None:
        async with client(f"127.0.0.1:{free_ports(1)[0]}") as one:
            source = EtcdSource(
                one, _Refusing(), models.decode, label=LABEL, allow_delayed_start=False
            )
            with pytest.raises(Unavailable):
                await source.run()

    asyncio.run(main())


def test_values_deleted_while_the_agent_could_not_see_are_deleted(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(key("a"), value("a"))
            await made.applied(await one.put(key("b"), value("b")))
            etcd.kill()
            etcd.wipe()
            etcd.start()

            await one.put(key("c"), value("c"))
            await until(lambda: made.holds("c"))

    asyncio.run(main())


class _Refusing:
    """A sink whose disk is full for a while."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.held: dict[str, object] = {}

    async def change(
        self, source: str, changes: Mapping[str, Item | None], *, description: str = ""
    ) -> None:
        self._fail()
        for name, item in changes.items():
            if item is None:
                self.held.pop(name, None)
            else:
                self.held[name] = item.value

    async def replace(
        self, source: str, items: Mapping[str, Item], *, description: str = ""
    ) -> None:
        self._fail()
        self.held = {name: item.value for name, item in items.items()}

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full") from sqlite3.OperationalError()


def test_what_a_sink_could_not_take_is_listed_until_it_can(etcd: Etcd) -> None:
    async def main() -> None:
        sink = _Refusing(failures=3)
        async with client(etcd.endpoint) as one, asyncio.TaskGroup() as tasks:
            source = EtcdSource(one, sink, lambda _key, data: data, label=LABEL)
            running = tasks.create_task(source.run())
            await source.until_synced()
            sink.failures = 2
            await one.put(f"{PREFIX}config/a", b"1")
            revision = await one.put(f"{PREFIX}config/b", b"2")
            await until(lambda: source.applied >= revision)

            assert sink.failures == 0
            assert sink.held == {"config/a": b"1", "config/b": b"2"}
            running.cancel()

    asyncio.run(main())


def test_a_decoder_that_raises_costs_its_key_alone(etcd: Etcd) -> None:
    def decode(_key: str, data: bytes) -> Any:
        if data == b"bad":
            raise ZeroDivisionError("of all things")
        return data

    async def main() -> None:
        sink = _Refusing()
        async with client(etcd.endpoint) as one, asyncio.TaskGroup() as tasks:
            await one.put(f"{PREFIX}config/a", b"bad")
            await one.put(f"{PREFIX}config/b", b"good")
            source = EtcdSource(one, sink, decode, label=LABEL)
            running = tasks.create_task(source.run())
            await source.until_synced()

            assert sink.held["config/b"] == b"good"
            assert sink.held["config/a"] == Unreadable("ZeroDivisionError: of all things")
            running.cancel()

    asyncio.run(main())


def test_ten_thousand_keys_reach_the_engine(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            names = [f"i{number}" for number in range(10_000)]
            for first in range(0, len(names), 100):
                part = names[first : first + 100]
                await one.txn([put_op(key(name).encode(), value(name)) for name in part])

            async with agent(one, patience_s=200) as made:
                await made.source.until_synced()

                assert len(made.southbound.held) == 10_000
                assert made.state("i9999") is ValueState.CONFIGURED

    asyncio.run(main())


@pytest.mark.parametrize("label", ["", "a/b", "a\nb", "\0"])
def test_a_label_that_is_no_step_of_a_path_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        agent_prefix(label)
