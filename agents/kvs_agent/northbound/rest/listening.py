# SPDX-License-Identifier: Apache-2.0
"""Sockets to listen on, and connections within bounds: how many, and how long they may idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from .settings import UNIX, Address

__all__ = ["Listener"]

BACKLOG: Final = 128
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class _Refusing(asyncio.Protocol):
    """Says that there are too many connections, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(_FULL)
        transport.close()


class Listener:
    """Listens on one address, and makes a protocol for each connection while there is room."""

    def __init__(
        self,
        address: Address,
        context: ssl.SSLContext | None,
        protocol: Callable[[], asyncio.Protocol],
        is_full: Callable[[], bool],
        handshake_s: float,
    ) -> None:
        self._address = address
        self._context = context
        self._protocol = protocol
        self._is_full = is_full
        self._handshake_s = handshake_s
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        handshake_s = self._handshake_s if self._context is not None else None
        if self._address.path is not None:
            self._server = await loop.create_unix_server(
                self._accepted,
                sock=_unix_socket(self._address.path),
                backlog=BACKLOG,
                ssl=self._context,
                ssl_handshake_timeout=handshake_s,
            )
        else:
            self._server = await loop.create_server(
                self._accepted,
                self._address.host,
                self._address.port,
                backlog=BACKLOG,
                ssl=self._context,
                ssl_handshake_timeout=handshake_s,
            )

    def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()
        if self._address.path is not None:
            with contextlib.suppress(OSError):
                self._address.path.unlink()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens: ``address:port``, or ``unix:`` and a path."""
        if self._server is None:
            return ()
        if self._address.path is not None:
            return (f"{UNIX}{self._address.path}",)
        return tuple(_shown(one.getsockname()) for one in self._server.sockets)

    def _accepted(self) -> asyncio.Protocol:
        return _Refusing() if self._is_full() else self._protocol()


def _shown(name: Collection[object]) -> str:
    host, port, *_ = name
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _unix_socket(path: Path) -> socket.socket:
    """Return a socket at a path that none but its owner may connect to."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_stale(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The socket must never be there with wider permissions, not even for a moment.
    before = os.umask(0o177)
    try:
        made.bind(os.fspath(path))
    except BaseException:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


def _remove_stale(path: Path) -> None:
    """Remove a socket that a killed process has left, and none that somebody listens on."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
