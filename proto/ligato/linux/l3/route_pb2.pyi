# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Route(_message.Message):
    __slots__ = ("outgoing_interface", "scope", "dst_network", "gw_addr", "metric", "protected")
    class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNDEFINED: _ClassVar[Route.Scope]
        GLOBAL: _ClassVar[Route.Scope]
        SITE: _ClassVar[Route.Scope]
        LINK: _ClassVar[Route.Scope]
        HOST: _ClassVar[Route.Scope]
    UNDEFINED: Route.Scope
    GLOBAL: Route.Scope
    SITE: Route.Scope
    LINK: Route.Scope
    HOST: Route.Scope
    OUTGOING_INTERFACE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    DST_NETWORK_FIELD_NUMBER: _ClassVar[int]
    GW_ADDR_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    outgoing_interface: str
    scope: Route.Scope
    dst_network: str
    gw_addr: str
    metric: int
    protected: bool
    def __init__(self, outgoing_interface: _Optional[str] = ..., scope: _Optional[_Union[Route.Scope, str]] = ..., dst_network: _Optional[str] = ..., gw_addr: _Optional[str] = ..., metric: _Optional[int] = ..., protected: bool = ...) -> None: ...
