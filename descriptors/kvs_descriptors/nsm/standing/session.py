# SPDX-License-Identifier: Apache-2.0
"""Keeps a client's connection: asks for it, refreshes it, asks elsewhere if its endpoint dies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import enum
import logging
from collections.abc import Callable, Iterable
from typing import Final

from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import Connection, ConnectionEvent, Mechanism

from .. import connections, pace, path
from ..errors import MeshError, Refused
from ..wire.links import TOKEN_LIFE, Links, now
from .retrying import Retrying

__all__ = ["Session", "Standing", "Wanted"]

logger = logging.getLogger(__name__)

# For so long a manager that was started anew may still wait for its endpoints to come back:
# until then it knows the connection's endpoint no more, and another one would be a detour.
PATIENCE_S: Final = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a connection: what has come of it, and what has failed since.

    A connection stays while it cannot be refreshed, until it expires: what it carries goes on.
    """

    connection: Connection | None = None
    failure: str = ""


class _Due(enum.Enum):
    """Why a connection has to be asked for again."""

    REFRESH = "it is time"
    LOST_MANAGER = "the manager is gone"
    LOST_ENDPOINT = "the endpoint is gone"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A connection as a client wants it.

    ``client`` is the client's name, ``identity`` the connection's id. Both have to be the same
    after a restart: by them the manager knows the connection again.
    """

    client: str
    identity: str
    connection: Connection
    preferences: tuple[Mechanism, ...]


class Session:
    """One connection, kept up as long as ``run`` runs."""

    def __init__(
        self,
        links: Links,
        wanted: Wanted,
        *,
        tell: Callable[[Standing], None] = lambda _: None,
        timeout_s: float = connections.REQUEST_TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self._links = links
        self._wanted = wanted
        self._identity = wanted.identity
        self._tell = tell
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._clock = clock
        # What the next request asks for; its path is how the mesh knows the connection.
        self._asked = self._first()
        self._is_known = False
        self._lives_until: datetime.datetime | None = None
        self._has_lost_since: float | None = None
        # What has been asked for, and the limit that ends the waiting for the next time.
        self._told: Wanted | None = None
        self._waiting: asyncio.Timeout | None = None
        self.standing = Standing(failure="not asked for yet")
        self.since = clock()

    def want(self, wanted: Wanted) -> None:
        """Want the same connection with other labels: it is asked for again at once."""
        self._wanted = wanted
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def take_up(self, found: Connection) -> None:
        """Go on with a connection from before a restart of ours, known from the mesh or by heart.

        It stands until somebody says that it does not, or, where nobody can be asked, until its
        last token must have expired.
        """
        self._is_known = True
        self._lives_until = self._clock() + TOKEN_LIFE
        if found.network_service != self._wanted.connection.network_service:
            return
        logger.info("mesh: %s is there already, and taken up again", self._identity)
        self._asked = _labelled(path.resume(found), self._wanted.connection)
        if found.state != connection_pb2.DOWN:
            self._note(Standing(connection=self._asked))

    async def run(self) -> None:
        """Keep it up until cancelled. It stays then, until it is closed or expires."""
        retrying = Retrying()
        while True:
            try:
                await self._take_up()
                made = await self._request()
            except MeshError as error:
                self._failed(error)
                await asyncio.sleep(retrying.next_s())
                continue
            retrying.reset()
            self._has_lost_since = None
            self._note(Standing(connection=made))
            if self._told is not self._wanted:
                continue
            due = await self._until_due(made)
            logger.debug("mesh: %s is asked for again: %s", self._identity, due.value)
            if due is _Due.LOST_ENDPOINT:
                self._reselect("the endpoint is gone")
            elif due is _Due.LOST_MANAGER:
                self._has_lost_since = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """End the connection; raises where nobody can be told, to be tried again later."""
        await self._take_up()
        if len(self._asked.path.path_segments) > 1:
            await self._make_known()
        await connections.close(self._links, self._asked, timeout_s=self._timeout_s)
        self._asked = self._first()
        self._note(Standing(failure="closed"))

    async def _make_known(self) -> None:
        """Have the manager know the connection: a new one would only nod, and tell nobody else.

        Where it cannot be made known the closing fails, until all others have let it expire.
        """
        wanted = self._wanted
        found = await connections.find_mine(self._links, wanted.client, wanted.identity)
        if found is not None:
            return
        is_alive = self._is_alive(self._asked)
        try:
            await self._request()
        except Refused:
            if is_alive:
                raise

    def _first(self) -> Connection:
        return path.begin(self._wanted.connection, self._wanted.client, self._identity)

    async def _take_up(self) -> None:
        """Ask once whether the mesh has the connection already: from before a restart of ours."""
        if self._is_known:
            return
        found = await connections.find_mine(self._links, self._wanted.client, self._identity)
        if found is not None:
            self.take_up(found)
        self._is_known = True

    async def _request(self) -> Connection:
        wanted = self._wanted
        if self._told is not wanted:
            self._asked = _labelled(self._asked, wanted.connection)
        self._told = wanted
        self._asked = _reachable(self._asked, wanted.preferences)
        made = await connections.request(
            self._links, self._asked, wanted.preferences, timeout_s=self._timeout_s
        )
        self._asked = made
        return made

    async def _until_due(self, made: Connection) -> _Due:
        """Return why, once the connection has to be asked for again."""
        events = connections.monitor(self._links, self._wanted.client, self._identity)
        try:
            async with (
                asyncio.timeout(pace.refresh_after_s(made, self._clock())) as self._waiting,
                contextlib.aclosing(events),
            ):
                async for event in events:
                    if (due := self._verdict(event)) is not None:
                        return due
        except TimeoutError:
            return _Due.REFRESH
        except MeshError as error:
            logger.info("mesh: %s cannot be followed: %s", self._identity, error)
        finally:
            self._waiting = None
        return _Due.LOST_MANAGER

    def _verdict(self, event: ConnectionEvent) -> _Due | None:
        mine = [one for one in event.connections.values() if path.is_mine(one, 0, self._identity)]
        if event.type == connection_pb2.INITIAL_STATE_TRANSFER:
            if any(one.state != connection_pb2.DOWN for one in mine):
                return None  # those that are down are older ones of the same name
            # A manager that knows nothing of it is a new one.
            return _Due.LOST_ENDPOINT if mine else _Due.LOST_MANAGER
        if event.type == connection_pb2.DELETE and mine:
            return _Due.LOST_ENDPOINT
        if any(one.state == connection_pb2.DOWN for one in mine):
            return _Due.LOST_ENDPOINT
        if any(one.state == connection_pb2.REFRESH_REQUESTED for one in mine):
            return _Due.REFRESH
        return None

    def _failed(self, error: MeshError) -> None:
        if not isinstance(error, Refused):
            self._note(Standing(self._living(), str(error)))
            # Whoever is there next has to find its endpoints again first.
            self._has_lost_since = asyncio.get_running_loop().time()
            return
        self._note(Standing(self._living(), f"refused: {error}"))
        lost = self._has_lost_since
        if lost is None or asyncio.get_running_loop().time() - lost > self._patience_s:
            self._reselect(str(error))

    def _living(self) -> Connection | None:
        """Return what has come of it, as long as the mesh has it."""
        made = self.standing.connection
        return made if made is not None and self._is_alive(made) else None

    def _is_alive(self, connection: Connection) -> bool:
        """Tell whether the others may still have a connection, by its first token that expires."""
        end = pace.expires(connection) or self._lives_until
        return end is not None and end > self._clock()

    def _reselect(self, why: str) -> None:
        """Ask for any endpoint next, unless a certain one is wanted."""
        if self.standing.connection is not None:
            self._note(Standing(failure=why))
        if len(self._asked.path.path_segments) > 1:
            logger.info("mesh: %s is asked for elsewhere: %s", self._identity, why)
        asked = Connection()
        asked.CopyFrom(self._asked)
        asked.ClearField("mechanism")
        asked.ClearField("context")
        asked.context.CopyFrom(self._wanted.connection.context)
        asked.network_service_endpoint_name = self._wanted.connection.network_service_endpoint_name
        asked.state = connection_pb2.RESELECT_REQUESTED
        self._asked = asked

    def _note(self, standing: Standing) -> None:
        if standing.failure and standing.failure != self.standing.failure:
            logger.warning("mesh: %s: %s", self._identity, standing.failure)
        if standing.connection is None and self.standing.connection is not None:
            self.since = self._clock()
        self.standing = standing
        self._tell(standing)


def _reachable(connection: Connection, preferences: Iterable[Mechanism]) -> Connection:
    """Return a connection that leads to where we are now.

    Its mechanism may say where an earlier process of ours was, which is nowhere any more.
    """
    asked = Connection()
    asked.CopyFrom(connection)
    for one in preferences:
        if asked.mechanism.type == one.type:
            asked.mechanism.parameters.update(one.parameters)
    return asked


def _labelled(connection: Connection, wanted: Connection) -> Connection:
    """Return a connection with the labels that are wanted now, and no others."""
    asked = Connection()
    asked.CopyFrom(connection)
    asked.labels.clear()
    asked.labels.update(wanted.labels)
    return asked
