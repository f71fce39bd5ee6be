# SPDX-License-Identifier: Apache-2.0
"""A connection to a manager: gRPC, the relay that it goes through, and tokens for its calls."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

import grpc
from google.protobuf.message import Message

from kvs_descriptors.cancelling import cancellable

from .. import tokens
from ..errors import Refused, Unavailable
from ..identity.svid import Identity
from .address import Address
from .methods import Method
from .relay import Relay
from .tls import Peer

__all__ = ["Answer", "Link"]

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Metadata = tuple[tuple[str, str], ...]
Answer = tuple[R, dict[str, str]]

_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
_MAX_REASON: Final = 1000
_MAX_TOKEN_LIFE: Final = datetime.timedelta(days=1)
_POLL_S: Final = 0.25
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name: how long an attempt may take. A handshake has to fit in.
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.default_authority", "nsm"),
    ("grpc.enable_http_proxy", 0),
    # Two links to one address must not share a connection: each has its identity.
    ("grpc.use_local_subchannel_pool", 1),
)
_GONE: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
_FAILED: Final = {
    grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    grpc.ChannelConnectivity.SHUTDOWN,
}


class Link:
    """One connection with one identity; without one it is not encrypted, and proves nothing."""

    def __init__(self, address: Address, identity: Identity | None) -> None:
        self.address = address
        self.identity = identity
        self.users = 0
        self._relay = Relay(address, identity) if identity is not None else None
        self._channel: grpc.aio.Channel | None = None
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Begin; connects by the first call, or by ``until_ready``."""
        target = self.address.target
        if self._relay is not None:
            await self._stack.enter_async_context(self._relay)
            target = self._relay.target
        channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._channel = await self._stack.enter_async_context(channel)

    async def close(self) -> None:
        """End it, with the calls that are under way."""
        await self._stack.aclose()

    @property
    def peer(self) -> Peer | None:
        """Return who is at the other end, once it is known, and where it can be."""
        return self._relay.peer if self._relay is not None else None

    async def until_ready(self, timeout_s: float) -> None:
        """Wait until there is a connection; raise ``Unavailable`` where there will be none."""
        assert self._channel is not None
        try:
            async with asyncio.timeout(timeout_s):
                await self._become_ready(self._channel)
        except TimeoutError as error:
            raise Unavailable(self._why("no answer")) from error

    async def _become_ready(self, channel: grpc.aio.Channel) -> None:
        state = channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            if state in _FAILED:
                raise Unavailable(self._why("not reachable"))
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)

    def _why(self, otherwise: str) -> str:
        if self._relay is not None and self._relay.failure:
            return self._relay.failure
        return f"{self.address}: {otherwise}"

    def token(self, now: datetime.datetime, life: datetime.timedelta) -> tokens.Token:
        """Make a token for the other end."""
        end = now + min(life, _MAX_TOKEN_LIFE)
        if self.identity is None:
            return tokens.unproved(end)
        peer = self.peer
        if peer is None:
            raise Unavailable(self._why("not connected"))
        svid = self.identity.svid
        return tokens.issue(svid.key, svid.id, peer.id, min(end, peer.expires))

    async def call(
        self, method: Method[Q, R], request: Q, metadata: Metadata, timeout_s: float
    ) -> Answer[R]:
        """Ask and wait for the answer; return it with the text of what came along with it."""
        assert self._channel is not None
        ask = self._channel.unary_unary(
            method.path, method.takes.SerializeToString, method.gives.FromString
        )
        call = ask(request, metadata=metadata, timeout=timeout_s)
        try:
            with cancellable():
                answer: R = await call
                told = await call.initial_metadata()
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error
        return answer, {key: value for key, value in told if isinstance(value, str)}

    async def stream(
        self, method: Method[Q, R], request: Q, metadata: Metadata
    ) -> AsyncGenerator[R, None]:
        """Ask, and yield answers until the other end has no more."""
        assert self._channel is not None
        ask = self._channel.unary_stream(
            method.path, method.takes.SerializeToString, method.gives.FromString
        )
        call = ask(request, metadata=metadata)
        try:
            with cancellable():
                async for answer in call:
                    yield answer
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error
        finally:
            call.cancel()

    def _translated(self, error: grpc.aio.AioRpcError) -> Unavailable | Refused:
        details = " ".join((error.details() or "").split())[:_MAX_REASON]
        if error.code() in _GONE:
            return Unavailable(self._why(details or error.code().name))
        return Refused(error.code().name, details)
