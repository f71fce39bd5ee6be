# SPDX-License-Identifier: Apache-2.0
"""Statuses in etcd: what the predecessor's tools read there, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from kvs_agent.etcd import Client, delete_op, put_op
from kvs_agent.publishing.etcd import Limits
from ligato.kvscheduler import value_status_pb2 as pb
from tests.etcd.agent import INTERFACES, PREFIX, agent, key, settled, until, value
from tests.etcd.following import Follower, client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Etcd

STATUS = f"{PREFIX}config-status/linux/interfaces/v2/interface/"


def test_each_value_has_a_status_that_says_how_it_stands_and_why(etcd: Etcd) -> None:
    async def main() -> dict[str, pb.BaseValueStatus]:
        async with client(etcd.endpoint) as one, agent(one):
            await one.put(key("fine"), value("fine"))
            await one.put(key("waits"), value("waits", host_if_name="nobody"))
            await one.put(key("wrong"), value("wrong", mtu=1))
            await one.put(key("fails"), value("fails", mtu=2))
            await one.put(key("broken"), b"{")
            return await settled(
                one,
                fine="CONFIGURED",
                waits="PENDING",
                wrong="INVALID",
                fails="RETRYING",
                broken="INVALID",
            )

    found = asyncio.run(main())

    fine = found["fine"]
    assert fine.value.key == INTERFACES + "fine"
    assert fine.value.last_operation == pb.CREATE
    (up,) = fine.derived_values
    assert (up.key, up.state) == ("linux/interface/state/fine", pb.CONFIGURED)
    assert list(found["waits"].value.details) == ["needs-nobody"]
    wrong = found["wrong"].value
    assert (wrong.error, wrong.last_operation) == ("too small", pb.VALIDATE)
    assert list(wrong.details) == ["mtu"]
    assert found["fails"].value.error == "the southbound refuses"
    assert "not JSON" in found["broken"].value.error


def test_a_status_is_json_with_the_names_of_the_predecessor(etcd: Etcd) -> None:
    async def main() -> bytes:
        async with client(etcd.endpoint) as one, agent(one):
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED")
            entry = await one.get(STATUS + "a")
            assert entry is not None
            return entry.value

    status = json.loads(asyncio.run(main()))

    assert set(status) == {"value", "derivedValues"}
    expected = {"key": INTERFACES + "a", "state": "CONFIGURED", "lastOperation": "CREATE"}
    assert status["value"] == expected


def test_a_status_follows_its_value_and_goes_with_it(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(key("b"), value("b", host_if_name="a"))
            await settled(one, b="PENDING")
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED", b="CONFIGURED")
            await one.delete(key("a"))
            await settled(one, b="PENDING")
            await one.delete(key("b"))
            await settled(one)

            assert made.holds()

    asyncio.run(main())


def test_a_derived_value_that_changes_by_itself_is_told_with_its_base(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED")
            made.southbound.port.failed(INTERFACES + "a", RuntimeError("it fell over"))

            (status,) = (await settled(one, a="RETRYING")).values()

            assert status.value.error == "it fell over"

    asyncio.run(main())


def test_statuses_go_when_the_agent_goes_and_when_it_is_killed(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            async with agent(one):
                await one.put(key("a"), value("a"))
                await settled(one, a="CONFIGURED")
            await settled(one)

            async with client(etcd.endpoint) as theirs:
                with contextlib.suppress(BaseExceptionGroup):
                    async with agent(theirs):
                        await settled(one, a="CONFIGURED")
                        # As after kill -9: no goodbye can be said.
                        await theirs.close()
                        raise RuntimeError("killed")
            assert await one.get(STATUS + "a") is not None
            await settled(one)

    asyncio.run(main())


def test_what_an_earlier_life_has_left_is_removed(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            await one.put(STATUS + "gone", b"{}")
            await one.put(STATUS + "a", b"{}")
            await one.put(f"{PREFIX}config-status/".encode() + b"\xff", b"{}")
            await one.put(key("a"), value("a"))

            async with agent(one):
                await settled(one, a="CONFIGURED")

    asyncio.run(main())


def test_after_etcd_has_lost_the_lease_everything_is_put_anew(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one):
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED")
            before = await one.get(STATUS + "a")
            assert before is not None

            await one.revoke(before.lease)
            await settled(one, a="CONFIGURED")

            after = await one.get(STATUS + "a")
            assert after is not None
            assert after.lease not in {0, before.lease}

    asyncio.run(main())


def test_statuses_outlive_kill_9_and_an_emptied_etcd(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED")
            etcd.kill()
            await until(lambda: not made.source.health.connected)
            etcd.start()
            await one.put(key("b"), value("b"))
            await settled(one, a="CONFIGURED", b="CONFIGURED")

            etcd.kill()
            etcd.wipe()
            etcd.start()
            await one.put(key("c"), value("c"))
            await settled(one, c="CONFIGURED")

            assert made.publisher.health.connected
            assert made.holds("c")

    asyncio.run(main())


def test_an_agent_that_is_cut_off_loses_its_statuses_and_puts_them_anew(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint, operation_timeout_s=1.0) as far,
            agent(far) as made,
        ):
            await near.put(key("a"), value("a"))
            await settled(near, a="CONFIGURED")

            proxy.stall()
            await settled(near)
            await near.put(key("b"), value("b", host_if_name="a"))
            assert not made.publisher.health.connected
            proxy.resume()
            await settled(near, a="CONFIGURED", b="CONFIGURED")

            assert made.holds("a", "b")

    asyncio.run(main())


async def _flap(one: Client, rounds: int) -> int:
    """Make, change and delete a hundred values again and again; return the last revision."""
    for number in range(rounds):
        ops = [
            put_op(key(f"i{index}").encode(), value(f"i{index}", mtu=1000 + number % 2))
            for index in range(100)
        ]
        await one.txn(ops if number % 3 else [delete_op(op.request_put.key) for op in ops])
    return (await one.txn(ops)).header.revision


def test_many_changes_are_written_as_few_and_end_as_they_stand(etcd: Etcd) -> None:
    async def main() -> None:
        limits = Limits(ttl_s=2, pace_s=0.1, max_operations=60)
        async with (
            client(etcd.endpoint) as one,
            agent(one, limits) as made,
            Follower(one, f"{PREFIX}config-status/") as statuses,
        ):
            await made.applied(await _flap(one, 40))
            await until(lambda: not made.publisher._waiting)
            await settled(one, **{f"i{index}": "CONFIGURED" for index in range(100)})

            assert max(len(change.events) for change in statuses.changes) <= 60
            assert sum(len(change.events) for change in statuses.changes) < 40 * 100

    asyncio.run(main())


def test_a_server_that_takes_less_is_given_less(
    installed: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["--max-txn-ops", "20", "--max-request-bytes", "5000"]
    small = Etcd(tmp_path / "small", arguments=arguments)
    small.start()

    async def main() -> None:
        async with client(small.endpoint) as one, agent(one) as made:
            for number in range(100):
                await one.put(key(f"i{number}"), value(f"i{number}"))
            await settled(one, **{f"i{number}": "CONFIGURED" for number in range(100)})
            made.southbound.port.failed(INTERFACES + "i5", RuntimeError("x" * 10_000))
            await until(lambda: "i5 is not published" in caplog.text)
            await one.put(key("after"), value("after"))
            states = {f"i{number}": "CONFIGURED" for number in range(100)}

            await settled(one, **states, after="CONFIGURED")

    try:
        asyncio.run(main())
    finally:
        small.kill()


def test_a_status_that_is_too_long_is_shortened_and_others_are_not(etcd: Etcd) -> None:
    async def main() -> None:
        limits = Limits(ttl_s=2, pace_s=0.01, max_status_bytes=200)
        async with client(etcd.endpoint) as one, agent(one, limits) as made:
            await one.put(key("a"), value("a"))
            await one.put(key("b"), value("b"))
            await settled(one, a="CONFIGURED", b="CONFIGURED")
            made.southbound.port.failed(INTERFACES + "a", RuntimeError("x" * 1_000_000))

            found = await settled(one, a="RETRYING", b="CONFIGURED")

            assert found["a"].value.error == "x" * 25
            assert list(found["a"].value.details) == ["too long; without 1 derived values"]
            assert len(found["b"].derived_values) == 1

    asyncio.run(main())


def test_publishing_ends_with_the_engine(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, agent(one) as made:
            await one.put(key("a"), value("a"))
            await settled(one, a="CONFIGURED")
            await made.scheduler.close()
            await settled(one)

    asyncio.run(main())
