# SPDX-License-Identifier: Apache-2.0
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ARPEntry(_message.Message):
    __slots__ = ("interface", "ip_address", "hw_address", "protected")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    HW_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    interface: str
    ip_address: str
    hw_address: str
    protected: bool
    def __init__(self, interface: _Optional[str] = ..., ip_address: _Optional[str] = ..., hw_address: _Optional[str] = ..., protected: bool = ...) -> None: ...
