# SPDX-License-Identifier: Apache-2.0
"""Connections to the servers of a cluster: one at a time, and the next where it fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import operator
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from kvs_descriptors.cancelling import cancellable
from kvs_proto.etcd.v1 import etcd_pb2 as pb

from .errors import EtcdError, Unavailable, translate
from .methods import RANGE, Method
from .settings import Endpoint, Settings

__all__ = ["Link", "Links"]

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Message)

_FAILED = frozenset(
    {
        grpc.ChannelConnectivity.SHUTDOWN,
        grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    }
)
_SERIALIZE = operator.methodcaller("SerializeToString")
_ANYTHING = pb.RangeRequest(key=b"\0", count_only=True, serializable=True)
# A server that has lost its cluster ends the stream with an error, instead of saying nothing.
_NEEDS_LEADER = (("hasleader", "true"),)


class Link:
    """A connection to one server, and how many calls are under way on it."""

    def __init__(self, endpoint: Endpoint, channel: grpc.aio.Channel) -> None:
        self.endpoint = endpoint
        self.channel = channel
        self.users = 0
        self.is_retired = False
        self._calls: dict[str, Callable[..., Any]] = {}

    @property
    def is_ready(self) -> bool:
        """Tell whether the next call goes out at once."""
        return not self.is_retired and self.channel.get_state() is grpc.ChannelConnectivity.READY

    async def until_ready(self) -> None:
        """Wait until the server is there; raise ``Unavailable`` at the first failure."""
        state = self.channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            if state in _FAILED:
                # A call fails at once then, and its error has the reason.
                await self.call(RANGE, _ANYTHING, 1.0)
            await self.channel.wait_for_state_change(state)
            state = self.channel.get_state(try_to_connect=True)

    async def call(self, method: Method[R], request: Message, timeout_s: float) -> R:
        """Ask and wait for the answer."""
        call = self._calls.get(method.path)
        if call is None:
            call = self._calls[method.path] = self.channel.unary_unary(
                method.path, _SERIALIZE, method.answer.FromString
            )
        try:
            with cancellable():
                answer: R = await call(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise translate(error, str(self.endpoint)) from error
        return answer

    def stream(
        self,
        method: Method[R],
        requests: AsyncIterator[Message],
        timeout_s: float | None = None,
    ) -> grpc.aio.StreamStreamCall[Any, R]:
        """Begin a conversation."""
        open_stream = self.channel.stream_stream(method.path, _SERIALIZE, method.answer.FromString)
        return open_stream(requests, timeout=timeout_s, metadata=_NEEDS_LEADER)


class Links:
    """Which server is talked to: the one that works, until it does not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoints = settings.parsed()
        for endpoint in self._endpoints:
            if endpoint.is_open:
                logger.warning(
                    "etcd: no TLS to %s: whoever is in between can read and alter", endpoint
                )
        self._next = 0
        self._current: Link | None = None
        self._retired: list[Link] = []
        self._dialing = asyncio.Lock()
        self._is_closed = False

    @contextlib.asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """Lend the connection that works; ``Unavailable`` inside has the next user go elsewhere.

        Raises ``Unavailable`` where no server can be reached: then nothing has been sent.
        """
        link = await self.take()
        try:
            yield link
        except Unavailable:
            self.retire(link)
            raise
        finally:
            self.give_back(link)

    async def take(self) -> Link:
        """As ``link``, for those who keep it; to be given back."""
        async with self._dialing:
            if self._is_closed:
                raise RuntimeError("the client of etcd is closed")
            await self._sweep()
            link = self._current
            if link is None or not link.is_ready:
                if link is not None:
                    self.retire(link)
                link = self._current = await self._dial_in_turn()
            link.users += 1
            return link

    def give_back(self, link: Link) -> None:
        """Say that a link is used no more."""
        link.users -= 1

    def retire(self, link: Link) -> None:
        """Have the next user of any link be given another one, to the next server.

        Calls that are under way on it are left alone: closing it would cancel them.
        """
        if link.is_retired:
            return
        link.is_retired = True
        self._retired.append(link)
        if link is self._current:
            self._current = None
            self._next = (self._endpoints.index(link.endpoint) + 1) % len(self._endpoints)

    async def close(self) -> None:
        """Close all connections; calls under way are cancelled."""
        self._is_closed = True
        links, self._retired = self._retired, []
        if self._current is not None:
            links.append(self._current)
            self._current = None
        for link in links:
            link.is_retired = True
            await link.channel.close()

    async def _sweep(self) -> None:
        """Close what was retired and is used no more."""
        unused = [link for link in self._retired if not link.users]
        self._retired = [link for link in self._retired if link.users]
        for link in unused:
            await link.channel.close()

    async def _dial_in_turn(self) -> Link:
        count = len(self._endpoints)
        reasons = []
        for step in range(count):
            index = (self._next + step) % count
            try:
                link = await self._dial(self._endpoints[index])
            except EtcdError as error:
                reasons.append(str(error))
            else:
                self._next = index
                return link
        # The one that has failed just now is not the first to be asked again.
        self._next = (self._next + 1) % count
        raise Unavailable("; ".join(reasons))

    async def _dial(self, endpoint: Endpoint) -> Link:
        link = Link(endpoint, self._channel(endpoint))
        timeout_s = self._settings.dial_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await link.until_ready()
        except BaseException as error:
            await link.channel.close()
            if isinstance(error, TimeoutError):
                raise Unavailable(f"{endpoint}: no connection within {timeout_s:g} s") from error
            raise
        return link

    def _channel(self, endpoint: Endpoint) -> grpc.aio.Channel:
        options = self._options()
        if not endpoint.is_secure:
            return grpc.aio.insecure_channel(endpoint.target, options)
        tls = self._settings.tls
        if tls is None:
            credentials = grpc.ssl_channel_credentials()
        else:
            try:
                credentials = tls.credentials()
            except OSError as error:
                raise Unavailable(f"{endpoint}: TLS: {error}") from error
            if tls.server_name:
                options.append(("grpc.ssl_target_name_override", tls.server_name))
        return grpc.aio.secure_channel(endpoint.target, credentials, options)

    def _options(self) -> list[tuple[str, Any]]:
        return [
            ("grpc.max_receive_message_length", self._settings.max_answer_bytes),
            ("grpc.max_send_message_length", -1),  # the server says what is too much
            ("grpc.enable_retries", 0),  # what was sent once may have had its effect
            ("grpc.enable_http_proxy", 0),  # etcd is not on the web
            ("grpc.use_local_subchannel_pool", 1),  # a new link is a new connection
        ]
