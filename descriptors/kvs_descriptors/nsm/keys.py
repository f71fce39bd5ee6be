# SPDX-License-Identifier: Apache-2.0
"""The keys of clients, endpoints and what comes of them; the predecessor's as it writes them."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "CLIENT",
    "CONNECTION",
    "ENDPOINT",
    "FOUND",
    "SERVED",
    "SOUGHT",
    "client",
    "client_of",
    "connection",
    "endpoint",
    "found",
    "found_of",
    "part",
    "part_of",
    "registered",
    "served",
    "sought",
]

CLIENT: Final = "config/cnf/nsm/v1/client/"
CONNECTION: Final = "nsm/connection/"
ENDPOINT: Final = "config/cnf/nsm/v1/endpoint/"
SERVED: Final = "nsm/endpoint/"
FOUND: Final = "nsm/service/"
SOUGHT: Final = "nsm/sought/"

_ESCAPED: Final = re.compile("%(25|2F)")


def client(name: str) -> str:
    """Return the key of a client."""
    return f"{CLIENT}{name}"


def connection(name: str, service: str) -> str:
    """Return the key of the connection that a client has got to a service; the mesh makes it.

    To another service it is another connection: what waits for that one must not be content with
    this, which is known to stand until its end has been told.
    """
    return f"{CONNECTION}{name}/{part(service)}"


def client_of(key: str) -> str:
    """Return the key of the client that a connection's key is of; names hold no slash."""
    return client(key.removeprefix(CONNECTION).partition("/")[0])


def endpoint(name: str) -> str:
    """Return the key of an endpoint."""
    return f"{ENDPOINT}{name}"


def registered(name: str) -> str:
    """Return the key of what has come of an endpoint's registration."""
    return f"{SERVED}{name}/registered"


def served(name: str, interface: str) -> str:
    """Return the key of a connection that an endpoint serves, by our interface of it."""
    return f"{SERVED}{name}/connection/{interface}"


def found(service: str, name: str) -> str:
    """Return the key of an endpoint that the mesh has for a network service."""
    return f"{FOUND}{part(service)}/endpoint/{part(name)}"


def found_of(key: str) -> str:
    """Return the network service of such a key, "" for any other."""
    service, middle, _ = key.removeprefix(FOUND).partition("/endpoint/")
    return part_of(service) if key.startswith(FOUND) and middle else ""


def sought(service: str, by: str) -> str:
    """Return the key that says who wants the endpoints of a network service to be looked for."""
    return f"{SOUGHT}{part(service)}/{by}"


def part(text: str) -> str:
    """Return a text as it stands between two slashes of a key: what others call theirs is free."""
    return text.replace("%", "%25").replace("/", "%2F")


def part_of(text: str) -> str:
    """Return the text that ``part`` has made into this."""
    return _ESCAPED.sub(lambda match: "%" if match[1] == "25" else "/", text)
