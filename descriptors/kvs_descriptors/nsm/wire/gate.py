# SPDX-License-Identifier: Apache-2.0
"""The way in: the gate speaks TLS, and gRPC in the clear behind it, on a socket of this process.

Each connection has a name, which gRPC gives as its peer. So a call is known by who calls, and by
which of our identities has been shown to it: after a rotation, tokens for connections that began
before are still signed with the key that their other side knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..errors import Untrusted
from ..identity.source import Source
from ..identity.svid import Identity
from . import pipe
from .address import Address
from .tls import Peer, peer_of, server_context

__all__ = ["Gate"]

logger = logging.getLogger(__name__)

_HANDSHAKE_S: Final = 10.0
_MAX_CONNECTIONS: Final = 1024
_PEER: Final = "unix-abstract:"


class Gate:
    """Lets in who proves an ID of our trust domain; ``target`` is where gRPC has to listen."""

    def __init__(self, address: Address, source: Source) -> None:
        self.address = address
        self._source = source
        self._name = f"kvs-nsm-{secrets.token_hex(16)}"
        self._peers: dict[str, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._identity: Identity | None = None

    @property
    def target(self) -> str:
        """Return where gRPC has to listen."""
        return f"unix-abstract:{self._name}"

    def caller(self, peer: str) -> Peer:
        """Return who calls, by the name that gRPC has for its connection."""
        found = self._peers.get(peer.removeprefix(_PEER))
        if found is None:
            # Somebody has found the inner socket, or the connection has just ended.
            raise Untrusted("the call has not come through the gate")
        return found

    async def __aenter__(self) -> Self:
        self._listening = _listen(self.address)
        if not self.address.path:
            port = self._listening.getsockname()[1]
            self.address = Address(host=self.address.host, port=port)
        try:
            await self._renew(await self._source.identity())
        except BaseException:
            self._listening.close()
            raise
        self._spawn(self._follow(self._source.changes()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self._server = self._identity = None
        if self._listening is not None:
            self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, identities: AsyncIterator[Identity]) -> None:
        async for identity in identities:
            try:
                await self._renew(identity)
            except Untrusted as error:
                logger.warning("mesh: the new identity is not taken: %s", error)

    async def _renew(self, identity: Identity) -> None:
        """Greet with another identity from now on; who is inside already notices nothing."""
        if identity is self._identity:
            return
        assert self._listening is not None
        before = self._server
        # Both listen on one queue for a moment: nobody who connects is turned away.
        self._server = await asyncio.start_server(
            functools.partial(self._accept, identity),
            sock=self._listening.dup(),
            ssl=server_context(identity),
            ssl_handshake_timeout=_HANDSHAKE_S,
        )
        self._identity = identity
        if before is not None:
            before.close()

    def _accept(
        self, identity: Identity, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._tasks) >= _MAX_CONNECTIONS:
            logger.warning("mesh: more than %s connections, one is refused", _MAX_CONNECTIONS)
            writer.transport.abort()
            return
        try:
            peer = peer_of(writer, identity)
        except (Untrusted, ValueError) as error:
            logger.warning("mesh: not let in: %s", error)
            writer.transport.abort()
            return
        task = self._spawn(self._let_in(peer, (reader, writer)))
        # Also where it is cancelled before it has begun.
        task.add_done_callback(lambda _: writer.close())

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _let_in(self, peer: Peer, outside: pipe.Stream) -> None:
        name = f"kvs-nsm-{secrets.token_hex(16)}"
        inner = socket.socket(socket.AF_UNIX)
        inner.setblocking(False)
        # As long as one of the two is open, nobody else can take the name.
        with contextlib.closing(inner.dup()):
            try:
                inner.bind(f"\0{name}")
                await asyncio.get_running_loop().sock_connect(inner, f"\0{self._name}")
                inside = await asyncio.open_unix_connection(sock=inner)
            except BaseException as error:
                inner.close()
                if not isinstance(error, OSError):
                    raise
                logger.warning("mesh: a connection could not be passed on: %s", error)
                return
            self._peers[name] = peer
            try:
                await pipe.join(outside, inside)
            finally:
                del self._peers[name]


def _listen(address: Address) -> socket.socket:
    if address.path:
        return _listen_at(address.path)
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server((address.host, address.port), family=family)


def _listen_at(path: str) -> socket.socket:
    # What a dead process has left behind is in the way of a new one.
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening
