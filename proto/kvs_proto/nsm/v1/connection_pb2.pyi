# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Connection(_message.Message):
    __slots__ = ("client", "network_service", "endpoint", "mechanism", "interface_name", "socket", "ip_addresses", "routes", "mtu")
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    client: str
    network_service: str
    endpoint: str
    mechanism: str
    interface_name: str
    socket: str
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    mtu: int
    def __init__(self, client: _Optional[str] = ..., network_service: _Optional[str] = ..., endpoint: _Optional[str] = ..., mechanism: _Optional[str] = ..., interface_name: _Optional[str] = ..., socket: _Optional[str] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., mtu: _Optional[int] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("network", "gateway")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    network: str
    gateway: str
    def __init__(self, network: _Optional[str] = ..., gateway: _Optional[str] = ...) -> None: ...
