# SPDX-License-Identifier: Apache-2.0
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from kvs_proto.networkservice import connection_pb2 as _connection_pb2
from kvs_proto.nsm.v1 import connection_pb2 as _connection_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EndpointRegistration(_message.Message):
    __slots__ = ("endpoint", "name", "network_service", "url", "until", "failure")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    name: str
    network_service: str
    url: str
    until: _timestamp_pb2.Timestamp
    failure: str
    def __init__(self, endpoint: _Optional[str] = ..., name: _Optional[str] = ..., network_service: _Optional[str] = ..., url: _Optional[str] = ..., until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., failure: _Optional[str] = ...) -> None: ...

class EndpointConnection(_message.Message):
    __slots__ = ("endpoint", "network_service", "id", "client", "labels", "mechanism", "interface_name", "socket", "ip_addresses", "routes", "mtu")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MECHANISM_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    network_service: str
    id: str
    client: str
    labels: _containers.ScalarMap[str, str]
    mechanism: str
    interface_name: str
    socket: str
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    routes: _containers.RepeatedCompositeFieldContainer[_connection_pb2_1.Route]
    mtu: int
    def __init__(self, endpoint: _Optional[str] = ..., network_service: _Optional[str] = ..., id: _Optional[str] = ..., client: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., mechanism: _Optional[str] = ..., interface_name: _Optional[str] = ..., socket: _Optional[str] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., routes: _Optional[_Iterable[_Union[_connection_pb2_1.Route, _Mapping]]] = ..., mtu: _Optional[int] = ...) -> None: ...

class HeldConnections(_message.Message):
    __slots__ = ("held",)
    HELD_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[HeldConnection]
    def __init__(self, held: _Optional[_Iterable[_Union[HeldConnection, _Mapping]]] = ...) -> None: ...

class HeldConnection(_message.Message):
    __slots__ = ("connection", "interface_name", "life_s")
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    LIFE_S_FIELD_NUMBER: _ClassVar[int]
    connection: _connection_pb2.Connection
    interface_name: str
    life_s: float
    def __init__(self, connection: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ..., interface_name: _Optional[str] = ..., life_s: _Optional[float] = ...) -> None: ...

class FoundEndpoint(_message.Message):
    __slots__ = ("name", "network_service", "url", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    network_service: str
    url: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, name: _Optional[str] = ..., network_service: _Optional[str] = ..., url: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
