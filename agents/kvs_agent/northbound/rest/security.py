# SPDX-License-Identifier: Apache-2.0
"""Who asks, and whether it may: certificates, passwords, tokens, and pages of strangers."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kvs_agent.northbound.access import Access, Role

from .credentials import Credentials
from .endpoint import Endpoint, Fault
from .limits import Rate

__all__ = ["Doorkeeper", "names_of"]

# Wrong passwords of one client.
FAILURES_PER_S: Final = 0.5
FAILURES_AT_ONCE: Final = 10
_SAFE_METHODS: Final = ("GET", "HEAD")


def names_of(certificate: Mapping[str, Any] | None) -> list[str] | None:
    """Return the names in a peer's certificate, as ``TYPE:VALUE`` and as they are."""
    if not certificate:
        return None
    names = [(str(kind), str(name)) for kind, name in certificate.get("subjectAltName", ())]
    return [form for kind, name in names for form in (f"{kind}:{name}", name)]


class Doorkeeper:
    """Decides about requests. ``hosts`` None: any name will do, since TLS has proved it."""

    def __init__(
        self, access: Access, credentials: Credentials, hosts: Iterable[str] | None
    ) -> None:
        self._access = access
        self._credentials = credentials
        self._hosts = None if hosts is None else frozenset(map(str.lower, hosts))
        self._failures = Rate(FAILURES_PER_S, FAILURES_AT_ONCE, time.monotonic)

    async def role(
        self,
        endpoint: Endpoint,
        client: str,
        certificate: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> Role:
        """Return the role of who asks, or raise ``Fault`` where it may not ask this."""
        self._check_page(endpoint.method, headers)
        names = names_of(certificate)
        has = self._access.role(names)
        shown = headers.get("Authorization")
        if shown is not None:
            has = max(has, await self._shown(client, shown))
        if has >= endpoint.role:
            return has
        needed = endpoint.role.name.lower()
        if names is None and shown is None:
            raise self._unknown(f"this takes the role {needed}: show who you are")
        raise Fault(403, f"this takes the role {needed}, not {has.name.lower()}")

    def _check_page(self, method: str, headers: Mapping[str, str]) -> None:
        """Refuse what a page of somebody else's has a browser on this machine send."""
        host = _host(headers.get("Host", ""))
        if self._hosts is not None and not _is_number(host) and host not in self._hosts:
            raise Fault(403, f"{host!r} is no name of this server: see allowed-hosts")
        origin = headers.get("Origin")
        if origin is None or method in _SAFE_METHODS:
            return
        if origin.partition("://")[2].lower() != headers.get("Host", "").lower():
            raise Fault(403, "a page of another origin asks for this")

    async def _shown(self, client: str, shown: str) -> Role:
        """Return the role that a password or a token gives."""
        wait = self._failures.wait_s(client)
        if wait:
            after = {"Retry-After": str(int(wait) + 1)}
            raise Fault(429, "too many wrong passwords or tokens: wait", headers=after)
        scheme, _, rest = shown.partition(" ")
        role = None
        if scheme.lower() == "bearer":
            role = self._credentials.of_token(rest.strip())
        elif scheme.lower() == "basic":
            name, password = _basic(rest.strip())
            role = await self._credentials.of_password(name, password)
        if role is None:
            self._failures.take(client)
            raise self._unknown("this password or token is not known here")
        return role

    def _unknown(self, text: str) -> Fault:
        if self._credentials.is_empty:
            return Fault(401, text, headers={"WWW-Authenticate": "Bearer"})
        challenge = 'Basic realm="kvscheduler", charset="UTF-8"'
        return Fault(401, text, headers={"WWW-Authenticate": challenge})


def _basic(text: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _host(text: str) -> str:
    """Return the host of a ``Host`` header, without its port and an IPv6 address's brackets."""
    if text.startswith("["):
        return text[1:].partition("]")[0].lower()
    return text.rpartition(":")[0].lower() if text.count(":") == 1 else text.lower()


def _is_number(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
