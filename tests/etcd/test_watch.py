# SPDX-License-Identifier: Apache-2.0
"""A watch against real etcd: what is there, then every transaction, over all that can happen."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from kvs_agent.etcd import Change, Client, Reason, Snapshot, delete_op, put_op
from tests.etcd.following import Follower, client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Cluster, Etcd, free_ports


async def _values(etcd: Client, prefix: str = "/p/") -> dict[bytes, bytes]:
    return {entry.key: entry.value for entry in (await etcd.get_prefix(prefix)).entries}


async def _put_until_taken(etcd: Client, key: str, value: bytes) -> int:
    """Put something of which it does not matter whether it is done twice."""
    while True:
        with contextlib.suppress(Exception):
            return await etcd.put(key, value)
        await asyncio.sleep(0.02)


def test_first_comes_what_is_there_then_each_transaction_as_one(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, one.watch("/p/") as watch:
            await one.put("/p/a", b"1")
            await one.put("/q/a", b"1")
            first = await anext(watch)

            txn = await one.txn([put_op(b"/p/b", b"2"), put_op(b"/q/b", b""), delete_op(b"/p/a")])
            second = await anext(watch)

            assert isinstance(first, Snapshot)
            assert first.reason is Reason.FIRST
            assert [entry.key for entry in first.entries] == [b"/p/a"]
            assert isinstance(second, Change)
            assert second.revision == txn.header.revision
            told = {key: entry and entry.value for key, entry in second.events}
            assert told == {b"/p/a": None, b"/p/b": b"2"}

    asyncio.run(main())


def test_a_transaction_too_large_for_one_response_comes_whole(
    installed: None, tmp_path: Path
) -> None:
    large = Etcd(tmp_path / "large", arguments=["--max-request-bytes", str(16 << 20)])
    large.start()

    async def main() -> None:
        async with client(large.endpoint) as one, one.watch("/p/") as watch:
            await anext(watch)
            small = [put_op(b"/p/%03d" % key, bytes(100_000)) for key in range(100)]
            reading = asyncio.create_task(anext(watch))
            await one.txn(small)

            change = await reading

            assert isinstance(change, Change)
            assert len(change.events) == 100

    try:
        asyncio.run(main())
    finally:
        large.kill()


def test_a_wait_that_is_cancelled_loses_nothing(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, one.watch("/p/") as watch:
            await anext(watch)
            revisions = []
            for number in range(30):
                waiting = asyncio.create_task(anext(watch))
                await asyncio.sleep(0.001 * (number % 7))
                waiting.cancel()
                revisions.append(await one.put("/p/a", b"%d" % number))
                await asyncio.gather(waiting, return_exceptions=True)

                told = [] if waiting.cancelled() else [waiting.result().revision]
                while not told or told[-1] < revisions[-1]:
                    told.append((await anext(watch)).revision)

                assert told == [revisions[-1]]

    asyncio.run(main())


def test_a_watch_begins_where_etcd_is_down_and_goes_on_once_it_is_up(etcd: Etcd) -> None:
    etcd.kill()

    async def main() -> None:
        async with client(etcd.endpoint) as one, Follower(one) as follower:
            await follower.until_error()
            assert not follower.watch.health.connected
            assert etcd.endpoint in follower.watch.health.error

            etcd.start()
            await follower.until(await one.put("/p/a", b"1"))

            await follower.until_connected()
            assert follower.values == {b"/p/a": b"1"}

    asyncio.run(main())


def test_kill_9_amid_writes_loses_and_doubles_nothing(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as writer,
            client(etcd.endpoint) as one,
            Follower(one) as follower,
        ):
            done = asyncio.Event()

            async def write() -> None:
                for number in range(1500):
                    with contextlib.suppress(Exception):
                        await writer.txn(
                            [
                                put_op(b"/p/%d" % (number % 50), b"%d" % number),
                                put_op(b"/p/twin-%d" % (number % 50), b"%d" % number),
                            ]
                        )
                done.set()

            async with asyncio.TaskGroup() as group:
                group.create_task(write())
                while not done.is_set():
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(etcd.kill)
                    await asyncio.to_thread(etcd.start)
            await follower.until(await _put_until_taken(writer, "/p/last", b""))

            assert follower.values == await _values(writer)
            assert follower.snapshots == [Reason.FIRST]
            _every_revision_came_once(follower)
            assert all(len(change.events) in {1, 2} for change in follower.changes)
            assert sum(len(change.events) == 1 for change in follower.changes) == 1

    asyncio.run(main())


def _every_revision_came_once(follower: Follower) -> None:
    """All writes were below the prefix: the revisions have no gap."""
    first, last = follower.revisions[0], follower.revisions[-1]
    assert follower.revisions == list(range(first, last + 1))


def test_a_partition_is_noticed_and_what_happened_meanwhile_comes_after(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            Follower(far) as follower,
        ):
            await follower.until(await near.put("/p/a", b"1"))
            await follower.until_connected()

            proxy.stall()
            for number in range(20):
                await near.put(f"/p/{number}", b"2")
            await follower.until_connected(connected=False)
            assert follower.watch.health.error
            proxy.resume()
            await follower.until(await near.delete("/p/a") and await near.put("/p/b", b"3"))

            assert follower.values == await _values(near)
            assert follower.snapshots == [Reason.FIRST]
            _every_revision_came_once(follower)

    asyncio.run(main())


def test_connections_that_are_cut_again_and_again_lose_nothing(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            Follower(far) as follower,
        ):
            for number in range(300):
                await near.put(f"/p/{number % 10}", b"%d" % number)
                if number % 20 == 0:
                    proxy.cut()
            await follower.until(await near.put("/p/last", b""))

            assert proxy.accepted > 2
            assert follower.values == await _values(near)
            assert follower.snapshots == [Reason.FIRST]
            _every_revision_came_once(follower)

    asyncio.run(main())


def test_compaction_while_away_lists_anew(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            Follower(far) as follower,
        ):
            for key in "abc":
                await near.put(f"/p/{key}", b"1")
            await follower.until(await near.put("/p/d", b"1"))
            await follower.until_connected()

            proxy.stall()
            proxy.cut()
            await near.delete("/p/a")
            await near.compact(await near.put("/p/b", b"2"))
            proxy.resume()
            await follower.until(await near.put("/p/c", b"3"))

            assert follower.values == await _values(near)
            assert follower.snapshots == [Reason.FIRST, Reason.COMPACTED]

    asyncio.run(main())


def test_a_deletion_at_the_very_revision_of_the_compaction_is_not_lost(etcd: Etcd) -> None:
    """Etcd accepts a watch from there, and has forgotten the deletion."""

    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            Follower(far) as follower,
        ):
            await near.put("/p/a", b"1")
            last = await near.put("/p/b", b"1")
            await follower.until(last)
            await follower.until_connected()

            proxy.stall()
            proxy.cut()
            await near.delete("/p/a")
            await near.compact(last + 1)
            proxy.resume()
            await follower.until(await near.put("/p/c", b"1"))

            assert follower.values == {b"/p/b": b"1", b"/p/c": b"1"}

    asyncio.run(main())


def test_nor_is_one_that_is_compacted_right_after_the_watch_has_come_back(etcd: Etcd) -> None:
    """Etcd tells what a new watch has missed a moment later, by what it then still knows."""

    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint) as far,
            Follower(far) as follower,
        ):
            for _ in range(8):
                await near.put("/p/a", b"1")
                last = await near.put("/p/b", b"1")
                await follower.until(last)
                await follower.until_connected()
                proxy.stall()
                proxy.cut()
                await follower.until_connected(connected=False)
                await near.delete("/p/a")
                proxy.resume()
                await follower.until_connected()
                await near.compact(last + 1)

                while b"/p/a" in follower.values:
                    await follower.moved()

            assert follower.values == await _values(near)

    asyncio.run(main())


@pytest.mark.parametrize("further", [False, True])
def test_an_emptied_etcd_is_listed_anew_also_where_it_has_come_further(
    etcd: Etcd, *, further: bool
) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, Follower(one) as follower:
            for key in "abc":
                await one.put(f"/p/{key}", b"1")
            await follower.until(await one.put("/p/d", b"1"))
            await follower.until_connected()
            etcd.kill()
            etcd.wipe()
            etcd.start()
            async with client(etcd.endpoint) as other:
                for number in range(50 if further else 1):
                    await other.put("/p/new", b"%d" % number)

            while len(follower.snapshots) < 2:
                await follower.moved()
            last = await one.put("/p/last", b"")
            while b"/p/last" not in follower.values:
                await follower.moved()

            assert follower.snapshots == [Reason.FIRST, Reason.REWOUND]
            assert follower.values == await _values(one)
            assert follower.watch.health.revision == last

    asyncio.run(main())


def test_a_member_that_dies_is_left_for_the_next(cluster: Cluster) -> None:
    async def main() -> None:
        endpoints = [member.endpoint for member in cluster.members]
        async with (
            client(*endpoints) as one,
            client(*reversed(endpoints)) as writer,
            Follower(one) as follower,
        ):
            await follower.until(await writer.put("/p/0", b""))
            await follower.until_connected()
            for number, member in enumerate(cluster.members):
                member.kill()
                revision = await _put_until_taken(writer, f"/p/{number}", b"x")
                await follower.until(revision)
                member.start(wait=False)
                member.await_health()

            await follower.until(await _put_until_taken(writer, "/p/last", b""))

            assert follower.values == await _values(writer)
            assert follower.snapshots == [Reason.FIRST]
            _every_revision_came_once(follower)

    asyncio.run(main())


def test_a_member_without_its_cluster_is_left_though_it_answers(cluster: Cluster) -> None:
    """A frozen member, then two dead ones: what is left has no leader, and says so."""

    async def main() -> None:
        endpoints = [member.endpoint for member in cluster.members]
        async with (
            client(*endpoints) as one,
            client(*reversed(endpoints)) as writer,
            Follower(one) as follower,
        ):
            await follower.until(await writer.put("/p/0", b""))
            await follower.until_connected()
            cluster.members[0].freeze()
            await follower.until_connected(connected=False)
            await follower.until(await _put_until_taken(writer, "/p/1", b""))
            cluster.members[0].kill()
            cluster.members[1].kill()
            await follower.until_connected(connected=False)
            cluster.members[0].start(wait=False)
            cluster.members[1].start(wait=False)

            await follower.until(await _put_until_taken(writer, "/p/2", b""))

            assert follower.values == await _values(writer)
            assert follower.snapshots == [Reason.FIRST]

    asyncio.run(main())


def test_nothing_is_left_running_when_a_watch_is_closed() -> None:
    port = free_ports(1)[0]

    async def main() -> set[asyncio.Task[object]]:
        async with client(f"127.0.0.1:{port}") as one, Follower(one):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()
