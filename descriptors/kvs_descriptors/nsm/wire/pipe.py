# SPDX-License-Identifier: Apache-2.0
"""Passes bytes on between two connections, both ways, until one of them ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

__all__ = ["Stream", "close", "join"]

_CHUNK_BYTES: Final = 256 * 1024
_CLOSE_S: Final = 5.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def join(one: Stream, other: Stream) -> None:
    """Pass everything on, then close both."""
    ways = [
        asyncio.ensure_future(_pass(one[0], other[1])),
        asyncio.ensure_future(_pass(other[0], one[1])),
    ]
    try:
        # HTTP/2 has no use for a connection of which one half is closed.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        # At once: whoever cancels this while it waits must not find them open.
        one[1].close()
        other[1].close()
        await asyncio.gather(*ways, return_exceptions=True)
        await asyncio.gather(close(one[1]), close(other[1]))


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection; what the other side makes of it does not matter any more."""
    writer.close()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await writer.wait_closed()
    finally:
        # TLS says good-bye first, and may wait for an answer: not for ever, and not if cancelled.
        writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
