# SPDX-License-Identifier: Apache-2.0
from ligato.linux.namespace import namespace_pb2 as _namespace_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RuleChain(_message.Message):
    __slots__ = ("name", "namespace", "interfaces", "protocol", "table", "chain_type", "chain_name", "default_policy", "rules", "protected")
    class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IPV4: _ClassVar[RuleChain.Protocol]
        IPV6: _ClassVar[RuleChain.Protocol]
    IPV4: RuleChain.Protocol
    IPV6: RuleChain.Protocol
    class Table(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FILTER: _ClassVar[RuleChain.Table]
        NAT: _ClassVar[RuleChain.Table]
        MANGLE: _ClassVar[RuleChain.Table]
        RAW: _ClassVar[RuleChain.Table]
        SECURITY: _ClassVar[RuleChain.Table]
    FILTER: RuleChain.Table
    NAT: RuleChain.Table
    MANGLE: RuleChain.Table
    RAW: RuleChain.Table
    SECURITY: RuleChain.Table
    class ChainType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CUSTOM: _ClassVar[RuleChain.ChainType]
        INPUT: _ClassVar[RuleChain.ChainType]
        OUTPUT: _ClassVar[RuleChain.ChainType]
        FORWARD: _ClassVar[RuleChain.ChainType]
        PREROUTING: _ClassVar[RuleChain.ChainType]
        POSTROUTING: _ClassVar[RuleChain.ChainType]
    CUSTOM: RuleChain.ChainType
    INPUT: RuleChain.ChainType
    OUTPUT: RuleChain.ChainType
    FORWARD: RuleChain.ChainType
    PREROUTING: RuleChain.ChainType
    POSTROUTING: RuleChain.ChainType
    class Policy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[RuleChain.Policy]
        ACCEPT: _ClassVar[RuleChain.Policy]
        DROP: _ClassVar[RuleChain.Policy]
        QUEUE: _ClassVar[RuleChain.Policy]
        RETURN: _ClassVar[RuleChain.Policy]
    NONE: RuleChain.Policy
    ACCEPT: RuleChain.Policy
    DROP: RuleChain.Policy
    QUEUE: RuleChain.Policy
    RETURN: RuleChain.Policy
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHAIN_NAME_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_POLICY_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    namespace: _namespace_pb2.NetNamespace
    interfaces: _containers.RepeatedScalarFieldContainer[str]
    protocol: RuleChain.Protocol
    table: RuleChain.Table
    chain_type: RuleChain.ChainType
    chain_name: str
    default_policy: RuleChain.Policy
    rules: _containers.RepeatedScalarFieldContainer[str]
    protected: bool
    def __init__(self, name: _Optional[str] = ..., namespace: _Optional[_Union[_namespace_pb2.NetNamespace, _Mapping]] = ..., interfaces: _Optional[_Iterable[str]] = ..., protocol: _Optional[_Union[RuleChain.Protocol, str]] = ..., table: _Optional[_Union[RuleChain.Table, str]] = ..., chain_type: _Optional[_Union[RuleChain.ChainType, str]] = ..., chain_name: _Optional[str] = ..., default_policy: _Optional[_Union[RuleChain.Policy, str]] = ..., rules: _Optional[_Iterable[str]] = ..., protected: bool = ...) -> None: ...
