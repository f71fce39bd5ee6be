# SPDX-License-Identifier: Apache-2.0
"""What an endpoint holds: one change at a time for each, until it expires; and who is told."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvs_descriptors.nsm import mechanisms, path
from kvs_descriptors.nsm.errors import Declined
from kvs_descriptors.nsm.serving.book import Book
from kvs_descriptors.nsm.serving.watchers import Watchers, is_selected
from kvs_descriptors.nsm.wire.links import now
from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import (
    Connection,
    Mechanism,
    MonitorScopeSelector,
    PathSegment,
)
from tests.nsm.serving import OURS, Pool, until

HOUR = datetime.timedelta(hours=1)
SEGMENTS = st.lists(
    st.builds(
        PathSegment, name=st.sampled_from(["a", "b", ""]), id=st.sampled_from(["1", "2", ""])
    ),
    max_size=4,
)


def entered(identity: str, life: datetime.timedelta = HOUR) -> Connection:
    """Return a connection with the turn at an endpoint."""
    asked = path.begin(Connection(network_service="ns"), "forwarder", f"f-{identity}")
    there = path.enter(asked, "one", lambda: identity)
    return path.sign(there, ("theirs", now() + life), ("ours", now() + life))


class Slow(Pool):
    """Takes its time, and says whether it was ever called for one connection twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way: set[str] = set()
        self.at_once = 0
        self.has_collided = False

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        self._begin(connection.id)
        await asyncio.sleep(0.001)
        self.under_way.discard(connection.id)
        self.requests += 1
        return connection

    async def close(self, connection: Connection) -> None:
        self._begin(connection.id)
        await asyncio.sleep(0.001)
        self.under_way.discard(connection.id)
        self.closed.append(connection.id)

    def _begin(self, identity: str) -> None:
        self.has_collided |= identity in self.under_way
        self.under_way.add(identity)
        self.at_once = max(self.at_once, len(self.under_way))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=15))
def test_calls_for_one_connection_never_overlap_and_for_others_do(
    steps: list[tuple[str, bool]],
) -> None:
    async def story() -> None:
        book, slow = Book(now), Slow()
        async with asyncio.TaskGroup() as group:
            for identity, closes in steps:
                if closes:
                    group.create_task(book.close(identity))
                else:
                    group.create_task(book.request(slow, entered(identity), (), 0.0))
        # Turns are first come, first served: the last word on each connection stands.
        last = dict(steps)
        assert set(book.connections) == {one for one, closes in last.items() if not closes}
        assert not slow.has_collided
        await book.aclose()

    asyncio.run(story())


def test_one_that_takes_long_holds_up_no_other() -> None:
    async def story() -> None:
        book, slow = Book(now), Slow()

        await asyncio.gather(*(book.request(slow, entered(one), (), 0.0) for one in "abc"))

        assert slow.at_once == 3
        await book.aclose()

    asyncio.run(story())


def test_a_connection_that_nobody_refreshes_is_taken_down() -> None:
    async def story() -> None:
        book, slow = Book(now), Slow()
        short = datetime.timedelta(seconds=0.2)
        await book.request(slow, entered("short", short), (), 0.0)
        await book.request(slow, entered("refreshed", short), (), 0.0)
        await book.request(slow, entered("refreshed"), (), 0.0)
        # The mesh counts the time that a call may take as spent.
        await book.request(slow, entered("spent", 2 * HOUR), (), 3 * 3600.0)

        await until(lambda: len(slow.closed) == 2)

        assert sorted(slow.closed) == ["short", "spent"]
        assert list(book.connections) == ["refreshed"]
        await book.aclose()

    asyncio.run(story())


def test_a_refusal_leaves_what_is_held_alone() -> None:
    class Moody(Slow):
        async def request(
            self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
        ) -> Connection:
            if held is not None:
                raise Declined("not today")
            return connection

    async def story() -> None:
        book, moody = Book(now), Moody()
        await book.request(moody, entered("a"), (), 0.0)

        with pytest.raises(Declined):
            await book.request(moody, entered("a"), (), 0.0)

        assert list(book.connections) == ["a"]
        assert moody.closed == []
        await book.aclose()

    asyncio.run(story())


def test_an_endpoint_has_no_say_in_the_way_back() -> None:
    class Confused(Slow):
        async def request(
            self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
        ) -> Connection:
            return Connection(id="another", state=connection_pb2.DOWN)

    async def story() -> None:
        book = Book(now)
        asked = entered("a")

        made = await book.request(Confused(), asked, (), 0.0)

        assert (made.id, made.path, made.state) == ("a", asked.path, connection_pb2.UP)
        await book.aclose()

    asyncio.run(story())


def test_a_service_that_fails_to_close_is_let_go_when_its_endpoint_is() -> None:
    class Broken(Slow):
        async def close(self, connection: Connection) -> None:
            raise OSError("no such device")

    async def story() -> None:
        book, broken = Book(now), Broken()
        await book.request(broken, entered("a"), (), 0.0)

        with pytest.raises(OSError, match="no such device"):
            await book.close("a")
        assert list(book.connections) == ["a"]
        await book.close_all(broken)

        assert book.connections == {}

    asyncio.run(story())


