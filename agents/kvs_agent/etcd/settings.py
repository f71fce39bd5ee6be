# SPDX-License-Identifier: Apache-2.0
"""Where etcd is, how it is known to be the right one, and how long anything may take."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import grpc

__all__ = ["Endpoint", "Settings", "Tls"]

_FORM = re.compile(r"(?:(https?)://)?((?:\[[0-9a-fA-F:.%]+\]|[^\[\]:/\s]+):[0-9]{1,5})/?")
_HERE = frozenset({"localhost", "[::1]"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Who is believed, and who this client says it is; files are read at each connection.

    ``ca``: whoever bears a certificate by this one is etcd; None: by the system's own. ``cert``
    and ``key``: what is shown where etcd asks for it. ``server_name``: the name in etcd's
    certificate where it is not that of the endpoint. A certificate is never left unchecked.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def __post_init__(self) -> None:
        """Refuse half a pair with ``ValueError``."""
        if (self.cert is None) != (self.key is None):
            raise ValueError("TLS to etcd: a certificate and its key belong together")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files as they are now; certificates are renewed."""
        ca, key, cert = (
            None if path is None else path.read_bytes() for path in (self.ca, self.key, self.cert)
        )
        return grpc.ssl_channel_credentials(ca, key, cert)


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of the cluster."""

    target: str
    is_secure: bool

    @property
    def is_open(self) -> bool:
        """Tell whether what is said can be read and altered on the way."""
        host = self.target.rpartition(":")[0]
        return not (self.is_secure or host in _HERE or host.startswith("127."))

    def __str__(self) -> str:
        return f"https://{self.target}" if self.is_secure else self.target

    @classmethod
    def parse(cls, text: str, *, has_tls: bool) -> Endpoint:
        """Read ``host:port``, with ``http://`` or ``https://`` before it or not."""
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"etcd endpoint {text!r}: not of the form [https://]host:port")
        scheme, target = match.groups()
        if scheme == "http" and has_tls:
            raise ValueError(f"etcd endpoint {text}: http, while TLS is configured; say https")
        return cls(target, has_tls or scheme == "https")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a client reaches etcd.

    ``heartbeat_s``: so often a watch asks for a sign of life; after ``silence_s`` without any it
    goes elsewhere. A failed attempt is repeated after ``retry_first_s``, doubled up to
    ``retry_max_s``. ``page``: keys in one answer of a listing, fewer where they are large.
    """

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    tls: Tls | None = None
    dial_timeout_s: float = 1.0
    operation_timeout_s: float = 3.0
    heartbeat_s: float = 2.0
    silence_s: float = 6.0
    retry_first_s: float = 0.05
    retry_max_s: float = 2.0
    page: int = 1000
    max_answer_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        """Refuse what cannot work with ``ValueError``."""
        if not self.endpoints:
            raise ValueError("etcd: no endpoint is named")
        if self.page < 1:
            raise ValueError("page: less than one key")
        for field in dataclasses.fields(self):
            if field.name.endswith("_s") and not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name}: not more than 0 seconds")
        if self.silence_s <= self.heartbeat_s:
            raise ValueError("silence_s: no longer than heartbeat_s")
        self.parsed()

    def parsed(self) -> tuple[Endpoint, ...]:
        """Return the endpoints, in their order."""
        has_tls = self.tls is not None
        return tuple(Endpoint.parse(text, has_tls=has_tls) for text in self.endpoints)
