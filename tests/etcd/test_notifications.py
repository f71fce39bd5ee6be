# SPDX-License-Identifier: Apache-2.0
"""Keys that several agents hold in etcd: there while any of those who hold them lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kvs_agent.etcd import Client
from kvs_agent.publishing.notifications import Limits, Notifications
from kvs_descriptors.nsm.notifications import PREFIX, Advertised, key, parse
from tests.etcd.following import client
from tests.etcd.proxy import Proxy
from tests.etcd.server import Etcd

GLOBAL = "/vnf-agent/global/"
WEB = key(Advertised("ns", "app", "web"))
ODD = key(Advertised("ns", "app.kubernetes.io/name", "50% é\n"))
QUICK = Limits(ttl_s=2, pace_s=0.01)


@contextlib.asynccontextmanager
async def publishing(one: Client, limits: Limits = QUICK) -> AsyncIterator[Notifications]:
    """Lend one who publishes; it says goodbye at the end."""
    made = Notifications(limits=limits)
    task = asyncio.create_task(made.run(one))
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(one: Client, *keys: str) -> None:
    """Wait until just these keys are there."""
    wanted = {GLOBAL + key for key in keys}
    while {entry.key.decode() for entry in (await one.get_prefix(GLOBAL)).entries} != wanted:
        pass


async def lease_of(one: Client, key: str) -> int:
    entry = await one.get(GLOBAL + key)
    assert entry is not None
    return entry.lease


async def killed(etcd: Etcd) -> None:
    """Publish, and end as after kill -9: no goodbye can be said."""
    async with client(etcd.endpoint) as one, publishing(one) as made:
        made.publish(WEB, b"{}")
        await until(one, WEB)
        await one.close()


def test_a_key_is_there_until_it_is_taken_away(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, publishing(one) as made:
            made.publish(WEB, b"{}")
            made.publish(ODD, b"{}")
            await until(one, WEB, ODD)
            entry = await one.get(GLOBAL + ODD)
            assert entry is not None
            told = parse(entry.key.decode().removeprefix(GLOBAL))
            assert told == Advertised("ns", "app.kubernetes.io/name", "50% é\n")

            made.publish(WEB, None)
            await until(one, ODD)

    asyncio.run(main())


def test_keys_go_with_who_holds_them_also_when_killed(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one:
            async with publishing(one) as made:
                made.publish(WEB, b"{}")
                await until(one, WEB)
            await until(one)

            with pytest.raises(RuntimeError, match="is closed"):
                await killed(etcd)
            assert await one.get(GLOBAL + WEB) is not None
            await until(one)

    asyncio.run(main())


def test_a_key_lives_on_as_long_as_its_lease_is_kept_alive(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, publishing(one) as made:
            made.publish(WEB, b"{}")
            await until(one, WEB)
            lease = await lease_of(one, WEB)

            await asyncio.sleep(2 * QUICK.ttl_s)

            assert await lease_of(one, WEB) == lease
            assert made.failure == ""

    asyncio.run(main())


def test_another_lease_is_taken_where_the_first_is_lost(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, publishing(one) as made:
            made.publish(WEB, b"{}")
            await until(one, WEB)
            lease = await lease_of(one, WEB)

            await one.revoke(lease)
            await until(one, WEB)

            assert await lease_of(one, WEB) != lease

    asyncio.run(main())


def test_what_two_hold_stays_when_one_lets_go_of_it(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as one,
            publishing(one) as first,
            publishing(one) as second,
        ):
            first.publish(WEB, b"first")
            await until(one, WEB)
            before = await lease_of(one, WEB)
            second.publish(WEB, b"second")
            while await lease_of(one, WEB) == before:
                pass

            # It is the second one's by now: the first leaves it alone.
            first.publish(WEB, None)
            first.publish(ODD, b"{}")
            await until(one, WEB, ODD)

            # The first one's again, who has it taken away with all of its own.
            first.publish(WEB, b"first")
            while await lease_of(one, WEB) != before:
                pass
            first.publish(WEB, None)
            await until(one, ODD)
            await until(one, WEB, ODD)
            assert await lease_of(one, WEB) != before

    asyncio.run(main())


def test_what_is_wanted_is_there_after_etcd_was_away_or_emptied(etcd: Etcd) -> None:
    async def main() -> None:
        async with client(etcd.endpoint) as one, publishing(one) as made:
            made.publish(WEB, b"{}")
            await until(one, WEB)
            etcd.kill()
            made.publish(ODD, b"{}")
            made.publish(WEB, None)
            etcd.start()
            await until(one, ODD)

            etcd.kill()
            etcd.wipe()
            etcd.start()
            await until(one, ODD)

    asyncio.run(main())


def test_who_is_cut_off_loses_its_keys_and_puts_them_anew(etcd: Etcd) -> None:
    async def main() -> None:
        async with (
            client(etcd.endpoint) as near,
            Proxy(etcd.client_port) as proxy,
            client(proxy.endpoint, operation_timeout_s=1.0) as far,
            publishing(far) as made,
        ):
            made.publish(WEB, b"{}")
            await until(near, WEB)
            proxy.stall()
            await until(near)
            assert made.failure
            proxy.resume()
            await until(near, WEB)

    asyncio.run(main())


def test_a_server_that_takes_less_gets_what_it_takes(installed: None, tmp_path: Path) -> None:
    small = Etcd(tmp_path / "small", arguments=["--max-request-bytes", "5000"])
    small.start()
    many = [f"{PREFIX}ns/label/app/{number}" for number in range(200)]

    async def main() -> None:
        async with client(small.endpoint) as one, publishing(one) as made:
            made.publish(WEB, b"x" * 10_000)
            for each in many:
                made.publish(each, b"x" * 100)
            await until(one, *many)

    try:
        asyncio.run(main())
    finally:
        small.kill()
