# SPDX-License-Identifier: Apache-2.0
"""The server: sockets, who may ask, the table of endpoints, answers; all within bounds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from kvs_agent import tracing
from kvs_agent.core.core import Core
from kvs_agent.metrics import Metrics
from kvs_agent.northbound.access import Access, Role
from kvs_agent.recording import Following, Limits, Recorder
from kvs_agent.recording.calls import Calls
from kvs_agent.recording.statistics import Statistics
from kvscheduler import TransactionResult

from . import faults
from .credentials import Credentials
from .endpoint import Answer, Call, Endpoint, Fault
from .limits import Patience, Rate
from .listening import Listener
from .openapi import description
from .parsing import Routes, parameters
from .security import Doorkeeper
from .service import Service, known_value
from .settings import Address, RestSettings, load_certificate, tls
from .table import ENDPOINTS

__all__ = ["RestServer"]

logger = logging.getLogger(__name__)

SWEEP_S: Final = 0.5
# What comes of a body that nobody waits for is thrown away for so long.
LINGER_S: Final = 1.0
_UNIX: Final = "unix"


class RestServer:
    """Answers REST requests for one agent, from ``start`` to ``stop``.

    Raises ``Insecure`` from ``start`` where strangers could reach it as it is set up.
    ``limits``: how much is recorded. ``calls``: where other northbounds count theirs too.
    """

    def __init__(
        self,
        core: Core,
        settings: RestSettings,
        access: Access,
        *,
        limits: Limits | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._settings = settings
        self._access = access
        self._service = _service(core, settings, limits, calls or Calls())
        self._routes = Routes(ENDPOINTS)
        self._credentials = Credentials(None)
        self._doorkeeper = Doorkeeper(access, self._credentials, ())
        self._rate = Rate(settings.rate_per_s, settings.burst, time.monotonic)
        self._patience: Patience[object] = Patience(
            settings.header_s, settings.idle_s, time.monotonic
        )
        self._under_way = 0
        self._context: ssl.SSLContext | None = None
        self._life = contextlib.AsyncExitStack()
        self._server: web.Server | None = None
        self._listener: Listener | None = None

    @property
    def service(self) -> Service:
        """What the endpoints work with."""
        return self._service

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens: ``address:port``, or ``unix:`` and a path."""
        return self._listener.addresses if self._listener is not None else ()

    async def start(self) -> None:
        """Begin to record and to answer."""
        settings = self._settings
        address = Address.of(settings.endpoint)
        context = self._context = tls(settings, address)
        self._credentials = Credentials(settings.passwords)
        self._doorkeeper = self._keeper(address, is_plain=context is None)
        self._server = web.Server(
            self._handle,
            keepalive_timeout=settings.idle_s,
            max_line_size=settings.max_header_bytes,
            max_field_size=settings.max_header_bytes,
            auto_decompress=False,
            lingering_time=LINGER_S,
            access_log=None,
            logger=logger,
        )
        listener = Listener(
            address, context, self._server, self._is_full, handshake_s=settings.header_s
        )
        await listener.start()
        self._listener = listener
        self._life.enter_context(self._service.following.running())
        for work in (self._sweep(), self._service.following.run()):
            self._life.callback(asyncio.create_task(work, name="rest").cancel)
        logger.info("REST on %s", ", ".join(self.addresses))

    def _keeper(self, address: Address, *, is_plain: bool) -> Doorkeeper:
        access = self._access if address.path is None else self._access.at_socket()
        if not address.is_local and access.anonymous is not Role.NONE:
            access = Access(access.by_san, Role.NONE, access.verified)
        has_names = is_plain and address.path is None
        hosts = self._settings.hosts if has_names else None
        return Doorkeeper(access, self._credentials, hosts)

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, give what is under way so long, and end."""
        if self._listener is not None:
            self._listener.stop()
        await self._life.aclose()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(grace_s)

    async def reload(self) -> None:
        """Read passwords and certificates again, for what connects from now on.

        ``CredentialsError`` or ``Insecure``: all stays as it was.
        """
        self._credentials.reload()
        if self._context is not None:
            load_certificate(self._context, self._settings)

    # Connections.

    def _is_full(self) -> bool:
        assert self._server is not None
        return len(self._server.connections) >= self._settings.max_connections

    async def _sweep(self) -> None:
        """Close connections that take too long to ask, or to read what they asked for."""
        while True:
            await asyncio.sleep(SWEEP_S)
            assert self._server is not None
            for connection in self._patience.late(self._server.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()

    # Requests.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._patience.busy(request.protocol)
        self._under_way += 1
        try:
            answer = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this request alone
            answer = faults.answer(error)
        finally:
            self._under_way -= 1
            self._patience.idle(request.protocol)
        logger.debug("%s %s %d", request.method, request.rel_url.raw_path, answer.status)
        response = await _response(answer)
        if answer.status in _CLOSING:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> Answer:
        client = _client(request)
        try:
            endpoint, parts = self._routes.find(request.method, request.path)
        except Fault:
            self._check_load(client)
            raise
        # Supervisors are always answered: these two cost next to nothing.
        if endpoint.role is not Role.NONE:
            self._check_load(client)
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        role = await self._doorkeeper.role(endpoint, client, certificate, request.headers)
        query = request.rel_url.query
        given = parameters(endpoint, parts, {name: query.getall(name) for name in query})
        body = await self._body(request) if endpoint.body is not None else b""
        call = Call(service=self._service, role=role, given=given, body=body)
        return await self._carried_out(endpoint, call)

    def _check_load(self, client: str) -> None:
        """Refuse what is more than this client, or all of them, may ask for at once."""
        wait = self._rate.take(client)
        if wait:
            after = {"Retry-After": str(int(wait) + 1)}
            raise Fault(429, "more requests than the rate-limit allows: wait", headers=after)
        if self._under_way > self._settings.max_requests:
            raise Fault(
                429, "too many requests are under way: try again", headers=faults.RETRY_AFTER
            )

    async def _carried_out(self, endpoint: Endpoint, call: Call) -> Answer:
        deadline_s = self._settings.deadline_s
        try:
            async with asyncio.timeout(deadline_s) as limit:
                return await endpoint.handler(call)
        except TimeoutError:
            if not limit.expired():
                raise
            text = f"not done within {deadline_s:g} s; what was begun goes on"
            raise Fault(504, text) from None

    async def _body(self, request: web.BaseRequest) -> bytes:
        most = self._settings.max_body_bytes
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Fault(415, "send the body as it is, without Content-Encoding")
        too_large = Fault(413, f"a body of more than {most} bytes is not taken")
        if (request.content_length or 0) > most:
            raise too_large
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self._settings.body_s):
                async for part in request.content.iter_any():
                    parts.append(part)
                    if sum(map(len, parts)) > most:
                        raise too_large
        except TimeoutError:
            raise Fault(408, "the body did not come in time") from None
        return b"".join(parts)


# After these the rest of the body is not waited for.
_CLOSING: Final = (408, 413, 415)


def _client(request: web.BaseRequest) -> str:
    """Return who asks: an address, without its port."""
    transport = request.transport
    name = transport.get_extra_info("peername") if transport is not None else None
    return str(name[0]) if isinstance(name, tuple) else _UNIX


async def _response(answer: Answer) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        "Server": "kvscheduler",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    text = answer.data
    if answer.media == "application/json":
        if answer.is_large:
            text = await asyncio.to_thread(_encoded, answer.data)
        else:
            text = _encoded(answer.data)
    headers["Content-Type"] = (
        answer.media if ";" in answer.media else f"{answer.media}; charset=utf-8"
    )
    return web.Response(
        body=text.encode("utf-8", "replace"), status=answer.status, headers=headers
    )


def _encoded(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def _service(core: Core, settings: RestSettings, limits: Limits | None, calls: Calls) -> Service:
    """Put together what the endpoints work with, and what listens to the engine."""
    following = Following(core.scheduler, core.feed)
    recorder = Recorder(core.scheduler.status, lambda key: known_value(core, key), limits)
    statistics, metrics = Statistics(), Metrics(core)

    def take(result: TransactionResult) -> None:
        statistics.take(result)
        statistics.take_record(recorder.take(result))
        metrics.take(result)

    following.results(take)
    following.statuses(recorder.note)
    traced = tracing.listener()
    if traced is not None:
        following.results(traced)
    described = description(ENDPOINTS, core.about.name, core.about.version)

    def names() -> tuple[str, ...]:
        return tuple(one.name for one in core.scheduler.descriptors)

    def described_as() -> Mapping[str, Any]:
        return described

    return Service(
        core=core,
        following=following,
        recorder=recorder,
        statistics=statistics,
        metrics=metrics,
        calls=calls,
        models={"kvscheduler.stats": lambda: statistics.data(names())},
        description=described_as,
        max_body_bytes=settings.max_body_bytes,
    )
