# SPDX-License-Identifier: Apache-2.0
"""The mesh's methods, and what each takes and gives."""

from __future__ import annotations

import dataclasses
from typing import Final, Generic, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from kvs_proto.networkservice import connection_pb2, networkservice_pb2
from kvs_proto.registry import registry_pb2

__all__ = [
    "CLOSE",
    "FIND_ENDPOINTS",
    "FIND_SERVICES",
    "MONITOR",
    "REGISTER_ENDPOINT",
    "REGISTER_SERVICE",
    "REQUEST",
    "UNREGISTER_ENDPOINT",
    "UNREGISTER_SERVICE",
    "Method",
]

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


@dataclasses.dataclass(frozen=True, slots=True)
class Method(Generic[Q, R]):
    """A service's full name, its method's, and the two messages."""

    service: str
    name: str
    takes: type[Q]
    gives: type[R]

    @property
    def path(self) -> str:
        """Return the name that goes over the wire."""
        return f"/{self.service}/{self.name}"


_CONNECTIONS: Final = "networkservice.NetworkService"
_SERVICES: Final = "registry.NetworkServiceRegistry"
_ENDPOINTS: Final = "registry.NetworkServiceEndpointRegistry"

_Connection = connection_pb2.Connection
_Service = registry_pb2.NetworkService
_Endpoint = registry_pb2.NetworkServiceEndpoint

REQUEST: Final = Method(
    _CONNECTIONS, "Request", networkservice_pb2.NetworkServiceRequest, _Connection
)
CLOSE: Final = Method(_CONNECTIONS, "Close", _Connection, Empty)
MONITOR: Final = Method(
    "connection.MonitorConnection",
    "MonitorConnections",
    connection_pb2.MonitorScopeSelector,
    connection_pb2.ConnectionEvent,
)
REGISTER_SERVICE: Final = Method(_SERVICES, "Register", _Service, _Service)
UNREGISTER_SERVICE: Final = Method(_SERVICES, "Unregister", _Service, Empty)
FIND_SERVICES: Final = Method(
    _SERVICES, "Find", registry_pb2.NetworkServiceQuery, registry_pb2.NetworkServiceResponse
)
REGISTER_ENDPOINT: Final = Method(_ENDPOINTS, "Register", _Endpoint, _Endpoint)
UNREGISTER_ENDPOINT: Final = Method(_ENDPOINTS, "Unregister", _Endpoint, Empty)
FIND_ENDPOINTS: Final = Method(
    _ENDPOINTS,
    "Find",
    registry_pb2.NetworkServiceEndpointQuery,
    registry_pb2.NetworkServiceEndpointResponse,
)
