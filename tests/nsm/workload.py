# SPDX-License-Identifier: Apache-2.0
"""A Workload API, as SPIRE's agent serves it: one socket, one identity, which may be rotated."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives import serialization

from kvs_descriptors.nsm.identity.svid import Identity
from kvs_proto.spiffe.workload_pb2 import X509SVID, X509SVIDRequest, X509SVIDResponse

__all__ = ["Workload"]

_DER = serialization.Encoding.DER


def response(identity: Identity) -> X509SVIDResponse:
    """Return what is handed out."""
    key = identity.svid.key.private_bytes(
        _DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    svid = X509SVID(
        spiffe_id=identity.svid.id,
        x509_svid=b"".join(one.public_bytes(_DER) for one in identity.svid.chain),
        x509_svid_key=key,
        bundle=b"".join(one.public_bytes(_DER) for one in identity.bundle),
    )
    return X509SVIDResponse(svids=[svid])


class Workload:
    """Serves at a path; ``give`` hands out to all who listen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.served = 0
        self._response: X509SVIDResponse | None = None
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    def give(self, identity: Identity | X509SVIDResponse) -> None:
        given = identity if isinstance(identity, X509SVIDResponse) else response(identity)
        self._response = given
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _fetch(
        self, request: X509SVIDRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[X509SVIDResponse]:
        if ("workload.spiffe.io", "true") not in (context.invocation_metadata() or ()):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing")
        if self._response is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
        while True:
            changed = self._changed
            if self._response is not None:
                self.served += 1
                yield self._response
            await changed.wait()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = grpc.aio.server()
        method = grpc.unary_stream_rpc_method_handler(
            self._fetch, X509SVIDRequest.FromString, X509SVIDResponse.SerializeToString
        )
        handler = grpc.method_handlers_generic_handler(
            "SpiffeWorkloadAPI", {"FetchX509SVID": method}
        )
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(f"unix:{self.path}")
        await server.start()
        try:
            yield
        finally:
            await server.stop(0)
