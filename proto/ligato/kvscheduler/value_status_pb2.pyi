# SPDX-License-Identifier: Apache-2.0
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValueState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NONEXISTENT: _ClassVar[ValueState]
    MISSING: _ClassVar[ValueState]
    UNIMPLEMENTED: _ClassVar[ValueState]
    REMOVED: _ClassVar[ValueState]
    CONFIGURED: _ClassVar[ValueState]
    OBTAINED: _ClassVar[ValueState]
    DISCOVERED: _ClassVar[ValueState]
    PENDING: _ClassVar[ValueState]
    INVALID: _ClassVar[ValueState]
    FAILED: _ClassVar[ValueState]
    RETRYING: _ClassVar[ValueState]

class TxnOperation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDEFINED: _ClassVar[TxnOperation]
    VALIDATE: _ClassVar[TxnOperation]
    CREATE: _ClassVar[TxnOperation]
    UPDATE: _ClassVar[TxnOperation]
    DELETE: _ClassVar[TxnOperation]
NONEXISTENT: ValueState
MISSING: ValueState
UNIMPLEMENTED: ValueState
REMOVED: ValueState
CONFIGURED: ValueState
OBTAINED: ValueState
DISCOVERED: ValueState
PENDING: ValueState
INVALID: ValueState
FAILED: ValueState
RETRYING: ValueState
UNDEFINED: TxnOperation
VALIDATE: TxnOperation
CREATE: TxnOperation
UPDATE: TxnOperation
DELETE: TxnOperation

class ValueStatus(_message.Message):
    __slots__ = ("key", "state", "error", "last_operation", "details")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_OPERATION_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    key: str
    state: ValueState
    error: str
    last_operation: TxnOperation
    details: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., state: _Optional[_Union[ValueState, str]] = ..., error: _Optional[str] = ..., last_operation: _Optional[_Union[TxnOperation, str]] = ..., details: _Optional[_Iterable[str]] = ...) -> None: ...

class BaseValueStatus(_message.Message):
    __slots__ = ("value", "derived_values")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DERIVED_VALUES_FIELD_NUMBER: _ClassVar[int]
    value: ValueStatus
    derived_values: _containers.RepeatedCompositeFieldContainer[ValueStatus]
    def __init__(self, value: _Optional[_Union[ValueStatus, _Mapping]] = ..., derived_values: _Optional[_Iterable[_Union[ValueStatus, _Mapping]]] = ...) -> None: ...
