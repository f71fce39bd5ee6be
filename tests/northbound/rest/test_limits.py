# SPDX-License-Identifier: Apache-2.0
"""Too much, too large, too slow, or gone: each costs the one who does it, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from kvs_agent.northbound.rest.limits import MAX_CLIENTS, Patience, Rate
from tests.northbound.rest.stage import INTERFACES, Interfaces, Site, document, play

PUT = b"PUT /configuration HTTP/1.1\r\nHost: 127.0.0.1\r\n"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_again_and_each_client_has_its_own() -> None:
    clock = Clock()
    rate = Rate(2.0, 3, clock)

    assert [rate.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rate.take("b") == 0.0
    assert rate.wait_s("a") == 0.5
    clock.now += 0.5
    assert rate.wait_s("a") == 0.0
    assert [rate.take("a"), rate.take("a")] == [0.0, 0.5]
    assert [Rate(0.0, 1, clock).take("a") for _ in range(3)] == [0.0, 0.0, 0.0]


def test_clients_that_are_not_heard_of_any_more_are_forgotten() -> None:
    rate = Rate(1.0, 1, Clock())

    for number in range(MAX_CLIENTS + 10):
        rate.take(str(number))

    assert rate.take("0") == 0.0, "forgotten"
    assert rate.take(str(MAX_CLIENTS)) > 0.0


def test_a_connection_has_to_ask_in_time_and_to_read_its_answer() -> None:
    clock = Clock()
    patience: Patience[str] = Patience(10.0, 75.0, clock)
    assert patience.late(["silent", "served", "answered"]) == []
    patience.busy("served")
    patience.idle("answered")

    clock.now += 11.0
    assert patience.late(["silent", "served", "answered"]) == ["silent"]
    clock.now += 70.0
    assert patience.late(["served", "answered"]) == ["answered"]


def test_more_requests_than_the_rate_are_refused_but_probes_are_not() -> None:
    async def story(site: Site) -> None:
        statuses = [(await site.get("/info/version")).status for _ in range(5)]
        late = await site.get("/nosuch")
        probe = await site.get("/liveness")

        assert statuses == [200, 200, 200, 429, 429]
        assert (late.status, probe.status) == (429, 200)
        assert int(late.headers["Retry-After"]) >= 1

    play(story, rate_per_s=0.01, burst=3)


def test_more_changes_than_may_wait_are_refused_and_none_is_lost() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        interfaces.gate.clear()
        first = asyncio.ensure_future(site.put("a"))
        await interfaces.begun.wait()
        asked = [asyncio.ensure_future(site.put(name)) for name in "bcdef"]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 3:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        refused = [one.result() for one in done]
        interfaces.gate.set()
        taken = [await one for one in (first, *waiting)]

        assert {one.status for one in refused} == {429}
        assert all(one.headers["Retry-After"] == "1" for one in refused)
        assert {one.status for one in taken} == {200}
        assert len(interfaces.held) == len(taken) == 3
        dropped = "ligato_kvscheduler_txn_dropped 3.0"
        assert dropped in (await site.get("/metrics")).text

    play(story, interfaces, options={"max_waiting": 2})


def test_more_requests_at_once_than_allowed_are_refused() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        interfaces.gate.clear()
        asked = [asyncio.ensure_future(site.put(name)) for name in "abcd"]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        interfaces.gate.set()
        replies = await asyncio.gather(*asked)

        assert [one.result().status for one in done] == [429]
        assert sorted(one.status for one in replies) == [200, 200, 200, 429]

    play(story, interfaces, max_requests=3)


def test_a_body_that_is_too_large_is_refused_be_its_length_told_or_not() -> None:
    async def story(site: Site) -> None:
        async def dribble() -> object:
            for _ in range(5):
                yield b"#" * 50

        told = await site.ask("PUT", "/configuration", b"#" * 101)
        untold = await site.ask("PUT", "/configuration", dribble())
        packed = await site.ask(
            "PUT", "/configuration", b"#", headers={"Content-Encoding": "gzip"}
        )

        assert (told.status, untold.status, packed.status) == (413, 413, 415)
        assert "more than 100 bytes" in told.error

    play(story, max_body_bytes=100)


def test_a_request_that_takes_too_long_is_answered_and_goes_on() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        interfaces.gate.clear()
        reply = await site.put("a")
        assert (reply.status, "what was begun goes on" in reply.error) == (504, True)

        interfaces.gate.set()
        await site.core.feed.settled([f"{INTERFACES}a"])

        assert list(interfaces.held) == [f"{INTERFACES}a"]

    play(story, interfaces, deadline_s=0.1)


async def raw(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = site.address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the other side ends the connection."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def test_a_head_that_never_ends_is_not_waited_for() -> None:
    async def story(site: Site) -> None:
        reader, writer = await raw(site)
        writer.write(PUT)

        assert await ended(reader) == b""

        writer.close()
        assert (await site.get("/info/version")).status == 200

    play(story, header_s=0.2)


def test_a_body_that_never_comes_is_not_waited_for() -> None:
    async def story(site: Site) -> None:
        reader, writer = await raw(site)
        writer.write(PUT + b"Content-Length: 10\r\n\r\n12345")

        assert (await ended(reader)).startswith(b"HTTP/1.1 408 ")

        writer.close()

    play(story, body_s=0.2)


def test_who_does_not_read_its_answer_is_cut_off() -> None:
    async def story(site: Site) -> None:
        await site.put(*(f"i{number}" for number in range(2000)))
        reader, writer = await raw(site)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's has it
        writer.write(b"GET /scheduler/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40)

        server = site.server._server
        assert server is not None
        while len(server.connections) > 1:  # noqa: ASYNC110 - it tells nobody of that
            await asyncio.sleep(0.1)

        writer.close()
        assert reader.at_eof() is False

    play(story, idle_s=0.5)


def test_who_vanishes_has_its_change_carried_out_all_the_same() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        interfaces.gate.clear()
        _, writer = await raw(site)
        body = document("a").encode()
        writer.write(PUT + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await interfaces.begun.wait()
        writer.transport.abort()
        interfaces.gate.set()

        await site.core.feed.settled([f"{INTERFACES}a"])

        assert list(interfaces.held) == [f"{INTERFACES}a"]
        assert (await site.get("/info/version")).status == 200

    play(story, interfaces)


def test_more_connections_than_allowed_are_turned_away() -> None:
    async def story(site: Site) -> None:
        held = [await raw(site) for _ in range(3)]
        for _, writer in held:
            writer.write(b"GET /liveness HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for reader, _ in held:
            await reader.readuntil(b"\r\n\r\n")

        reader, writer = await raw(site)
        answer = await ended(reader)

        assert answer.startswith(b"HTTP/1.1 503 ")
        for _, one in (*held, (reader, writer)):
            one.close()

    play(story, max_connections=3)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 100_000,
        PUT + b"Content-Length: -1\r\n\r\n",
        PUT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_bytes_that_are_no_request_are_survived(nonsense: bytes) -> None:
    async def story(site: Site) -> None:
        reader, writer = await raw(site)
        writer.write(nonsense)
        answer = await ended(reader)
        writer.close()

        assert b" 200 " not in answer.partition(b"\r\n")[0]
        assert b"Traceback" not in answer
        assert (await site.get("/info/version")).status == 200

    play(story, header_s=0.3, body_s=0.3, idle_s=0.3)


def test_a_stop_gives_what_is_under_way_its_time_and_takes_nothing_new() -> None:
    interfaces = Interfaces()

    async def story(site: Site) -> None:
        interfaces.gate.clear()
        asked = asyncio.ensure_future(site.put("a"))
        await interfaces.begun.wait()
        address = site.address
        stopping = asyncio.ensure_future(site.server.stop(5.0))
        await asyncio.sleep(0)
        interfaces.gate.set()

        assert (await asked).status == 200
        await stopping
        host, _, port = address.rpartition(":")
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(host, int(port))

    play(story, interfaces)
