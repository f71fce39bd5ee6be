# SPDX-License-Identifier: Apache-2.0
"""What an endpoint does with the connections that it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kvs_proto.networkservice.connection_pb2 import Connection, Mechanism

__all__ = ["Service"]


class Service(Protocol):
    """Makes connections and takes them down; never called twice at once for one connection."""

    async def request(
        self, connection: Connection, preferences: Sequence[Mechanism], held: Connection | None
    ) -> Connection:
        """Make a connection, or refresh the one that is ``held``; return it with what it has got.

        Raise ``Declined``, ``BadMechanism`` or ``BadContext`` where it is not to be had: the
        client may get another endpoint then. Whatever is raised, the held one stays.
        """
        ...

    async def close(self, connection: Connection) -> None:
        """Take a connection down, as it was returned last; a client asked, or it has expired."""
        ...
