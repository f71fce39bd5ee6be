# SPDX-License-Identifier: Apache-2.0
"""One client that stands: its session, the task that keeps it up, and what has come of it."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from pathlib import Path

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceClient
from kvs_proto.networkservice import connection_pb2
from kvs_proto.nsm.v1.connection_pb2 import Connection

from .. import keys, path
from ..errors import MeshError
from ..standing.session import Session, Standing
from ..wire.links import now
from . import meaning

__all__ = ["Client"]

logger = logging.getLogger(__name__)

_DAY = datetime.timedelta(days=1)

Tell = Callable[["Client"], None]


class Client:
    """A client and its session.

    ``established`` is what the mesh has made of it, ``kept`` what a later process of ours needs to
    go on with it. ``tell`` is told when either has become another.
    """

    session: Session

    def __init__(
        self,
        value: NetworkServiceClient,
        kept: connection_pb2.Connection,
        sockets: Path,
        tell: Tell,
    ) -> None:
        self.value = value
        self.kept = kept
        self.established: Connection | None = None
        self.task: asyncio.Task[None] | None = None
        # To be closed, and the mesh has not been told yet.
        self.is_leaving = False
        self._sockets = sockets
        self._tell = tell

    @property
    def connection_key(self) -> str:
        """Return the key of the connection."""
        return keys.connection(self.value.name, self.value.network_service)

    def go_on(self, kept: connection_pb2.Connection) -> None:
        """Go on with what an earlier process of ours had, if it had got anything."""
        if len(kept.path.path_segments) > 1:
            self.session.take_up(kept)

    async def stop(self) -> None:
        """Keep it up no longer; it stands until it is closed, or expires."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            self.task = None
        self._take(None)

    def note(self, standing: Standing) -> None:
        """Take in what the session tells."""
        if self.is_leaving:
            return
        if standing.connection is None:
            self._take(None)
            return
        kept = path.kept(standing.connection)
        found: Connection | None
        try:
            found = meaning.established(self.value, standing.connection, self._sockets)
        except MeshError as error:
            name = self.value.name
            logger.warning("mesh: %s: what we are told is of no use: %s", name, error)
            found = None
        self._take(found, kept)

    def why_absent(self) -> str:
        """Say why there is no connection."""
        standing = self.session.standing
        if self.is_leaving:
            return f"being closed; {standing.failure}"
        since = self.session.since.astimezone()
        form = "%H:%M:%S" if now() - since < _DAY else "%Y-%m-%d %H:%M:%S"
        return f"connecting since {since:{form}}; {standing.failure}"

    def _take(
        self, found: Connection | None, kept: connection_pb2.Connection | None = None
    ) -> None:
        kept = kept or self.kept
        if (found, kept) != (self.established, self.kept):
            self.established, self.kept = found, kept
            self._tell(self)
