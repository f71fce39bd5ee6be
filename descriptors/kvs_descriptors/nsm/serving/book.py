# SPDX-License-Identifier: Apache-2.0
"""The connections that endpoints hold: one change at a time for each, gone when they expire."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from kvs_proto.networkservice import connection_pb2
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism, State

from .. import path
from ..errors import Declined, MeshError
from .service import Service
from .turns import Turns
from .watchers import Watchers

__all__ = ["Book"]

logger = logging.getLogger(__name__)

_MAX_CONNECTIONS: Final = 16_384


@dataclasses.dataclass(slots=True)
class _Held:
    connection: Connection
    service: Service
    timer: asyncio.TimerHandle | None = None


class Book:
    """What is held, by the id in the endpoint's own segment of the path."""

    def __init__(self, clock: Callable[[], datetime.datetime]) -> None:
        self.watchers = Watchers()
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._turns = Turns()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> dict[str, Connection]:
        """Return what is held now."""
        return {identity: held.connection for identity, held in self._held.items()}

    async def request(
        self,
        service: Service,
        connection: Connection,
        preferences: Sequence[Mechanism],
        within_s: float,
    ) -> Connection:
        """Have a connection made or refreshed; return it with the turn still at us."""
        identity = connection.id
        async with self._turns.turn(identity):
            held = self._held.get(identity)
            if held is None and len(self._held) >= _MAX_CONNECTIONS:
                raise Declined(f"there are {_MAX_CONNECTIONS} connections already")
            if held is not None and held.service is not service:
                raise Declined(f"the connection {identity} is another endpoint's")
            before = None if held is None else held.connection
            made = await service.request(connection, preferences, before)
            # The way back goes by the path: nobody else has a say in it. What is beyond us has
            # been told by who is.
            made.path.CopyFrom(path.joined(connection, made))
            made.id = identity
            made.state = connection_pb2.UP
            self._keep(_Held(made, service), within_s)
            self.watchers.tell(connection_pb2.UPDATE, made)
            return made

    def restore(self, service: Service, connection: Connection, left_s: float) -> None:
        """Hold a connection from before a restart, as if nothing had been, until it expires."""
        if connection.id not in self._held:
            self._hold(_Held(connection, service), left_s)

    def mark(self, identity: str, state: State) -> None:
        """Tell how it stands with a connection now, which stays nevertheless."""
        held = self._held.get(identity)
        if held is None or held.connection.state == state:
            return
        marked = Connection()
        marked.CopyFrom(held.connection)
        marked.state = state
        held.connection = marked
        logger.info("mesh: the connection %s is %s now", identity, State.Name(state))
        self.watchers.tell(connection_pb2.UPDATE, marked)

    def lose(self, identity: str) -> None:
        """Let go of a connection that has been taken down by somebody else."""
        held = self._held.get(identity)
        self._drop(identity)
        if held is not None:
            self.watchers.tell(connection_pb2.DELETE, held.connection)

    async def close(self, identity: str, asked: Connection | None = None) -> None:
        """Have a connection taken down; one that is not there is down already.

        ``asked`` is how the one who asks has it: the tokens of its path are the newest.
        """
        async with self._turns.turn(identity):
            held = self._held.get(identity)
            if held is None:
                return
            closed = Connection()
            closed.CopyFrom(held.connection)
            if asked is not None:
                closed.path.CopyFrom(path.joined(asked, held.connection))
            await held.service.close(closed)
            self._drop(identity)
            self.watchers.tell(connection_pb2.DELETE, held.connection)

    async def close_all(self, service: Service) -> None:
        """Have all connections of an endpoint taken down; one that resists is named and let go."""
        for identity, held in list(self._held.items()):
            if held.service is service:
                await self._close_anyway(identity)

    async def aclose(self) -> None:
        """Forget everything; what was made for the connections stays."""
        for identity in list(self._held):
            self._drop(identity)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _keep(self, held: _Held, within_s: float) -> None:
        self._drop(held.connection.id)
        end = path.previous(held.connection).expires.ToDatetime(datetime.UTC)
        # As all servers of the mesh count: the answer may have taken the caller so long to get.
        self._hold(held, (end - self._clock()).total_seconds() - within_s)

    def _hold(self, held: _Held, left_s: float) -> None:
        identity = held.connection.id
        self._held[identity] = held
        loop = asyncio.get_running_loop()
        held.timer = loop.call_later(max(0.0, left_s), self._expire, identity, held)

    def _drop(self, identity: str) -> None:
        held = self._held.pop(identity, None)
        if held is not None and held.timer is not None:
            held.timer.cancel()

    def _expire(self, identity: str, held: _Held) -> None:
        self._spawn(self._close_expired(identity, held))

    async def _close_expired(self, identity: str, held: _Held) -> None:
        # A refresh may have come first.
        if self._held.get(identity) is held:
            logger.info("mesh: the connection %s has expired", identity)
            await self._close_anyway(identity)

    async def _close_anyway(self, identity: str) -> None:
        try:
            await self.close(identity)
        except (MeshError, OSError) as error:
            logger.warning("mesh: the connection %s could not be closed: %s", identity, error)
            self.lose(identity)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
