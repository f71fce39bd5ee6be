# SPDX-License-Identifier: Apache-2.0
"""One server for all endpoints, each by its name: gRPC around the book of connections."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.protobuf.empty_pb2 import Empty

from kvs_proto.networkservice.connection_pb2 import (
    Connection,
    ConnectionEvent,
    MonitorScopeSelector,
)
from kvs_proto.networkservice.networkservice_pb2 import NetworkServiceRequest

from .. import path, tokens
from ..errors import (
    BadContext,
    BadMechanism,
    BadPath,
    BadToken,
    Declined,
    MeshError,
    Refused,
    Unavailable,
    Untrusted,
)
from ..identity.source import Source
from ..wire import methods
from ..wire.address import Address
from ..wire.gate import Gate
from ..wire.links import TOKEN_LIFE, now
from ..wire.methods import Method
from ..wire.tls import Peer
from .book import Book
from .refusals import Refusals
from .service import Service

__all__ = ["Context", "EndpointServer"]

Context = grpc.aio.ServicerContext[Any, Any]

_MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
_MAX_STREAMS: Final = 1024
_GRACE_S: Final = 2.0
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", _MAX_STREAMS),
    ("grpc.so_reuseport", 0),
)
_CODES: Final[dict[type[MeshError], grpc.StatusCode]] = {
    BadPath: grpc.StatusCode.INVALID_ARGUMENT,
    BadContext: grpc.StatusCode.INVALID_ARGUMENT,
    BadMechanism: grpc.StatusCode.FAILED_PRECONDITION,
    Declined: grpc.StatusCode.FAILED_PRECONDITION,
    BadToken: grpc.StatusCode.PERMISSION_DENIED,
    Untrusted: grpc.StatusCode.UNAUTHENTICATED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}


class EndpointServer:
    """Serves endpoints at one address; without a source of identities, this machine only."""

    def __init__(
        self,
        address: Address,
        source: Source | None,
        *,
        token_life: datetime.timedelta = TOKEN_LIFE,
        clock: Callable[[], datetime.datetime] = now,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        if source is None and not address.is_local:
            raise ValueError(f"without an identity only this machine is served, not {address}")
        self.address = address
        self.book = Book(clock)
        self.refusals = Refusals()
        self._gate = Gate(address, source) if source is not None else None
        self._token_life = token_life
        self._clock = clock
        self._new_id = new_id
        self._services: dict[str, Service] = {}
        self._stack = contextlib.AsyncExitStack()

    def add(self, name: str, service: Service) -> None:
        """Serve an endpoint."""
        if name in self._services:
            raise ValueError(f"the endpoint {name!r} is served already")
        self._services[name] = service

    async def remove(self, name: str) -> None:
        """Serve an endpoint no longer: its connections end, and their clients are told."""
        service = self._services.pop(name, None)
        if service is not None:
            await self.book.close_all(service)
        self.refusals.forget(name)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers(_handlers(self))
        if self._gate is None:
            port = server.add_insecure_port(self.address.target)
            if not self.address.path:
                self.address = Address(host=self.address.host, port=port)
        else:
            server.add_insecure_port(self._gate.target)
        self._stack.push_async_callback(self.book.aclose)
        self._stack.push_async_callback(server.stop, _GRACE_S)
        await server.start()
        if self._gate is not None:
            await self._stack.enter_async_context(self._gate)
            self.address = self._gate.address

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def request(self, asked: NetworkServiceRequest, context: Context) -> Connection:
        """Make a connection, or refresh it."""
        name = asked.connection.network_service_endpoint_name
        try:
            return await self._request(asked, name, context)
        except MeshError as error:
            known = name if name in self._services else ""
            self.refusals.note(known, asked.connection, error)
            raise

    async def _request(
        self, asked: NetworkServiceRequest, name: str, context: Context
    ) -> Connection:
        connection = self.entered(asked.connection, context)
        service = self._services.get(name)
        if service is None:
            raise Refused("NOT_FOUND", f"no endpoint {name!r} is served here")
        preferences = tuple(asked.mechanism_preferences)
        within_s = context.time_remaining() or 0.0
        made = await self.book.request(service, connection, preferences, within_s)
        return path.leave(made)

    async def close(self, asked: Connection, context: Context) -> Empty:
        """End a connection; what we have of it counts, not what is sent."""
        entered = self.entered(asked, context)
        await self.book.close(entered.id, entered)
        return Empty()

    def monitor(
        self, selector: MonitorScopeSelector, context: Context
    ) -> AsyncGenerator[ConnectionEvent, None]:
        """Tell of connections."""
        self._caller(context)
        return self.book.watchers.follow(selector, self.book.connections)

    def _caller(self, context: Context) -> Peer | None:
        return self._gate.caller(context.peer()) if self._gate is not None else None

    def name(self, connection: Connection) -> str:
        """Return what we are called in the path of a connection."""
        return connection.network_service_endpoint_name

    def entered(self, connection: Connection, context: Context) -> Connection:
        """Take the turn, after a look at who has it."""
        caller, moment = self._caller(context), self._clock()
        theirs = tokens.from_metadata(context.invocation_metadata() or ())
        entered = path.enter(connection, self.name(connection), self._new_id)
        ours = self._token(caller, moment)
        if entered.path.index == 0:
            raise BadPath("the first of the path is who asks, and has our name")
        signed = path.sign(entered, (theirs.text, theirs.expires), (ours.text, ours.expires))
        if caller is not None:
            tokens.check(theirs.text, caller.certificate, caller.ours.svid.id, moment)
            tokens.check_chain(signed.path.path_segments[: signed.path.index + 1], moment)
        return signed

    def _token(self, caller: Peer | None, moment: datetime.datetime) -> tokens.Token:
        end = moment + self._token_life
        if caller is None:
            return tokens.unproved(end)
        svid = caller.ours.svid
        return tokens.issue(svid.key, svid.id, caller.id, min(end, caller.expires))


def _handlers(server: EndpointServer) -> tuple[grpc.GenericRpcHandler, ...]:
    return (
        grpc.method_handlers_generic_handler(
            methods.REQUEST.service,
            {
                methods.REQUEST.name: _unary(methods.REQUEST, server.request),
                methods.CLOSE.name: _unary(methods.CLOSE, server.close),
            },
        ),
        grpc.method_handlers_generic_handler(
            methods.MONITOR.service, {methods.MONITOR.name: _monitor(server)}
        ),
    )


def _unary(
    method: Method[Any, Any], answer: Callable[[Any, Context], Awaitable[Any]]
) -> grpc.RpcMethodHandler[Any, Any]:
    async def handle(asked: Any, context: Context) -> Any:
        try:
            return await answer(asked, context)
        except MeshError as error:
            await _abort(context, error)

    return grpc.unary_unary_rpc_method_handler(
        handle, method.takes.FromString, method.gives.SerializeToString
    )


def _monitor(server: EndpointServer) -> grpc.RpcMethodHandler[Any, Any]:
    async def handle(
        asked: MonitorScopeSelector, context: Context
    ) -> AsyncGenerator[ConnectionEvent, None]:
        try:
            events = server.monitor(asked, context)
        except MeshError as error:
            await _abort(context, error)
            return
        async with contextlib.aclosing(events):
            async for event in events:
                yield event

    takes, gives = methods.MONITOR.takes, methods.MONITOR.gives
    return grpc.unary_stream_rpc_method_handler(handle, takes.FromString, gives.SerializeToString)


async def _abort(context: Context, error: MeshError) -> None:
    if isinstance(error, Refused):
        await context.abort(grpc.StatusCode[error.code], error.reason)
    await context.abort(_CODES.get(type(error), grpc.StatusCode.UNKNOWN), str(error))
