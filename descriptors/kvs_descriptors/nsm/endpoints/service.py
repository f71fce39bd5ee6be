# SPDX-License-Identifier: Apache-2.0
"""One endpoint's connections: who is let in, what their interfaces are called, what is kept."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from kvs_proto.cnf.nsm.nsm_pb2 import NetworkServiceEndpoint
from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism
from kvs_proto.nsm.v1.endpoint_pb2 import EndpointConnection, HeldConnection, HeldConnections

from .. import mechanisms, path
from ..errors import BadMechanism, Declined, MeshError
from ..wire.links import now
from . import meaning
from .meaning import Site

__all__ = ["EndpointService"]

logger = logging.getLogger(__name__)

# Of one connection, less its tokens: it is kept for as long as it lives, and journalled.
_MAX_KEPT_BYTES: Final = 16 * 1024

Changed = Callable[[str, EndpointConnection | None], None]


class EndpointService:
    """Serves one endpoint. What it holds outlives the process, as the endpoint's metadata.

    ``others`` tells which names of interfaces are not ours to give, ``changed`` is told which
    interface has got another connection, or none.
    """

    def __init__(
        self,
        value: NetworkServiceEndpoint,
        site: Site,
        others: Callable[[], Collection[str]],
        changed: Changed,
        *,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        self.value = value
        self.is_over = False
        self._site = site
        self._others = others
        self._changed = changed
        self._clock = clock
        self._held: dict[str, HeldConnection] = {}
        self._found: dict[str, EndpointConnection] = {}

    @property
    def metadata(self) -> HeldConnections:
        """Return what has to be known after a restart."""
        return HeldConnections(held=self._held.values())

    @property
    def connections(self) -> dict[str, EndpointConnection]:
        """Return what is served, by the names of our interfaces."""
        return {one.interface_name: one for one in self._found.values()}

    @property
    def names(self) -> Iterator[str]:
        """Yield the names of interfaces that are in use, or kept for their one client."""
        if only := meaning.naming(self.value).only:
            yield only
        yield from (one.interface_name for one in self._held.values())

    @property
    def held(self) -> tuple[HeldConnection, ...]:
        """Return the connections, as they are kept."""
        return tuple(self._held.values())

    def take_up(self, before: HeldConnections) -> None:
        """Go on with what was held before a restart: it is there until it expires."""
        for one in before.held:
            try:
                found = self._told(one.connection, one.interface_name)
            except MeshError as error:
                logger.warning("mesh: a connection cannot be taken up: %s", error)
                continue
            self._held[one.connection.id] = one
            self._found[one.connection.id] = found

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        """Let a client in, or refresh its connection."""
        if self.is_over:
            raise Declined("the endpoint is being removed")
        offered = mechanisms.chosen(connection, preferences, meaning.kind(self.value))
        name = self._named(connection)
        made = Connection()
        made.CopyFrom(connection)
        made.mechanism.CopyFrom(self._answer(offered, name))
        self._keep(made, name, self._told(made, name))
        return made

    async def close(self, connection: Connection) -> None:
        """Forget a connection; its interface is its maker's to remove."""
        self._held.pop(connection.id, None)
        found = self._found.pop(connection.id, None)
        if found is not None:
            self._changed(found.interface_name, None)

    def _named(self, connection: Connection) -> str:
        held = {identity: one.interface_name for identity, one in self._held.items()}
        return meaning.naming(self.value).name(
            connection.id,
            connection.labels,
            held,
            others=self._others(),
            brought=self._brought(connection),
        )

    def _brought(self, connection: Connection) -> str:
        """Return what we have called it, as the client knows it, where we know nothing."""
        if not connection.HasField("mechanism"):
            return ""
        try:
            if meaning.kind(self.value) == mechanisms.KERNEL:
                return mechanisms.read_kernel(connection.mechanism).name
            folder = self._socket("x").parent
            return Path(mechanisms.read_memif(connection.mechanism, folder).socket).stem
        except BadMechanism:
            return ""

    def _answer(self, offered: Mechanism, name: str) -> Mechanism:
        if meaning.kind(self.value) == mechanisms.KERNEL:
            answer = Mechanism()
            answer.CopyFrom(offered)
            answer.MergeFrom(mechanisms.kernel(name, self._site.namespace))
            return answer
        socket = self._socket(name)
        answer = mechanisms.memif(socket)
        # What the client would refuse is not told to it.
        mechanisms.read_memif(answer, self._site.sockets)
        try:
            socket.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Declined(f"there is no place for the socket: {error}") from error
        return answer

    def _socket(self, name: str) -> Path:
        return meaning.socket_path(self.value, self._site, name)

    def _told(self, made: Connection, name: str) -> EndpointConnection:
        is_memif = meaning.kind(self.value) == mechanisms.MEMIF
        socket = str(self._socket(name)) if is_memif else ""
        return meaning.connection(self.value, made, name, socket)

    def _keep(self, made: Connection, name: str, found: EndpointConnection) -> None:
        kept = _without_tokens(made)
        before = self._held.get(made.id)
        is_known = before is not None and before.connection.path == kept.path
        if is_known and self._found.get(made.id) == found:
            # A refresh is not written down, unless it has come by another way.
            return
        if kept.ByteSize() > _MAX_KEPT_BYTES:
            text = f"more than {_MAX_KEPT_BYTES} bytes are told of the connection"
            raise Declined(f"{text}: {kept.ByteSize()}")
        end = path.previous(made).expires.ToDatetime(datetime.UTC)
        self._held[made.id] = HeldConnection(
            connection=kept,
            interface_name=name,
            life_s=max(0.0, (end - self._clock()).total_seconds()),
        )
        self._found[made.id] = found
        self._changed(name, found)


def _without_tokens(connection: Connection) -> Connection:
    """Return a connection as it is kept: nobody could be asked with old tokens."""
    kept = Connection()
    kept.CopyFrom(connection)
    for segment in kept.path.path_segments:
        segment.ClearField("token")
        segment.ClearField("expires")
    return kept
