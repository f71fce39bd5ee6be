# SPDX-License-Identifier: Apache-2.0
"""What the REST server is told (``http.conf``), and what of it is refused as unsafe."""

from __future__ import annotations

import dataclasses
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from kvs_agent.core.conf import setting
from kvscheduler import SchedulerError

__all__ = ["Address", "Insecure", "RestSettings", "load_certificate", "tls"]

UNIX: Final = "unix:"
PORT: Final = 9191
MAX_PORT: Final = 65535


class Insecure(SchedulerError):
    """The server would answer strangers as they are; it does not start."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RestSettings:
    """The REST server, for this machine alone unless TLS is configured."""

    disabled: bool = setting("disabled", "Whether there is no REST at all.", default=False)
    endpoint: str = setting(
        "endpoint",
        "Address and port, or unix: and the path of a socket.",
        default=f"127.0.0.1:{PORT}",
    )
    certificate: Path | None = setting(
        "server-cert-file", "The server's certificate, PEM; it turns TLS on.", default=None
    )
    key: Path | None = setting("server-key-file", "The certificate's key, PEM.", default=None)
    client_authorities: tuple[Path, ...] = setting(
        "client-cert-files",
        "Authorities whose clients' certificates are accepted, PEM.",
        default=(),
    )
    needs_certificate: bool = setting(
        "require-client-cert",
        "Whether clients without a certificate are refused at once; otherwise they may show a"
        " password or a token.",
        default=False,
    )
    passwords: Path | None = setting(
        "password-file",
        "Who may use basic auth or a token, with hashes of these; see the page on REST.",
        default=None,
    )
    hosts: tuple[str, ...] = setting(
        "allowed-hosts",
        "Names under which clients may reach a server without TLS, beside localhost and numbers.",
        default=(),
    )
    max_body_bytes: int = setting(
        "max-body-bytes", "How large a request's body may be.", default=16 * 1024 * 1024
    )
    max_header_bytes: int = setting(
        "max-header-bytes", "How long one line of a request's head may be.", default=8190
    )
    max_connections: int = setting(
        "max-connections", "How many connections are open at once.", default=256
    )
    max_requests: int = setting(
        "max-requests", "How many requests are worked on at once.", default=64
    )
    rate_per_s: float = setting(
        "rate-limit",
        "How many requests a second one client may send; 0: as many as it likes.",
        default=500.0,
    )
    burst: int = setting(
        "rate-burst", "How many requests beyond that at once are let through.", default=1000
    )
    header_s: float = setting(
        "read-header-timeout",
        "How long a client may take until its request's head is there.",
        default=10.0,
        is_duration=True,
    )
    body_s: float = setting(
        "read-timeout",
        "How long a client may take to send a body.",
        default=30.0,
        is_duration=True,
    )
    deadline_s: float = setting(
        "request-timeout",
        "How long a request may be worked on.",
        default=120.0,
        is_duration=True,
    )
    idle_s: float = setting(
        "idle-timeout",
        "How long a connection is kept after a request; its answer has to be read by then.",
        default=75.0,
        is_duration=True,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen: a path, or a host and a port."""

    path: Path | None = None
    host: str = ""
    port: int = 0

    @staticmethod
    def of(text: str) -> Address:
        """Read an endpoint; ``Insecure`` says what is wrong with one that cannot be read."""
        if text.startswith(UNIX):
            return Address(path=Path(text.removeprefix(UNIX)))
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
            raise Insecure(f"endpoint: {text!r} is not an address and a port, nor unix:PATH")
        return Address(host=host.removeprefix("[").removesuffix("]"), port=int(port))

    @property
    def is_local(self) -> bool:
        """Whether nobody beyond this machine can reach it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def tls(settings: RestSettings, where: Address) -> ssl.SSLContext | None:
    """Return what TLS takes, None for a server that does without.

    Raises ``Insecure`` for one that does without where others can reach it, and for settings
    that do not go together.
    """
    if settings.certificate is None or settings.key is None:
        _check_plain(settings, where)
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, settings)
    if settings.client_authorities:
        needed = settings.needs_certificate
        context.verify_mode = ssl.CERT_REQUIRED if needed else ssl.CERT_OPTIONAL
    return context


def load_certificate(context: ssl.SSLContext, settings: RestSettings) -> None:
    """Read certificates; what is connected already goes on with those of before."""
    assert settings.certificate is not None
    assert settings.key is not None
    try:
        for path in (settings.certificate, settings.key, *settings.client_authorities):
            path.open("rb").close()  # says which one is not there; ssl does not
        context.load_cert_chain(settings.certificate, settings.key)
        for authority in settings.client_authorities:
            context.load_verify_locations(authority)
    except OSError as error:  # also what is wrong with TLS itself
        raise Insecure(f"the certificates cannot be used: {error}") from error


def _check_plain(settings: RestSettings, where: Address) -> None:
    if settings.certificate is not None or settings.key is not None:
        raise Insecure("server-cert-file and server-key-file go together: one is missing")
    if settings.client_authorities or settings.needs_certificate:
        raise Insecure("clients' certificates take TLS: set server-cert-file, server-key-file")
    if not where.is_local:
        raise Insecure(
            f"endpoint {settings.endpoint} can be reached from elsewhere: set server-cert-file and"
            f" server-key-file, or listen on 127.0.0.1:{where.port} or on unix:PATH"
        )
