# SPDX-License-Identifier: Apache-2.0
"""Requests that are under way together, on the real kernel."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from kvs_descriptors.linux.links import link
from kvs_descriptors.linux.netlink import channel, codec
from kvs_descriptors.linux.netlink.channel import Channel, Refused
from tests.linux.bench import Bench, namespace

THREAD = "kvs-netlink"


def bridge_body(name: str) -> bytes:
    kind = codec.nested(codec.IFLA_LINKINFO, codec.text(codec.IFLA_INFO_KIND, "bridge"))
    return codec.link_body([codec.text(codec.IFLA_IFNAME, name), kind])


async def make(within: Channel, name: str) -> list[bytes] | None:
    flags = channel.NLM_F_CREATE | channel.NLM_F_EXCL
    return await within.call(channel.RTM_NEWLINK, flags, bridge_body(name), name)


async def set_alias(within: Channel, name: str, alias: str) -> None:
    named = codec.text(codec.IFLA_IFNAME, name)
    body = codec.link_body([named, codec.text(codec.IFLA_IFALIAS, alias)])
    await within.call(channel.RTM_NEWLINK, 0, body, name)


async def opened(bench: Bench, name: str = "one") -> Channel:
    await bench.make(namespace(name))
    return await bench.kernel.channel(name)


@contextlib.contextmanager
def held_up(bench: Bench) -> Iterator[None]:
    """Keep the courier from sending anything meanwhile."""
    go_on = threading.Event()

    def wait() -> None:
        assert go_on.wait(timeout=30)

    bench.kernel._courier.do(wait)
    try:
        yield
    finally:
        go_on.set()


async def until_sent() -> None:
    """Let tasks ask, and what they ask for leave."""
    for _ in range(3):
        await asyncio.sleep(0)


def test_what_is_asked_first_is_done_first_over_many_batches(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        aliases = [str(number) for number in range(300)]
        await asyncio.gather(
            make(within, "br"), *(set_alias(within, "br", alias) for alias in aliases)
        )

        assert bench.link("one", "br")["ifalias"] == "299"

    bench.run(scenario())


def test_an_error_in_the_middle_of_a_batch_reaches_only_its_caller(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        names = ("a", "b", "a", "c", "c")
        done = await asyncio.gather(
            *(make(within, name) for name in names), return_exceptions=True
        )

        assert [one.errno if isinstance(one, Refused) else one for one in done] == [
            *([], [], errno.EEXIST),
            *([], errno.EEXIST),
        ]
        assert bench.names("one") == {"a", "b", "c"}
        assert not within.is_broken

    bench.run(scenario())


def test_each_gets_the_answer_to_what_it_has_asked(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)
        names = [f"br{number}" for number in range(40)]
        await asyncio.gather(*(make(within, name) for name in names))

        asked = [*names, "none", *reversed(names)]
        found = await asyncio.gather(*(link.find(within, name=name) for name in asked))

        assert [one and one.name for one in found] == [*names, None, *reversed(names)]

    bench.run(scenario())


def test_a_request_that_is_cancelled_before_it_is_sent_is_never_sent(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        tasks = [asyncio.create_task(make(within, name)) for name in ("a", "b", "c")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)

        assert [type(one) for one in done] == [list, asyncio.CancelledError, list]
        assert bench.names("one") == {"a", "c"}

    bench.run(scenario())


def test_a_batch_of_which_all_is_cancelled_leaves_nothing_behind(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        task = asyncio.create_task(make(within, "a"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await make(within, "b")
        bench.kernel.forget("one")

        assert bench.names("one") == {"b"}
        assert within.netns_fd == -1

    bench.run(scenario())


def test_a_request_cancelled_when_it_is_sent_ends_when_the_kernel_is_done_with_it(
    bench: Bench,
) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        with held_up(bench):
            tasks = [asyncio.create_task(make(within, name)) for name in ("a", "b", "c")]
            await until_sent()
            tasks[1].cancel()
            await asyncio.sleep(0.02)
            is_done = tasks[1].done()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        names = bench.names("one")
        await asyncio.gather(tasks[0], tasks[2])

        assert not is_done
        assert names == {"a", "b", "c"}
        assert not within.is_broken

    bench.run(scenario())


def test_a_kernel_that_takes_its_time_holds_nobody_else_up(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        with held_up(bench):
            task = asyncio.create_task(make(within, "a"))
            await until_sent()
            before = time.monotonic()
            await asyncio.sleep(0.01)
            passed_s = time.monotonic() - before
            is_done = task.done()
        await task

        assert not is_done
        assert passed_s < 5

    bench.run(scenario())


def test_many_namespaces_are_worked_in_at_once(bench: Bench) -> None:
    async def scenario() -> None:
        places = [f"n{number}" for number in range(8)]
        within = {place: await opened(bench, place) for place in places}
        names = [f"br{number}" for number in range(10)]

        pairs = [(place, name) for name in names for place in places]
        await asyncio.gather(*(make(within[place], f"{name}{place}") for place, name in pairs))

        for place in places:
            assert bench.names(place) == {f"{name}{place}" for name in names}

    bench.run(scenario())


def test_who_misses_an_answer_is_told_and_the_channel_is_opened_anew(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)
        # The kernel makes of it the least that it allows.
        within._requests._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        names = ["lo", "none"] * 50
        asked = (link.find(within, name=name) for name in names)
        done = await asyncio.gather(*asked, return_exceptions=True)
        lost = [one for one in done if isinstance(one, OSError)]

        assert lost
        # The kernel itself says so where there is room for its word, though not for the link.
        refused = {one.errno for one in lost if isinstance(one, Refused)}
        assert refused <= {errno.EAGAIN}
        assert {one.errno for one in lost} - refused == {errno.ENOBUFS}
        told = [(name, one) for name, one in zip(names, done, strict=True) if one not in lost]
        assert all(
            one is None if name == "none" else isinstance(one, codec.LinkRecord)
            for name, one in told
        )
        assert within.is_broken
        after = await bench.kernel.channel("one")
        assert after is not within
        assert await link.find(after, name="lo") is not None
        assert within.netns_fd == -1

    bench.run(scenario())


def test_what_cannot_be_sent_is_an_error_to_who_asked(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        too_large = within.call(channel.RTM_GETLINK, 0, bytes(1 << 24), "too large")
        with pytest.raises(OSError, match="answer was lost") as caught:
            await too_large

        assert caught.value.errno == errno.EMSGSIZE
        assert await bench.kernel.channel("one") is not within

    bench.run(scenario())


def test_a_channel_that_retires_answers_first_what_was_asked(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)

        with held_up(bench):
            names = {f"br{number}" for number in range(40)}
            tasks = [asyncio.create_task(make(within, name)) for name in names]
            await until_sent()
            bench.kernel.forget("one")
            is_open = within.netns_fd >= 0
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)

        assert is_open
        assert within.netns_fd == -1
        assert bench.names("one") == names

    bench.run(scenario())


def test_who_holds_on_to_a_closed_channel_is_told(bench: Bench) -> None:
    async def scenario() -> None:
        within = await opened(bench)
        bench.kernel.forget("one")

        for asked in (make(within, "a"), link.dump(within)):
            with pytest.raises(OSError, match="is closed") as caught:
                await asked
            assert caught.value.errno == errno.EBADF
        assert bench.names("one") == set()

    bench.run(scenario())


def test_one_kernel_serves_one_event_loop_after_another(bench: Bench) -> None:
    async def scenario(name: str) -> None:
        within = await opened(bench)
        await make(within, name)
        assert await link.dump(within)

    bench.run(scenario("a"))
    bench.run(scenario("b"))

    assert bench.names("one") == {"a", "b"}


def own_threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == THREAD}


def test_no_thread_is_left_after_close(bench: Bench) -> None:
    before = own_threads()
    during: set[threading.Thread] = set()

    async def scenario() -> None:
        await opened(bench, "one")
        await opened(bench, "two")
        during.update(own_threads() - before)

    bench.run(scenario())
    for one in during:
        one.join(timeout=10)

    assert len(during) == 1
    assert own_threads() <= before


def test_a_loop_that_closes_before_the_answers_come_harms_nobody(bench: Bench) -> None:
    before = own_threads()
    loop = asyncio.new_event_loop()
    within = loop.run_until_complete(opened(bench))

    async def begin() -> asyncio.Task[list[bytes] | None]:
        task = asyncio.create_task(make(within, "a"))
        await until_sent()
        # Once to have it ended, once more not to wait for that.
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        return task

    with held_up(bench):
        task = loop.run_until_complete(begin())
        loop.close()
    bench.kernel.close()
    for one in own_threads() - before:
        one.join(timeout=10)

    assert task.cancelled()
    assert own_threads() <= before
    assert within.netns_fd == -1
