# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectionInterfaceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEFAULT_INTERFACE: _ClassVar[ConnectionInterfaceType]
    KERNEL_INTERFACE: _ClassVar[ConnectionInterfaceType]
    MEM_INTERFACE: _ClassVar[ConnectionInterfaceType]
DEFAULT_INTERFACE: ConnectionInterfaceType
KERNEL_INTERFACE: ConnectionInterfaceType
MEM_INTERFACE: ConnectionInterfaceType

class ConnectionLabel(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class NetworkServiceClient(_message.Message):
    __slots__ = ("name", "network_service", "outgoing_labels", "interface_name", "interface_type", "ip_addresses", "phys_address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    OUTGOING_LABELS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_TYPE_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PHYS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    network_service: str
    outgoing_labels: _containers.RepeatedCompositeFieldContainer[ConnectionLabel]
    interface_name: str
    interface_type: ConnectionInterfaceType
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    phys_address: str
    def __init__(self, name: _Optional[str] = ..., network_service: _Optional[str] = ..., outgoing_labels: _Optional[_Iterable[_Union[ConnectionLabel, _Mapping]]] = ..., interface_name: _Optional[str] = ..., interface_type: _Optional[_Union[ConnectionInterfaceType, str]] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., phys_address: _Optional[str] = ...) -> None: ...

class NetworkServiceEndpoint(_message.Message):
    __slots__ = ("name", "network_service", "advertised_labels", "single_client", "interface_name_prefix", "interface_name_suffix_from_label", "interface_type", "ip_addresses", "phys_address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_SERVICE_FIELD_NUMBER: _ClassVar[int]
    ADVERTISED_LABELS_FIELD_NUMBER: _ClassVar[int]
    SINGLE_CLIENT_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_PREFIX_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_NAME_SUFFIX_FROM_LABEL_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_TYPE_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PHYS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    network_service: str
    advertised_labels: _containers.RepeatedCompositeFieldContainer[ConnectionLabel]
    single_client: bool
    interface_name_prefix: str
    interface_name_suffix_from_label: str
    interface_type: ConnectionInterfaceType
    ip_addresses: _containers.RepeatedScalarFieldContainer[str]
    phys_address: str
    def __init__(self, name: _Optional[str] = ..., network_service: _Optional[str] = ..., advertised_labels: _Optional[_Iterable[_Union[ConnectionLabel, _Mapping]]] = ..., single_client: bool = ..., interface_name_prefix: _Optional[str] = ..., interface_name_suffix_from_label: _Optional[str] = ..., interface_type: _Optional[_Union[ConnectionInterfaceType, str]] = ..., ip_addresses: _Optional[_Iterable[str]] = ..., phys_address: _Optional[str] = ...) -> None: ...

class ConfigData(_message.Message):
    __slots__ = ("clients", "endpoints")
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    clients: _containers.RepeatedCompositeFieldContainer[NetworkServiceClient]
    endpoints: _containers.RepeatedCompositeFieldContainer[NetworkServiceEndpoint]
    def __init__(self, clients: _Optional[_Iterable[_Union[NetworkServiceClient, _Mapping]]] = ..., endpoints: _Optional[_Iterable[_Union[NetworkServiceEndpoint, _Mapping]]] = ...) -> None: ...
