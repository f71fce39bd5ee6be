# SPDX-License-Identifier: Apache-2.0
"""What a forwarder does with a request: the next hop first, then a cable, or neither of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from google.protobuf.message import Message

from kvs_descriptors.nsm import connections, path
from kvs_descriptors.nsm.errors import BadMechanism, Declined, MeshError, Refused, Unavailable
from kvs_descriptors.nsm.serving.turns import Turns
from kvs_descriptors.nsm.wire.links import now
from kvs_proto.networkservice.connection_pb2 import (
    Connection,
    Mechanism,
)
from kvs_proto.nsm.v1.forwarded_pb2 import Forwarded
from kvs_proto.registry.registry_pb2 import NetworkServiceEndpoint

from . import ends, records
from .cables import Cables
from .following import Followers
from .hops import Finder, Hops
from .kept import Kept
from .known import Asked, Known, Standing, copy_of
from .tasks import Tasks

__all__ = ["Forwarding", "Wing"]

# Of the time that the caller waits. What is left is for the answer, whatever it is.
_IN_ALL: Final = 0.85
_GRACE_S: Final = 5.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wing:
    """All that forwarding is made of."""

    hops: Hops
    finder: Finder
    cables: Cables
    kept: Kept
    followers: Followers


@dataclasses.dataclass(frozen=True, slots=True)
class _Client:
    """The client's end: its mechanism, and the name under which its namespace is kept."""

    mechanism: Mechanism
    namespace: str


