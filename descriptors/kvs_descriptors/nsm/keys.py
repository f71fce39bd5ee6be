# SPDX-License-Identifier: Apache-2.0
"""The keys of clients and of what comes of them; the predecessor's as it writes them."""

from __future__ import annotations

from typing import Final

__all__ = ["CLIENT", "CONNECTION", "client", "connection"]

CLIENT: Final = "config/cnf/nsm/v1/client/"
CONNECTION: Final = "nsm/connection/"


def client(name: str) -> str:
    """Return the key of a client."""
    return f"{CLIENT}{name}"


def connection(name: str) -> str:
    """Return the key of the connection that a client has got; the mesh makes it."""
    return f"{CONNECTION}{name}"
