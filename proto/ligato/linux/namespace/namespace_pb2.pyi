# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NetNamespace(_message.Message):
    __slots__ = ("type", "reference")
    class ReferenceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNDEFINED: _ClassVar[NetNamespace.ReferenceType]
        NSID: _ClassVar[NetNamespace.ReferenceType]
        PID: _ClassVar[NetNamespace.ReferenceType]
        FD: _ClassVar[NetNamespace.ReferenceType]
        MICROSERVICE: _ClassVar[NetNamespace.ReferenceType]
    UNDEFINED: NetNamespace.ReferenceType
    NSID: NetNamespace.ReferenceType
    PID: NetNamespace.ReferenceType
    FD: NetNamespace.ReferenceType
    MICROSERVICE: NetNamespace.ReferenceType
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    type: NetNamespace.ReferenceType
    reference: str
    def __init__(self, type: _Optional[_Union[NetNamespace.ReferenceType, str]] = ..., reference: _Optional[str] = ...) -> None: ...

class NamedNamespace(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
