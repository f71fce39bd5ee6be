# SPDX-License-Identifier: Apache-2.0
"""The keys of clients and of what comes of them; the predecessor's as it writes them."""

from __future__ import annotations

from typing import Final

__all__ = ["CLIENT", "CONNECTION", "client", "client_of", "connection"]

CLIENT: Final = "config/cnf/nsm/v1/client/"
CONNECTION: Final = "nsm/connection/"


def client(name: str) -> str:
    """Return the key of a client."""
    return f"{CLIENT}{name}"


def connection(name: str, service: str) -> str:
    """Return the key of the connection that a client has got to a service; the mesh makes it.

    To another service it is another connection: what waits for that one must not be content with
    this, which is known to stand until its end has been told.
    """
    return f"{CONNECTION}{name}/{service}"


def client_of(key: str) -> str:
    """Return the key of the client that a connection's key is of; names hold no slash."""
    return client(key.removeprefix(CONNECTION).partition("/")[0])
