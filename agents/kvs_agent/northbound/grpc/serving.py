# SPDX-License-Identifier: Apache-2.0
"""From methods to gRPC: what is the same for all calls is done here, once.

A method is a coroutine, or an asynchronous generator where it answers with a stream. Before it is
asked, the caller's role is looked at, limits are, and the request is read; whatever it raises
becomes a status.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from kvs_agent.core.calls import Calls
from kvs_agent.core.calls import Method as Counted
from kvs_agent.northbound.access import Access, AccessDenied, Role

from . import peers
from .errors import Wrong, refusal
from .limits import Limits

__all__ = ["Call", "Context", "Method", "Serving"]

Read: TypeAlias = Callable[[bytes], Message]
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

SOURCE_HEADER: Final = "datasrc"
DEFAULT_SOURCE: Final = "grpc"
MAX_SOURCE_CHARS: Final = 64
# Who writes as these are the agent itself.
_RESERVED: Final = ("file", "etcd")
# A caller that is answered so long before its time is up still hears why it waited in vain.
MARGIN_S: Final = 0.1


@dataclasses.dataclass(slots=True)
class Call:
    """One call, as its method sees it."""

    context: Context
    role: Role
    deadline_s: float
    begun: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def source(self) -> str:
        """Whose values the caller changes."""
        for key, value in self.context.invocation_metadata() or ():
            if key == SOURCE_HEADER:
                return checked_source(value if isinstance(value, str) else "")
        return DEFAULT_SOURCE

    @property
    def limit_s(self) -> float | None:
        """How long the call may take where its caller has not said so; gRPC sees to that."""
        return self.deadline_s if self._remaining_s() is None else None

    @property
    def patience_s(self) -> float:
        """How long the caller waits, less what an answer takes; no less than nothing."""
        remaining = self._remaining_s()
        if remaining is None:
            remaining = self.deadline_s - (time.monotonic() - self.begun)
        return max(0.0, remaining - min(MARGIN_S, remaining / 10))

    def _remaining_s(self) -> float | None:
        # The stubs know nothing of calls without a limit.
        remaining: float | None = self.context.time_remaining()
        return remaining if remaining is not None and math.isfinite(remaining) else None

    async def head(self, name: str, value: str) -> None:
        """Send something ahead of the answer."""
        await self.context.send_initial_metadata(((name, value),))


def checked_source(name: str) -> str:
    """Return the name of a source as it may be used; ``Wrong`` where it may not."""
    if not name:
        return DEFAULT_SOURCE
    if name in _RESERVED:
        raise Wrong(f"the source {name} is the agent's own", {"source": "reserved"})
    if len(name) > MAX_SOURCE_CHARS or not name.isprintable():
        raise Wrong(f"a source's name has at most {MAX_SOURCE_CHARS} characters, all printable")
    return name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: what it takes of the caller, and what does it.

    ``is_watcher``: goes on for as long as the caller likes. A handler is given the request, or
    an iterator of them where the method takes a stream, and the call.
    """

    role: Role
    handler: Callable[[Any, Call], Any]
    is_watcher: bool = False


class Serving:
    """Makes gRPC's handlers of methods."""

    def __init__(self, access: Access, limits: Limits, deadline_s: float, calls: Calls) -> None:
        self._calls = calls
        self._access, self._at_socket = access, access.at_socket()
        self._limits = limits
        self._deadline_s = deadline_s

    def service(self, described: Any, methods: Mapping[str, Method]) -> grpc.GenericRpcHandler:
        """Return the handler of a service, by its description; it lacks no method."""
        handlers = {
            name: self._handler(one, methods[name])
            for name, one in described.methods_by_name.items()
        }
        return grpc.method_handlers_generic_handler(described.full_name, handlers)

    def _handler(self, described: Any, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        kind = GetMessageClass(described.input_type)
        service = described.containing_service.full_name
        counted = Counted(_kind(described), service, described.name)
        self._calls.known(counted)

        def read(raw: bytes) -> Message:
            return _read(raw, kind)

        if described.client_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._both_streams(method, counted, read), None, _written
            )
        if described.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, counted, read), None, _written
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, counted, read), None, _written
        )

    def _unary(self, method: Method, counted: Counted, read: Read) -> Any:
        async def serve(raw: bytes, context: Context) -> Message:
            async with self._answering(method, counted, context, is_watcher=False) as call:
                async with asyncio.timeout(call.limit_s):
                    answer: Message = await method.handler(read(raw), call)
                    return answer

        return serve

    def _stream(self, method: Method, counted: Counted, read: Read) -> Any:
        async def serve(raw: bytes, context: Context) -> AsyncIterator[Message]:
            watching = method.is_watcher
            async with (
                self._answering(method, counted, context, is_watcher=watching) as call,
                contextlib.aclosing(method.handler(read(raw), call)) as answers,
            ):
                async for answer in answers:
                    yield answer

        return serve

    def _both_streams(self, method: Method, counted: Counted, read: Read) -> Any:
        async def serve(raws: AsyncIterator[bytes], context: Context) -> AsyncIterator[Message]:
            watching = method.is_watcher
            async with self._answering(method, counted, context, is_watcher=watching) as call:
                requests = (read(raw) async for raw in raws)
                async with contextlib.aclosing(method.handler(requests, call)) as answers:
                    async for answer in answers:
                        yield answer

        return serve

    @contextlib.asynccontextmanager
    async def _answering(
        self, method: Method, counted: Counted, context: Context, *, is_watcher: bool
    ) -> AsyncIterator[Call]:
        """Let a caller in, and tell what goes wrong; whatever that is, the server goes on."""
        with self._calls.counted(counted) as outcome:
            try:
                call = self._call(method, context)
                with self._limits.admitted(is_watcher=is_watcher):
                    yield call
            except Exception as error:  # noqa: BLE001 - see above
                told = refusal(error)
                outcome.code = told.code.name.title().replace("_", "")
                await context.abort(told.code, told.text, told.trailers)

    def _call(self, method: Method, context: Context) -> Call:
        names = peers.names(context.auth_context())
        if names is None and method.role > Role.NONE and not peers.is_local(context.peer()):
            # Encrypted, but anybody's.
            raise AccessDenied(method.role, Role.NONE, is_known=False)
        at_socket = context.peer().startswith("unix:")
        role = (self._at_socket if at_socket else self._access).check(method.role, names)
        return Call(context, role, self._deadline_s)


def _read(raw: bytes, kind: type[Message]) -> Message:
    message = kind()
    try:
        message.MergeFromString(raw)
    except (DecodeError, RecursionError) as error:
        name = message.DESCRIPTOR.full_name
        raise Wrong(f"the request is no {name}, or nested too deep") from error
    return message


def _written(message: Message) -> bytes:
    return message.SerializeToString()


def _kind(described: Any) -> str:
    if described.client_streaming:
        return "bidi_stream"
    return "server_stream" if described.server_streaming else "unary"
