# SPDX-License-Identifier: Apache-2.0
"""What clients were refused for: counted, and said once as long as it is the same."""

from __future__ import annotations

import dataclasses
import logging

from kvs_proto.networkservice.connection_pb2 import Connection

from ..errors import MeshError

__all__ = ["Refusals", "Refused"]

logger = logging.getLogger(__name__)

_MAX_REASON: int = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """How many requests an endpoint has refused, and why the last one."""

    count: int = 0
    last: str = ""


class Refusals:
    """By the names of endpoints; those for endpoints that are not served here are under ""."""

    def __init__(self) -> None:
        self._refused: dict[str, Refused] = {}

    def of(self, name: str = "") -> Refused:
        """Return what an endpoint has refused."""
        return self._refused.get(name, Refused())

    def note(self, name: str, asked: Connection, error: MeshError) -> None:
        """Count a refusal. Clients come again and again: in the log stands what is new."""
        before = self.of(name)
        why = str(error)[:_MAX_REASON]
        level = logging.WARNING if why != before.last else logging.DEBUG
        segments = asked.path.path_segments
        client = segments[0].name if segments else "somebody"
        wanted = asked.network_service_endpoint_name or "an endpoint without a name"
        logger.log(level, "mesh: %.200s refuses %.200s: %s", wanted, client, why)
        self._refused[name] = Refused(before.count + 1, why)

    def forget(self, name: str) -> None:
        """Forget those of an endpoint that is not served any more."""
        self._refused.pop(name, None)
