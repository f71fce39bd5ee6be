# SPDX-License-Identifier: Apache-2.0
"""The little of Docker's API that is needed: three questions over its Unix socket.

A client library would bring a dozen packages along for what is a hundred lines here. No version
of the API is named: old ones are refused in time, and what is used has been there from the first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

__all__ = ["Docker", "Unavailable", "socket_path"]

DEFAULT_SOCKET = "/var/run/docker.sock"
UNIX = "unix://"

TIMEOUT_S = 10.0
MAX_LINE_BYTES = 1 << 20
MAX_BODY_BYTES = 64 << 20
OK, NOT_FOUND = 200, 404
FIRST_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


class Unavailable(OSError):
    """There is no Docker here, or none for us: no reason to say a word."""


def socket_path() -> str:
    """Return the path of Docker's socket; "" where it is at no such place."""
    host = os.environ.get("DOCKER_HOST") or UNIX + DEFAULT_SOCKET
    return host.removeprefix(UNIX) if host.startswith(UNIX) else ""


class Docker:
    """Asks Docker; each question takes a connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def containers(self) -> list[Mapping[str, Any]]:
        """Return the running containers, in short."""
        async with asyncio.timeout(TIMEOUT_S), self._answer("/containers/json") as answer:
            found: list[Mapping[str, Any]] = json.loads(await answer.whole())
            return found

    async def container(self, number: str) -> Mapping[str, Any] | None:
        """Return all about a container, None where there is none any more."""
        target = f"/containers/{quote(number, safe='')}/json"
        async with asyncio.timeout(TIMEOUT_S), self._answer(target) as answer:
            if answer.status == NOT_FOUND:
                return None
            found: Mapping[str, Any] = json.loads(await answer.whole())
            return found

    @contextlib.asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
        """Give what happens to containers from now on, until Docker ends it."""
        chosen = json.dumps({"type": ["container"], "event": ["start", "die"]})
        async with self._answer(f"/events?filters={quote(chosen)}") as answer:
            yield answer.lines()

    @contextlib.asynccontextmanager
    async def _answer(self, target: str) -> AsyncIterator[_Answer]:
        if not self._path:
            raise Unavailable("Docker has no Unix socket")
        try:
            reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE_BYTES)
        except (FileNotFoundError, ConnectionRefusedError, PermissionError) as error:
            raise Unavailable(*error.args) from error
        try:
            head = f"GET {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            async with asyncio.timeout(TIMEOUT_S):
                answer = await _Answer.read(reader)
            if answer.status not in {OK, NOT_FOUND}:
                raise OSError(f"Docker answers {answer.status} to {target}")
            yield answer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Answer:
    """An answer of which the head has been read."""

    def __init__(self, reader: asyncio.StreamReader, status: int, head: Mapping[str, str]) -> None:
        self._reader = reader
        self.status = status
        self._is_chunked = head.get("transfer-encoding", "").lower() == "chunked"
        self._left = int(head.get("content-length", MAX_BODY_BYTES))

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> _Answer:
        """Read the head."""
        first = FIRST_LINE.match(line := await reader.readline())
        if first is None:
            raise ValueError(f"no answer in HTTP: {line!r:.80}")
        head: dict[str, str] = {}
        while text := (await reader.readline()).decode("latin-1").strip():
            name, _, value = text.partition(":")
            head[name.strip().lower()] = value.strip()
        return cls(reader, int(first[1]), head)

    async def _part(self) -> bytes:
        """Return the next part of the body, b"" at its end."""
        if not self._is_chunked:
            part = await self._reader.read(min(self._left, MAX_LINE_BYTES)) if self._left else b""
            self._left -= len(part)
            return part
        size = int((await self._reader.readline()).split(b";")[0] or b"0", 16)
        if not 0 <= size <= MAX_BODY_BYTES:
            raise ValueError(f"a part of {size} bytes")
        part = await self._reader.readexactly(size)
        await self._reader.readline()
        return part

    async def whole(self) -> bytes:
        """Return the whole body."""
        parts, size_bytes = [], 0
        while part := await self._part():
            parts.append(part)
            size_bytes += len(part)
            if size_bytes > MAX_BODY_BYTES:
                raise ValueError(f"an answer of more than {MAX_BODY_BYTES} bytes")
        return b"".join(parts)

    async def lines(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield each line of the body, an object in JSON."""
        rest = b""
        while part := await self._part():
            *lines, rest = (rest + part).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise ValueError(f"a line of more than {MAX_LINE_BYTES} bytes")
            for line in lines:
                if line.strip():
                    yield json.loads(line)
