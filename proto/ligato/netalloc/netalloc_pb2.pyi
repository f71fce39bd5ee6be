# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IPAllocation(_message.Message):
    __slots__ = ("network_name", "interface_name", "address", "gw", "protected")
    NETWORK_NAME_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    GW_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    network_name: str
    interface_name: str
    address: str
    gw: str
    protected: bool
    def __init__(self, network_name: _Optional[str] = ..., interface_name: _Optional[str] = ..., address: _Optional[str] = ..., gw: _Optional[str] = ..., protected: bool = ...) -> None: ...

class ConfigData(_message.Message):
    __slots__ = ("ip_addresses",)
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ip_addresses: _containers.RepeatedCompositeFieldContainer[IPAllocation]
    def __init__(self, ip_addresses: _Optional[_Iterable[_Union[IPAllocation, _Mapping]]] = ...) -> None: ...