# --- who is told ---------------------------------------------------------------------------------


@given(SEGMENTS, SEGMENTS)
def test_a_selector_means_what_holds_its_segments_in_a_row(
    segments: list[PathSegment], wanted: list[PathSegment]
) -> None:
    connection = Connection()
    connection.path.path_segments.extend(segments)
    pairs = [(one.name, one.id) for one in segments]

    found = is_selected(connection, MonitorScopeSelector(path_segments=wanted))

    assert found == any(
        all(
            want.name in {"", name} and want.id in {"", identity}
            for want, (name, identity) in zip(wanted, pairs[start:], strict=False)
        )
        for start in range(len(pairs) + 1)
        if len(pairs) - start >= len(wanted)
    )


def test_a_slow_watcher_is_told_the_latest_of_each() -> None:
    async def story() -> None:
        watchers = Watchers()
        events = watchers.follow(MonitorScopeSelector(), {})
        await anext(events)
        for number in range(1000):
            labels = {"number": str(number)}
            watchers.tell(connection_pb2.UPDATE, Connection(id=f"{number % 2}", labels=labels))

        told = [await anext(events), await anext(events)]

        assert {
            one.connections[key].labels["number"] for one in told for key in one.connections
        } == {
            "998",
            "999",
        }
        assert watchers.count == 1
        await events.aclose()
        assert watchers.count == 0

    asyncio.run(story())


def test_only_who_asked_for_a_connection_is_told_of_it() -> None:
    async def story() -> None:
        watchers = Watchers()
        mine = watchers.follow(MonitorScopeSelector(network_services=["mine"]), {})
        await anext(mine)

        watchers.tell(connection_pb2.UPDATE, Connection(id="x", network_service="theirs"))
        watchers.tell(connection_pb2.DELETE, Connection(id="y", network_service="mine"))

        told = await anext(mine)
        assert (told.type, list(told.connections)) == (connection_pb2.DELETE, ["y"])
        await mine.aclose()

    asyncio.run(story())


def test_how_it_stands_with_a_connection_is_told_once() -> None:
    async def story() -> None:
        book = Book(now)
        await book.request(Pool(), entered("a"), [mechanisms.kernel("x", OURS)], 0)
        events = book.watchers.follow(MonitorScopeSelector(), book.connections)
        await anext(events)

        book.mark("a", connection_pb2.DOWN)
        book.mark("a", connection_pb2.DOWN)
        book.mark("b", connection_pb2.DOWN)
        told = await anext(events)

        assert told.type == connection_pb2.UPDATE
        assert [one.state for one in told.connections.values()] == [connection_pb2.DOWN]
        assert book.connections["a"].state == connection_pb2.DOWN
        again = await book.request(Pool(), entered("b"), [mechanisms.kernel("x", OURS)], 0)
        assert again.state == connection_pb2.UP
        await events.aclose()
        await book.aclose()

    asyncio.run(story())


def test_what_somebody_else_has_taken_down_is_told_as_gone_and_not_closed() -> None:
    async def story() -> None:
        book, pool = Book(now), Pool()
        await book.request(pool, entered("a"), [mechanisms.kernel("x", OURS)], 0)
        events = book.watchers.follow(MonitorScopeSelector(), book.connections)
        await anext(events)

        book.lose("a")
        book.lose("b")
        told = await anext(events)

        assert (told.type, list(told.connections)) == (connection_pb2.DELETE, ["a"])
        assert (book.connections, pool.closed) == ({}, [])
        await events.aclose()

    asyncio.run(story())


def test_a_connection_is_closed_with_the_tokens_of_who_asks() -> None:
    closed: list[Connection] = []

    class Keeping(Pool):
        async def close(self, connection: Connection) -> None:
            closed.append(connection)

    async def story() -> None:
        book = Book(now)
        await book.request(Keeping(), entered("a"), [mechanisms.kernel("x", OURS)], 0)
        asked = entered("a")
        asked.path.path_segments[0].token = "newer"

        await book.close("a", asked)

        assert [one.path.path_segments[0].token for one in closed] == ["newer"]

    asyncio.run(story())


def test_what_was_held_before_a_restart_is_refreshed_closed_or_expires() -> None:
    async def story() -> None:
        book, pool = Book(now), Slow()
        for identity, left_s in {"refreshed": 0.2, "closed": 60.0, "expired": 0.0}.items():
            book.restore(pool, entered(identity), left_s)
        book.restore(pool, entered("refreshed"), 0.0)
        assert len(book.connections) == 3

        made = await book.request(pool, entered("refreshed"), (), 0.0)
        await book.close("closed")
        await until(lambda: len(pool.closed) == 2)

        assert sorted(pool.closed) == ["closed", "expired"]
        assert book.connections == {"refreshed": made}
        await book.aclose()

    asyncio.run(story())


def test_a_connection_of_another_endpoint_is_nobody_elses() -> None:
    async def story() -> None:
        book, one, other = Book(now), Slow(), Slow()
        await book.request(one, entered("c"), (), 0.0)

        with pytest.raises(Declined, match="another endpoint's"):
            await book.request(other, entered("c"), (), 0.0)

        assert (one.requests, other.requests) == (1, 0)
        await book.aclose()

    asyncio.run(story())
