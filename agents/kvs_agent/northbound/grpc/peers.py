# SPDX-License-Identifier: Apache-2.0
"""Who calls, as the certificate says that a peer has shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

__all__ = ["is_local", "names"]

_ANY: Final = "x509_subject_alternative_name"
_TYPED: Final = {
    "peer_dns": "DNS",
    "peer_uri": "URI",
    "peer_email": "EMAIL",
    "peer_ip": "IP",
}
# Is there whenever a certificate is, be it with names or without.
_CERTIFICATE: Final = "x509_pem_cert"


def names(context: Mapping[str, Iterable[bytes]]) -> tuple[str, ...] | None:
    """Return the names in a peer's certificate, plain and as ``TYPE:VALUE``; None without one."""
    if not context.get(_CERTIFICATE):
        return None
    found = dict.fromkeys(_texts(context.get(_ANY, ())))
    for name, kind in _TYPED.items():
        for value in _texts(context.get(name, ())):
            found[value] = None
            found[f"{kind}:{value}"] = None
    return tuple(found)


def is_local(peer: str) -> bool:
    """Tell whether a peer, as gRPC names it, is on this machine."""
    kind, _, rest = unquote(peer).partition(":")
    if kind == "unix":
        return True
    host = rest.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _texts(values: Iterable[bytes]) -> list[str]:
    return [value.decode("utf-8", "replace") for value in values]
