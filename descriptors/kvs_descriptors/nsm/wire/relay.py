# SPDX-License-Identifier: Apache-2.0
"""The way out: gRPC speaks in the clear to a socket of this process, the relay speaks TLS.

gRPC's own TLS checks host names, which SPIFFE's certificates have none of, and has no place for a
check of our own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import struct
from types import TracebackType
from typing import Final, Self

from ..errors import Untrusted
from ..identity.svid import Identity
from . import pipe
from .address import Address
from .tls import Peer, client_context, peer_of

__all__ = ["Relay"]

logger = logging.getLogger(__name__)

_CONNECT_S: Final = 10.0
# Of the loop: to see who is there, to make a transport, to tell us.
_ACCEPTING_TURNS: Final = 3
_CREDENTIALS: Final = struct.Struct("iII")


class Relay:
    """Leads to one address with one identity; ``target`` is what gRPC connects to."""

    def __init__(self, address: Address, identity: Identity) -> None:
        self._address = address
        self._identity = identity
        self._context = client_context(identity)
        # A name, no file: nothing is left behind, and it says nothing.
        self._name = f"kvs-nsm-{secrets.token_hex(16)}"
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.peer: Peer | None = None
        self.failure = ""

    @property
    def target(self) -> str:
        """Return where gRPC has to connect to."""
        return f"unix-abstract:{self._name}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._accept, f"\0{self._name}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        # gRPC may have connected just now. Python 3.11 loses who is accepted by a server that has
        # been closed meanwhile: its socket stays open until somebody collects the garbage.
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(0)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve((reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Also where it is cancelled before it has begun.
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, inside: pipe.Stream) -> None:
        if not _is_own(inside[1]):
            return
        outside = await self._connect()
        if outside is not None:
            await pipe.join(inside, outside)

    async def _connect(self) -> pipe.Stream | None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                outside = await self._open()
        except (OSError, TimeoutError) as error:  # an SSLError is an OSError
            self.failure = f"{self._address}: {str(error) or 'no answer'}"
            return None
        try:
            self.peer = peer_of(outside[1], self._identity)
        except (Untrusted, ValueError) as error:
            self.failure = f"{self._address}: {error}"
            logger.warning("mesh: not trusted: %s", self.failure)
            await pipe.close(outside[1])
            return None
        self.failure = ""
        return outside

    async def _open(self) -> pipe.Stream:
        address = self._address
        if address.path:
            return await asyncio.open_unix_connection(
                address.path, ssl=self._context, server_hostname="nsm"
            )
        return await asyncio.open_connection(address.host, address.port, ssl=self._context)


def _is_own(writer: asyncio.StreamWriter) -> bool:
    """Tell whether it is this process that has connected: others may find the socket's name."""
    inside = writer.get_extra_info("socket")
    raw = inside.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, _, _ = _CREDENTIALS.unpack(raw)
    return bool(pid == os.getpid())
