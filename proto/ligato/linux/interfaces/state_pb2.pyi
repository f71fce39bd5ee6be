# SPDX-License-Identifier: Apache-2.0
from ligato.linux.interfaces import interface_pb2 as _interface_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InterfaceState(_message.Message):
    __slots__ = ("name", "internal_name", "type", "if_index", "admin_status", "oper_status", "last_change", "phys_address", "speed", "mtu", "statistics")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN_STATUS: _ClassVar[InterfaceState.Status]
        UP: _ClassVar[InterfaceState.Status]
        DOWN: _ClassVar[InterfaceState.Status]
        DELETED: _ClassVar[InterfaceState.Status]
    UNKNOWN_STATUS: InterfaceState.Status
    UP: InterfaceState.Status
    DOWN: InterfaceState.Status
    DELETED: InterfaceState.Status
    class Statistics(_message.Message):
        __slots__ = ("in_packets", "in_bytes", "out_packets", "out_bytes", "drop_packets", "in_error_packets", "out_error_packets")
        IN_PACKETS_FIELD_NUMBER: _ClassVar[int]
        IN_BYTES_FIELD_NUMBER: _ClassVar[int]
        OUT_PACKETS_FIELD_NUMBER: _ClassVar[int]
        OUT_BYTES_FIELD_NUMBER: _ClassVar[int]
        DROP_PACKETS_FIELD_NUMBER: _ClassVar[int]
        IN_ERROR_PACKETS_FIELD_NUMBER: _ClassVar[int]
        OUT_ERROR_PACKETS_FIELD_NUMBER: _ClassVar[int]
        in_packets: int
        in_bytes: int
        out_packets: int
        out_bytes: int
        drop_packets: int
        in_error_packets: int
        out_error_packets: int
        def __init__(self, in_packets: _Optional[int] = ..., in_bytes: _Optional[int] = ..., out_packets: _Optional[int] = ..., out_bytes: _Optional[int] = ..., drop_packets: _Optional[int] = ..., in_error_packets: _Optional[int] = ..., out_error_packets: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    IF_INDEX_FIELD_NUMBER: _ClassVar[int]
    ADMIN_STATUS_FIELD_NUMBER: _ClassVar[int]
    OPER_STATUS_FIELD_NUMBER: _ClassVar[int]
    LAST_CHANGE_FIELD_NUMBER: _ClassVar[int]
    PHYS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    name: str
    internal_name: str
    type: _interface_pb2.Interface.Type
    if_index: int
    admin_status: InterfaceState.Status
    oper_status: InterfaceState.Status
    last_change: int
    phys_address: str
    speed: int
    mtu: int
    statistics: InterfaceState.Statistics
    def __init__(self, name: _Optional[str] = ..., internal_name: _Optional[str] = ..., type: _Optional[_Union[_interface_pb2.Interface.Type, str]] = ..., if_index: _Optional[int] = ..., admin_status: _Optional[_Union[InterfaceState.Status, str]] = ..., oper_status: _Optional[_Union[InterfaceState.Status, str]] = ..., last_change: _Optional[int] = ..., phys_address: _Optional[str] = ..., speed: _Optional[int] = ..., mtu: _Optional[int] = ..., statistics: _Optional[_Union[InterfaceState.Statistics, _Mapping]] = ...) -> None: ...

class InterfaceNotification(_message.Message):
    __slots__ = ("type", "state")
    class NotifType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[InterfaceNotification.NotifType]
        UPDOWN: _ClassVar[InterfaceNotification.NotifType]
    UNKNOWN: InterfaceNotification.NotifType
    UPDOWN: InterfaceNotification.NotifType
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    type: InterfaceNotification.NotifType
    state: InterfaceState
    def __init__(self, type: _Optional[_Union[InterfaceNotification.NotifType, str]] = ..., state: _Optional[_Union[InterfaceState, _Mapping]] = ...) -> None: ...
