# SPDX-License-Identifier: Apache-2.0
"""Leads from a socket's path to a port of this machine: ``python -m tests.nsm.relay PATH PORT``.

A namespace has a loopback of its own; a path is the same everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

__all__ = ["relaying"]


async def relaying(path: Path, port: int) -> asyncio.Server:
    """Begin to lead there."""

    async def relay(theirs: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            back.close()
            return
        await asyncio.gather(_copy(theirs, writer), _copy(reader, back))

    return await asyncio.start_unix_server(relay, path)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _main(path: Path, port: int) -> None:
    async with await relaying(path, port) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
