# SPDX-License-Identifier: Apache-2.0
"""The way to an agent: where it is, and that nobody on the way listens."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Final

import grpc

from ..failure import UserError
from ..settings import Named

__all__ = ["opened", "target"]

DEFAULT_PORT: Final = 9111
MAX_PORT: Final = 0xFFFF
_TCP: Final = re.compile(
    r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:/\[\]\s]+))(?::(?P<port>[0-9]{1,5}))?"
)
_OPTIONS: Final[list[tuple[str, Any]]] = [
    # Ten thousand values are a large plan, and the agent is asked for no more than is there.
    ("grpc.max_receive_message_length", -1),
    # What a proxy of the environment is for, an agent is not.
    ("grpc.enable_http_proxy", 0),
    # An agent that is gone is noticed while a stream says nothing.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # One process may work on several agents, one after another, at the same address.
    ("grpc.use_local_subchannel_pool", 1),
]


def opened(named: Named) -> grpc.aio.Channel:
    """Return a channel; ``UserError`` where what was named leads nowhere safe."""
    address = target(named.address)
    credentials = _credentials(named)
    if credentials is not None:
        return grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
    if not _is_here(address):
        raise UserError(
            f"{named.address} is not this machine, and nothing would be encrypted:"
            " --ca FILE says who has signed the agent's certificate"
        )
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


def target(address: str) -> str:
    """Return an address as gRPC writes it."""
    if address.startswith(("unix:", "/")):
        path = address.removeprefix("unix:")
        return f"unix:{Path(path).absolute()}"
    found = _TCP.fullmatch(address)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if found is None or not 0 < port <= MAX_PORT:
        raise UserError(f"{address!r} is no agent's address: unix:/path or host:port")
    return f"[{found['six']}]:{port}" if found["six"] else f"{found['host']}:{port}"


def _is_here(address: str) -> bool:
    """Tell whether nothing leaves this machine on the way."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(named: Named) -> grpc.ChannelCredentials | None:
    if (named.certificate is None) != (named.key is None):
        raise UserError("--cert and --key go together: a certificate, and the key that it is of")
    if named.authorities is None and named.certificate is None:
        return None
    return grpc.ssl_channel_credentials(
        _content(named.authorities), _content(named.key), _content(named.certificate)
    )


def _content(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()
