# SPDX-License-Identifier: Apache-2.0
"""What comes of endpoints, as properties: their registrations, and the clients that they serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message

from kvscheduler import Descriptor, Origin, Retrieved

from .. import keys
from .descriptor import EndpointDescriptor

__all__ = ["ServedDescriptor"]


class ServedDescriptor(Descriptor[Message, None]):
    """Registrations and connections of endpoints: the mesh makes them."""

    name = "nsm-endpoint-served"
    key_prefix = keys.SERVED
    retrieve_after = (EndpointDescriptor.name,)

    def __init__(self, endpoints: EndpointDescriptor) -> None:
        self._endpoints = endpoints

    def why_absent(self, key: str) -> str:
        """Say why nobody is connected."""
        return self._endpoints.why_not_connected(key)

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved]:
        """Return how it stands with all endpoints."""
        for key, found in self._endpoints.standing():
            if keys is None or key in keys:
                yield Retrieved(key, found, None, Origin.SOUTHBOUND)
