# SPDX-License-Identifier: Apache-2.0
"""Where a part of a mesh is, or where we are: tcp://<host>:<port> or unix:///<path>."""

from __future__ import annotations

import dataclasses
import ipaddress
import urllib.parse

__all__ = ["Address"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A TCP port of a host, or a socket's path."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; ``ValueError`` says what is wrong with it."""
        parts = urllib.parse.urlsplit(url)
        rest = parts.query or parts.fragment or parts.username
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc and not rest:
            return cls(path=parts.path)
        rest = rest or parts.path.strip("/")
        if parts.scheme == "tcp" and parts.hostname and parts.port is not None and not rest:
            return cls(host=parts.hostname, port=parts.port)
        raise ValueError(f"not tcp://<host>:<port> or unix:///<path>: {url!r}")

    @property
    def is_local(self) -> bool:
        """Tell whether what is said there stays on this machine."""
        if self.path:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name may lead anywhere

    @property
    def is_everywhere(self) -> bool:
        """Tell whether it stands for all addresses of a machine, and leads nobody to it."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def target(self) -> str:
        """Return it as grpc names it."""
        return f"unix:{self.path}" if self.path else self._host_port

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self._host_port}"

    @property
    def _host_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
