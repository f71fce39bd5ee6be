# SPDX-License-Identifier: Apache-2.0
"""What a gRPC server is told (``grpc.conf``); the predecessor's names where they mean the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from kvs_agent.core.conf import setting
from kvscheduler import SchedulerError

__all__ = ["DEFAULT_ENDPOINT", "IGNORED", "GrpcSettings", "Unsafe"]

# Settings of the predecessor that mean nothing here.
IGNORED: Final = {
    "permission": "a unix socket is for the agent's own user, and for socket-group",
    "force-socket-removal": "a socket that nobody listens at is always removed",
    "insecure-transport": "without cert-file nothing is encrypted, and only loopback is served",
    "extended-logging": "see the log level",
    "prometheus-metrics": "/metrics has them",
}

DEFAULT_ENDPOINT: Final = "127.0.0.1:9111"
_MEGABYTE: Final = 1024 * 1024


class Unsafe(SchedulerError):
    """A server would be open to those it should not be open to: it is not started."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GrpcSettings:
    """Where the server listens, whom it lets in, and what it takes at most."""

    endpoints: tuple[str, ...] = setting(
        "endpoint",
        "Where to listen: host:port, or unix:/path. Other hosts than loopback take a certificate.",
        default=(DEFAULT_ENDPOINT,),
    )
    network: str = setting(
        "network", "unix: the endpoint is the path of a socket. tcp: host and port.", default="tcp"
    )
    group: str = setting(
        "socket-group",
        "The group that may use unix sockets as well; empty: only the agent's own user.",
        default="",
    )
    certificate: str = setting(
        "cert-file", "The server's certificate, with what it was signed by (PEM).", default=""
    )
    key: str = setting("key-file", "The key of the certificate (PEM).", default="")
    authorities: tuple[str, ...] = setting(
        "ca-files",
        "Who signs the certificates of clients (PEM); with it each client has to show one.",
        default=(),
    )
    max_message_bytes: int = setting(
        "max-msg-size", "How large a request may be.", default=16 * _MEGABYTE
    )
    max_streams: int = setting(
        "max-concurrent-streams", "How many calls one connection may have open.", default=100
    )
    max_calls: int = setting(
        "max-calls", "How many calls may be at work at once, over all connections.", default=1000
    )
    max_watchers: int = setting(
        "max-watchers", "How many calls that go on and on may be open.", default=100
    )
    max_per_second: int = setting(
        "max-calls-per-second", "How many calls are begun in a second; 0: any number.", default=0
    )
    deadline_s: float = setting(
        "deadline",
        "How long a call may take whose caller names no time; those that go on and on apart.",
        default=120.0,
        is_duration=True,
    )
    reflection: bool = setting(
        "reflection", "Whether the services describe themselves to tools.", default=True
    )
    trial_note: Path | None = None

    @property
    def is_secure(self) -> bool:
        """Whether what goes over TCP is encrypted."""
        return bool(self.certificate)
