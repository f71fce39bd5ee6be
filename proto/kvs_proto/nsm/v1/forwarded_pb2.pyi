# SPDX-License-Identifier: Apache-2.0
from kvs_proto.networkservice import connection_pb2 as _connection_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Forwarded(_message.Message):
    __slots__ = ("told", "onward", "url", "client_namespace", "endpoint_namespace", "life_s")
    TOLD_FIELD_NUMBER: _ClassVar[int]
    ONWARD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LIFE_S_FIELD_NUMBER: _ClassVar[int]
    told: _connection_pb2.Connection
    onward: _connection_pb2.Connection
    url: str
    client_namespace: str
    endpoint_namespace: str
    life_s: int
    def __init__(self, told: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ..., onward: _Optional[_Union[_connection_pb2.Connection, _Mapping]] = ..., url: _Optional[str] = ..., client_namespace: _Optional[str] = ..., endpoint_namespace: _Optional[str] = ..., life_s: _Optional[int] = ...) -> None: ...
