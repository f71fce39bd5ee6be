# SPDX-License-Identifier: Apache-2.0
"""The client against real etcd: keys, transactions, pages, leases."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from kvs_agent.etcd import (
    Client,
    Compacted,
    LeaseGone,
    Refused,
    Settings,
    TooLarge,
    Unavailable,
    delete_op,
    put_op,
    when_created,
    when_modified,
)
from tests.etcd.following import client
from tests.etcd.server import Cluster, Etcd, free_ports


async def _fill(etcd: Client, count: int, value: bytes = b"v") -> None:
    for first in range(0, count, 100):
        keys = range(first, min(first + 100, count))
        await etcd.txn([put_op(b"/p/%05d" % key, value) for key in keys])


def test_a_key_is_put_read_and_deleted(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            revision = await one.put("/p/a", b"\x00\xff")
            there = await one.get("/p/a")
            was_there = await one.delete("/p/a")

            assert there is not None
            assert (there.value, there.mod_revision, there.version) == (b"\x00\xff", revision, 1)
            assert was_there
            assert await one.get("/p/a") is None
            assert not await one.delete("/p/a")

    asyncio.run(main())


def test_a_prefix_is_what_begins_with_it_and_nothing_else(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            for key in ("/p/", "/p/a", "/p/\xff", "/p0", "/o"):
                await one.put(key, b"")

            listing = await one.get_prefix("/p/")
            deleted = await one.delete_prefix("/p/")

            assert [entry.key.decode() for entry in listing.entries] == ["/p/", "/p/a", "/p/\xff"]
            assert deleted == 3
            assert {e.key for e in (await one.get_prefix(b"")).entries} == {b"/o", b"/p0"}

    asyncio.run(main())


def test_a_transaction_happens_whole_or_not_at_all(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            made = await one.txn([put_op(b"a", b"1")], when=[when_created(b"a", 0)])
            again = await one.txn([put_op(b"a", b"2")], when=[when_created(b"a", 0)])
            revision = made.header.revision
            moved = await one.txn(
                [put_op(b"b", b"3"), delete_op(b"a")], when=[when_modified(b"a", revision)]
            )

            assert (made.succeeded, again.succeeded, moved.succeeded) == (True, False, True)
            left = (await one.get_prefix(b"")).entries
            assert [(entry.key, entry.value) for entry in left] == [(b"b", b"3")]

    asyncio.run(main())


def test_ten_thousand_keys_come_in_pages_at_one_revision(etcd: Etcd) -> None:
    """The first key and the last are changed together all the while, and stay a pair."""

    async def main() -> None:
        async with client(etcd.endpoint, page=300) as one, asyncio.TaskGroup() as tasks:
            await _fill(one, 10_000)

            async def write() -> None:
                for number in itertools.count():
                    pair = [put_op(key, b"%d" % number) for key in (b"/p/00000", b"/p/09999")]
                    await one.txn(pair)

            writing = tasks.create_task(write())
            revisions = []
            for _ in range(10):
                listing = await one.get_prefix("/p/")
                revisions.append(listing.revision)
                assert len(listing.entries) == 10_000
                assert listing.entries[0].value == listing.entries[-1].value
            writing.cancel()

            assert len(set(revisions)) > 1

    asyncio.run(main())


def test_large_values_come_in_smaller_pages(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint, max_answer_bytes=4 << 20) as one:
            for key in range(12):
                await one.put(f"/p/{key:02}", bytes(1 << 20))

            listing = await one.get_prefix("/p/")

            assert [len(entry.value) for entry in listing.entries] == [1 << 20] * 12

    asyncio.run(main())


def test_a_listing_of_a_forgotten_revision_is_told_from_other_failures(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            revision = await one.put("/p/a", b"1")
            await one.compact(await one.put("/p/a", b"2"))

            with pytest.raises(Compacted):
                await one.compact(revision)

    asyncio.run(main())


def test_a_lease_takes_its_keys_along(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            lease = await one.grant(60)
            await one.put("/p/a", b"", lease=lease)
            left_s = await one.keep_alive(lease)

            await one.revoke(lease)

            assert left_s == 60
            assert await one.get("/p/a") is None
            await one.revoke(lease)
            with pytest.raises(LeaseGone):
                await one.keep_alive(lease)
            with pytest.raises(LeaseGone):
                await one.put("/p/a", b"", lease=lease)

    asyncio.run(main())


def test_what_the_server_does_not_take_is_refused(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            for size in (7 << 18, 3 << 20):
                with pytest.raises(TooLarge):
                    await one.put("/p/a", bytes(size))
            with pytest.raises(Refused, match="key is not provided"):
                await one.put("", b"")

    asyncio.run(main())


def test_no_server_is_an_error_that_names_each_and_says_that_nothing_was_sent() -> None:
    ports = free_ports(2)

    async def main() -> Unavailable:
        async with client(*(f"127.0.0.1:{port}" for port in ports)) as one:
            with pytest.raises(Unavailable) as caught:
                await one.put("/p/a", b"")
            return caught.value

    error = asyncio.run(main())

    assert all(f"127.0.0.1:{port}" in str(error) for port in ports)
    assert "refused" in str(error)
    assert not error.maybe_done


def test_the_next_endpoint_is_taken_where_one_is_down(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(f"127.0.0.1:{free_ports(1)[0]}", etcd.endpoint) as one:
            await one.put("/p/a", b"1")

            assert await one.get("/p/a") is not None

    asyncio.run(main())


def test_calls_go_on_where_a_member_of_the_cluster_is_killed(cluster: Cluster) -> None:
    async def main() -> None:
        async with client(*(member.endpoint for member in cluster.members)) as one:
            await one.put("/p/a", b"1")
            cluster.members[0].kill()

            there = await one.get("/p/a")

            assert there is not None
            assert there.value == b"1"
            await one.put("/p/a", b"2")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"endpoints": ()}, "no endpoint"),
        ({"endpoints": ("localhost",)}, "not of the form"),
        ({"endpoints": ("ftp://localhost:1",)}, "not of the form"),
        ({"dial_timeout_s": 0.0}, "dial_timeout_s"),
        ({"silence_s": 1.0, "heartbeat_s": 1.0}, "silence_s"),
        ({"page": 0}, "page"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Settings(**wrong)  # type: ignore[arg-type]  # on purpose
