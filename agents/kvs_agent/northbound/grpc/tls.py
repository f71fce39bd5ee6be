# SPDX-License-Identifier: Apache-2.0
"""The server's certificate and whom it believes, read again when the files change."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import grpc

from .settings import GrpcSettings, Unsafe

__all__ = ["Certificates"]

logger = logging.getLogger(__name__)


class Certificates:
    """What the files of the settings say; each new connection is given what they say by then."""

    def __init__(self, settings: GrpcSettings) -> None:
        if not settings.key:
            raise Unsafe("cert-file needs a key-file")
        self._certificate = Path(settings.certificate)
        self._key = Path(settings.key)
        self._authorities = [Path(one) for one in settings.authorities]
        self._seen = self._times()
        self._latest = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """Return gRPC's credentials; with authorities clients have to show a certificate."""
        # The stubs do not know that there may be nothing new.
        current: Any = self._current
        return grpc.dynamic_ssl_server_credentials(
            self._latest, current, require_client_authentication=bool(self._authorities)
        )

    def _current(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what the files say now, None where that is what it was; called by gRPC."""
        try:
            now = self._times()
            if now == self._seen:
                return None
            self._latest, self._seen = self._read(), now
        except (OSError, Unsafe) as error:
            logger.warning("the certificates are not read again: %s", error)
            return None
        return self._latest

    def _times(self) -> tuple[int, ...]:
        files = (self._certificate, self._key, *self._authorities)
        try:
            return tuple(one.stat().st_mtime_ns for one in files)
        except OSError as error:
            raise Unsafe(f"a file of certificates cannot be read: {error}") from error

    def _read(self) -> grpc.ServerCertificateConfiguration:
        try:
            pair = (self._key.read_bytes(), self._certificate.read_bytes())
            roots = b"".join(one.read_bytes() for one in self._authorities) or None
        except OSError as error:
            raise Unsafe(f"a file of certificates cannot be read: {error}") from error
        return grpc.ssl_server_certificate_configuration([pair], roots)
