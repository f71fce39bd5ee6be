# SPDX-License-Identifier: Apache-2.0
"""The way to one address over changes of our identity: a new connection first, then the old ends.

Calls under way, streams above all, go on where they began. Their tokens were signed with the key
that the other side knows from that very connection, which is why new calls need a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, TypeVar

from google.protobuf.message import Message

from .. import pace, tokens
from ..errors import Unavailable
from ..identity.source import Source
from ..identity.svid import Identity
from .address import Address
from .link import Answer, Link, Metadata
from .methods import Method

__all__ = ["TOKEN_LIFE", "Links", "now"]

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

TOKEN_LIFE: Final = datetime.timedelta(minutes=10)
_CONNECT_S: Final = 10.0


def now() -> datetime.datetime:
    """Return the time of day, which tokens are about."""
    return datetime.datetime.now(datetime.UTC)


class Links:
    """Calls to one address; ``source`` is None for one that need not be proved anything."""

    def __init__(
        self,
        address: Address,
        source: Source | None,
        *,
        token_life: datetime.timedelta = TOKEN_LIFE,
        clock: Callable[[], datetime.datetime] = now,
    ) -> None:
        if source is None and not address.is_local:
            raise ValueError(f"without an identity only this machine is talked to, not {address}")
        self.address = address
        self._source = source
        self._token_life = token_life
        self._clock = clock
        self._current: Link | None = None
        self._retired: set[Link] = set()
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """End all connections, with the calls that are under way."""
        links = [*self._retired, *([self._current] if self._current is not None else [])]
        self._current = None
        self._retired.clear()
        for link in links:
            await link.close()

    async def call(
        self, method: Method[Q, R], request: Q, *, timeout_s: float, metadata: Metadata = ()
    ) -> Answer[R]:
        """Ask and wait for the answer, with a token."""
        async with self._link() as link:
            token = link.token(self._clock(), self._token_life)
            left_s = (token.expires - self._clock()).total_seconds()
            allowed_s = pace.call_timeout_s(timeout_s, left_s)
            return await link.call(
                method, request, (*tokens.metadata(token), *metadata), allowed_s
            )

    async def stream(self, method: Method[Q, R], request: Q) -> AsyncGenerator[R, None]:
        """Ask, and yield answers until there are no more."""
        async with self._link() as link:
            token = link.token(self._clock(), self._token_life)
            answers = link.stream(method, request, tokens.metadata(token))
            async with contextlib.aclosing(answers):
                async for answer in answers:
                    yield answer

    async def probe(self) -> None:
        """Return once there is a connection; raise where there will be none."""
        async with self._link():
            pass

    @contextlib.asynccontextmanager
    async def _link(self) -> AsyncIterator[Link]:
        link = await self._take()
        link.users += 1
        try:
            await link.until_ready(_CONNECT_S)
            yield link
        finally:
            link.users -= 1
            await self._end_unused()

    async def _take(self) -> Link:
        identity = await self._identity()
        async with self._opening:
            if self._current is None or self._current.identity is not identity:
                link = Link(self.address, identity)
                await link.open()
                if self._current is not None:
                    self._retired.add(self._current)
                self._current = link
                await self._end_unused()
            return self._current

    async def _identity(self) -> Identity | None:
        if self._source is None:
            return None
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await self._source.identity()
        except TimeoutError as error:
            raise Unavailable("we have no identity yet: the Workload API gives none") from error

    async def _end_unused(self) -> None:
        for link in [one for one in self._retired if not one.users]:
            self._retired.discard(link)
            await link.close()
