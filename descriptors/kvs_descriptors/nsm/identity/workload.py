# SPDX-License-Identifier: Apache-2.0
"""Identities from a SPIFFE Workload API, such as SPIRE's agent; renewed before they expire."""

from __future__ import annotations

import asyncio
import logging
import os
import urllib.parse
from collections.abc import Mapping

import grpc

from kvs_descriptors.cancelling import cancellable
from kvs_proto.spiffe.workload_pb2 import X509SVIDRequest, X509SVIDResponse

from ..errors import Untrusted
from .source import Current
from .svid import Identity

__all__ = ["ENDPOINT_VARIABLE", "WorkloadApi", "endpoint"]

logger = logging.getLogger(__name__)

ENDPOINT_VARIABLE = "SPIFFE_ENDPOINT_SOCKET"

_FETCH = "/SpiffeWorkloadAPI/FetchX509SVID"
# Without it the API refuses to answer: nobody is led to ask by accident.
_METADATA = (("workload.spiffe.io", "true"),)
_FIRST_DELAY_S = 0.1
_MAX_DELAY_S = 10.0
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", int(_MAX_DELAY_S * 1000)),
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """Return where the environment says that the Workload API is, as grpc names it."""
    text = environment.get(ENDPOINT_VARIABLE, "")
    if not text:
        raise Untrusted(f"there is no Workload API: {ENDPOINT_VARIABLE} is not set")
    parts = urllib.parse.urlsplit(text if "://" in text or ":" in text else f"unix://{text}")
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return f"unix:{parts.path}"
    if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
        return f"ipv4:{parts.hostname}:{parts.port}"
    what = "is not unix:///<path> or tcp://<address>:<port>"
    raise Untrusted(f"{ENDPOINT_VARIABLE} {what}: {text!r}")


class WorkloadApi(Current):
    """Has the identity that a Workload API gives, as long as ``run`` runs."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target
        self.last_failure = ""

    async def run(self) -> None:
        """Take on each identity that is given; where the API is away, keep the last one."""
        async with grpc.aio.insecure_channel(self._target, options=_OPTIONS) as channel:
            delay_s = _FIRST_DELAY_S
            while True:
                if await self._follow(channel):
                    delay_s = _FIRST_DELAY_S
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _MAX_DELAY_S)

    async def _follow(self, channel: grpc.aio.Channel) -> bool:
        """Follow until the stream ends; tell whether it has given anything."""
        fetch = channel.unary_stream(
            _FETCH, X509SVIDRequest.SerializeToString, X509SVIDResponse.FromString
        )
        has_given = False
        try:
            call = fetch(X509SVIDRequest(), metadata=_METADATA, wait_for_ready=False)
            with cancellable():
                async for answer in call:
                    self._take(answer)
                    has_given = True
            self.last_failure = "the Workload API has ended its stream"
        except grpc.aio.AioRpcError as error:
            self._failed(f"{error.code().name}: {error.details()}")
        except Untrusted as error:
            self._failed(str(error))
        return has_given

    def _take(self, answer: X509SVIDResponse) -> None:
        if not answer.svids:
            raise Untrusted("the Workload API has no identity for us")
        given = answer.svids[0]
        self.set(Identity.from_der(given.x509_svid, given.x509_svid_key, given.bundle))
        logger.info("workload API: our identity is %s", given.spiffe_id)
        self.last_failure = ""

    def _failed(self, why: str) -> None:
        if why != self.last_failure:
            logger.warning("workload API: %s", why)
        self.last_failure = why
