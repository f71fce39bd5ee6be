# SPDX-License-Identifier: Apache-2.0
from ligato.linux import linux_pb2 as _linux_pb2
from ligato.netalloc import netalloc_pb2 as _netalloc_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Config(_message.Message):
    __slots__ = ("linux_config", "netalloc_config")
    LINUX_CONFIG_FIELD_NUMBER: _ClassVar[int]
    NETALLOC_CONFIG_FIELD_NUMBER: _ClassVar[int]
    linux_config: _linux_pb2.ConfigData
    netalloc_config: _netalloc_pb2.ConfigData
    def __init__(self, linux_config: _Optional[_Union[_linux_pb2.ConfigData, _Mapping]] = ..., netalloc_config: _Optional[_Union[_netalloc_pb2.ConfigData, _Mapping]] = ...) -> None: ...