class Forwarding:
    """The connections through us. Never is there one without its cable, nor the other way round.

    ``forget`` is called with the id of a connection that another one of its client has replaced.
    """

    def __init__(
        self,
        wing: Wing,
        forget: Callable[[str], None],
        *,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self._wing = wing
        self._forget = forget
        self._clock = clock
        self._known = Known(wing.kept, wing.followers)
        self._turns = Turns()
        self._ends = Turns()
        self._tasks = Tasks()

    @property
    def count(self) -> int:
        """Return how many connections stand."""
        return len(self._known)

    async def aclose(self) -> None:
        """End what is under way; all that stands stays."""
        await self._tasks.close(_GRACE_S)

    def take_up(self, record: Forwarded) -> Connection:
        """Know a connection again; return it."""
        self._known.enter(Standing(record, copy_of(record.onward)))
        return copy_of(record.told)

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], within_s: float
    ) -> Connection:
        """Make a connection or refresh it; where that fails everything is as it was."""
        ends.check_identity(connection)
        asked = Asked(connection, preferences, within_s)
        # Not the caller's task: what has been begun has to be ended, whether it waits or not.
        work = self._tasks.spawn(self._forward(asked))
        try:
            await asyncio.wait([work], timeout=within_s * _IN_ALL)
        except asyncio.CancelledError:
            self._tasks.spawn(self._take_back(asked))
            raise
        if not work.done():
            self._tasks.spawn(self._take_back(asked))
            raise Unavailable(f"{connection.id}: it takes too long, and is taken back")
        return work.result()

    async def close(self, connection: Connection) -> None:
        """Take a connection down, here and there."""
        await asyncio.shield(self._tasks.spawn(self._take_down(connection)))

    # One at a time for each connection.

    async def _forward(self, asked: Asked) -> Connection:
        mechanism = ends.of_client(asked.connection, asked.preferences)
        place = ends.end(mechanism)
        async with (
            self._wing.kept.kept(place.namespace) as namespace,
            # The end first: a client that asks anew, for the same end, has another id.
            self._ends.turn(f"{namespace} {place.name}"),
            self._turns.turn(asked.connection.id),
        ):
            return await self._by_any(asked, _Client(mechanism, namespace))

    async def _take_down(self, connection: Connection) -> None:
        async with self._turns.turn(connection.id):
            standing = self._known.get(connection.id)
            if standing is None:
                return
            onward = copy_of(standing.onward)
            onward.path.CopyFrom(path.joined(connection, standing.onward))
            await self._remove(connection.id, standing)
            await self._hang_up(standing.record.url, onward)

    async def _take_back(self, asked: Asked) -> None:
        """Take down what has come of a request whose caller has not waited for it."""
        identity = asked.connection.id
        async with self._turns.turn(identity):
            standing = self._known.get(identity)
            if standing is not None and standing.first is asked:
                await self._remove(identity, standing)
                await self._hang_up(standing.record.url, standing.onward)

    async def _remove(self, identity: str, standing: Standing) -> None:
        values = records.values(standing.record, self._wing.kept)
        await self._wing.cables.remove(values, f"end {identity}")
        self._known.leave(standing)

    async def _hang_up(self, url: str, onward: Connection) -> None:
        if not await self._wing.hops.end(url, onward):
            self._tasks.spawn(self._wing.hops.end_some_time(url, onward))

    # The next hop.

    async def _by_any(self, asked: Asked, client: _Client) -> Connection:
        """Forward to the endpoint that it has, or to the first that takes it."""
        standing = self._known.get(asked.connection.id)
        if standing is not None and standing.is_refreshed_by(asked.connection):
            return await self._by_same(asked, client, standing)
        async with _in_time(asked.left_s, "the registry does not answer"):
            service, endpoints = await self._wing.finder.find(asked.connection)
        if standing is not None:
            # Whoever wants another one gets it, if there is another one.
            endpoints.sort(key=standing.is_by)
        failures: list[MeshError] = []
        for number, endpoint in enumerate(endpoints):
            within_s = asked.left_s / (len(endpoints) - number)
            try:
                return await self._by(asked, client, endpoint, service.payload, within_s)
            except MeshError as error:
                failures.append(error)
        raise _together(failures)

    async def _by_same(self, asked: Asked, client: _Client, standing: Standing) -> Connection:
        name, url = standing.onward.network_service_endpoint_name, standing.record.url
        endpoint = NetworkServiceEndpoint(name=name, url=url)
        try:
            return await self._by(asked, client, endpoint, "", asked.left_s / 2)
        except Unavailable:
            async with _in_time(asked.left_s, "the registry does not answer"):
                endpoint = await self._wing.finder.named(name)
        try:
            return await self._by(asked, client, endpoint, "", asked.left_s)
        except Unavailable as error:
            # Said so, the client looks for another one.
            raise Declined(f"endpoint {name} cannot be reached: {error}") from error

    async def _by(
        self,
        asked: Asked,
        client: _Client,
        endpoint: NetworkServiceEndpoint,
        payload: str,
        within_s: float,
    ) -> Connection:
        standing = self._known.get(asked.connection.id)
        wanted = copy_of(asked.connection)
        wanted.network_service_endpoint_name = endpoint.name
        wanted.payload = wanted.payload or payload
        wanted.ClearField("mechanism")
        if standing is not None and standing.is_by(endpoint):
            wanted.mechanism.CopyFrom(ends.placeless(standing.onward.mechanism))
        text = f"endpoint {endpoint.name} does not answer"
        async with _in_time(within_s, text), self._wing.hops.to(endpoint.url) as links:
            made = await connections.request(links, wanted, [ends.wish()], timeout_s=within_s)
            onward = copy_of(made)
            onward.id = asked.connection.id
            onward.path.CopyFrom(path.joined(asked.connection, made))
        try:
            return await self._lay(asked, client, onward, endpoint.url)
        except MeshError:
            if standing is None or not standing.is_same_there(endpoint.url, onward):
                await self._hang_up(endpoint.url, onward)
            raise

    # The cable.

    async def _lay(
        self, asked: Asked, client: _Client, onward: Connection, url: str
    ) -> Connection:
        told = copy_of(onward)
        told.mechanism.CopyFrom(client.mechanism)
        there = _end_at(onward)
        standing = self._known.get(onward.id)
        async with self._wing.kept.kept(there.namespace) as namespace:
            record = Forwarded(
                told=records.bare(told),
                onward=records.bare(onward),
                url=url,
                client_namespace=client.namespace,
                endpoint_namespace=namespace,
                life_s=records.life_s(asked.connection, self._clock()),
            )
            if standing is not None:
                record.life_s = max(record.life_s, standing.record.life_s)
            async with self._replacing(record, asked) as older:
                before = self._values(standing) | self._values(older)
                after = records.values(record, self._wing.kept)
                await self._wing.cables.change(before, after, f"connection {onward.id}")
                if older is not None:
                    self._replaced(older)
                self._known.enter(Standing(record, onward, None if standing else asked))
            if standing is not None and not standing.is_same_there(url, onward):
                hung_up = self._wing.hops.end_some_time(standing.record.url, standing.onward)
                self._tasks.spawn(hung_up)
        return told

    def _values(self, standing: Standing | None) -> dict[str, Message]:
        return {} if standing is None else {**records.values(standing.record, self._wing.kept)}

    @contextlib.asynccontextmanager
    async def _replacing(self, record: Forwarded, asked: Asked) -> AsyncIterator[Standing | None]:
        """Lend the connection that has the client's end; refuse where that is another client's.

        A client that has lost track of its connection asks for a new one, in the place of the old.
        """
        async with contextlib.AsyncExitStack() as stack:
            older = self._known.in_the_way(record)
            while older is not None:
                identity = older.record.told.id
                async with _in_time(asked.left_s, f"{identity} is being worked on: try again"):
                    await stack.enter_async_context(self._turns.turn(identity))
                if self._known.in_the_way(record) is older:
                    break
                await stack.aclose()
                older = self._known.in_the_way(record)
            yield older

    def _replaced(self, older: Standing) -> None:
        identity = older.record.told.id
        self._known.leave(older)
        self._tasks.spawn(self._wing.hops.end_some_time(older.record.url, older.onward))
        self._forget(identity)


@contextlib.asynccontextmanager
async def _in_time(within_s: float, text: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(within_s):
            yield
    except TimeoutError as error:
        raise Unavailable(text) from error


def _end_at(onward: Connection) -> ends.End:
    try:
        return ends.end(onward.mechanism)
    except BadMechanism as error:
        name = onward.network_service_endpoint_name
        raise BadMechanism(
            f"endpoint {name} does not say where its interface is: {error}"
        ) from error


def _together(failures: Sequence[MeshError]) -> MeshError:
    if len(failures) == 1 and isinstance(failures[0], Refused | Declined | BadMechanism):
        return failures[0]
    return Declined(f"all candidates have failed: {'; '.join(map(str, failures))}")
